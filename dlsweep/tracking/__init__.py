"""Floor 4: the only importer of wandb for runs."""

from dlsweep.tracking._data import JOB_TYPE, ImageSource, show_data
from dlsweep.tracking._media import confusion_plot, data_media, per_class_table, roc_plot, run_media
from dlsweep.tracking._mode import NO_ACCOUNT, choose_mode, has_credentials
from dlsweep.tracking._online import OnlineRun, OnlineRuns, default_entity, fetch_runs, online_ids
from dlsweep.tracking._run import TrackedRun, TrackingError, open_run
from dlsweep.tracking._train import refuse, train, train_tracked

__all__ = [
    "JOB_TYPE",
    "NO_ACCOUNT",
    "ImageSource",
    "OnlineRun",
    "OnlineRuns",
    "TrackedRun",
    "TrackingError",
    "choose_mode",
    "confusion_plot",
    "data_media",
    "default_entity",
    "fetch_runs",
    "has_credentials",
    "online_ids",
    "open_run",
    "per_class_table",
    "refuse",
    "roc_plot",
    "run_media",
    "show_data",
    "train",
    "train_tracked",
]
