"""Floor 4: the only importer of wandb for runs."""

from dlsweep.tracking._data import JOB_TYPE, ImageSource, show_data
from dlsweep.tracking._limits import room_for_runs
from dlsweep.tracking._media import confusion_plot, data_media, per_class_table, roc_plot, run_media
from dlsweep.tracking._mode import NO_ACCOUNT, choose_mode, has_credentials
from dlsweep.tracking._online import OnlineRun, OnlineRuns, default_entity, fetch_runs, online_ids
from dlsweep.tracking._opening import Opener, patient_settings, synced_as
from dlsweep.tracking._run import FLUSH_SECONDS, TrackedRun, TrackingError, open_run
from dlsweep.tracking._server import Unreachable
from dlsweep.tracking._service import (
    Command,
    SweepFacts,
    SweepGone,
    SweepService,
    parse_sweep_id,
)
from dlsweep.tracking._sweep_run import (
    KILLED,
    SweepPlace,
    give_back_run,
    open_sweep_run,
    refuse_run,
    sync_commands,
)
from dlsweep.tracking._sync import is_synced, mark_synced, sync_folders, sync_target
from dlsweep.tracking._train import refuse, train, train_tracked

__all__ = [
    "FLUSH_SECONDS",
    "JOB_TYPE",
    "KILLED",
    "NO_ACCOUNT",
    "Command",
    "ImageSource",
    "OnlineRun",
    "OnlineRuns",
    "Opener",
    "SweepFacts",
    "SweepGone",
    "SweepPlace",
    "SweepService",
    "TrackedRun",
    "TrackingError",
    "Unreachable",
    "choose_mode",
    "confusion_plot",
    "data_media",
    "default_entity",
    "fetch_runs",
    "give_back_run",
    "has_credentials",
    "is_synced",
    "mark_synced",
    "online_ids",
    "open_run",
    "open_sweep_run",
    "parse_sweep_id",
    "patient_settings",
    "per_class_table",
    "refuse",
    "refuse_run",
    "roc_plot",
    "room_for_runs",
    "run_media",
    "show_data",
    "sync_commands",
    "sync_folders",
    "sync_target",
    "synced_as",
    "train",
    "train_tracked",
]
