"""Floor 4: the only importer of wandb for runs."""

from dlsweep.tracking._mode import NO_ACCOUNT, choose_mode, has_credentials
from dlsweep.tracking._online import OnlineRun, OnlineRuns, fetch_runs
from dlsweep.tracking._run import TrackedRun, TrackingError, confusion_plot, open_run
from dlsweep.tracking._train import refuse, train, train_tracked

__all__ = [
    "NO_ACCOUNT",
    "OnlineRun",
    "OnlineRuns",
    "TrackedRun",
    "TrackingError",
    "choose_mode",
    "confusion_plot",
    "fetch_runs",
    "has_credentials",
    "open_run",
    "refuse",
    "train",
    "train_tracked",
]
