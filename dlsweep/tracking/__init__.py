"""Floor 4: the only importer of wandb for runs.

What makes or fills a run is imported with its first use: it needs torch, which whoever only reads
or sends runs should not wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep._lazy import lazily
from dlsweep.tracking._errors import TrackingError
from dlsweep.tracking._limits import room_for_runs
from dlsweep.tracking._mode import NO_ACCOUNT, choose_mode, has_credentials
from dlsweep.tracking._online import (
    JOB_TYPE,
    OnlineRun,
    OnlineRuns,
    default_entity,
    fetch_runs,
    online_ids,
)
from dlsweep.tracking._opening import Opener, patient_settings, synced_as
from dlsweep.tracking._server import Unreachable
from dlsweep.tracking._service import (
    Command,
    SweepFacts,
    SweepGone,
    SweepService,
    parse_sweep_id,
)
from dlsweep.tracking._sync import is_synced, mark_synced, sync_folders, sync_target

if TYPE_CHECKING:
    from dlsweep.tracking._data import ImageSource, show_data
    from dlsweep.tracking._media import (
        confusion_plot,
        data_media,
        per_class_table,
        roc_plot,
        run_media,
    )
    from dlsweep.tracking._run import FLUSH_SECONDS, TrackedRun, open_run
    from dlsweep.tracking._sweep_run import (
        KILLED,
        SweepPlace,
        give_back_run,
        open_sweep_run,
        refuse_run,
        sync_commands,
    )
    from dlsweep.tracking._train import refuse, train, train_tracked

_LAZY = {
    "ImageSource": "_data",
    "show_data": "_data",
    "confusion_plot": "_media",
    "data_media": "_media",
    "per_class_table": "_media",
    "roc_plot": "_media",
    "run_media": "_media",
    "FLUSH_SECONDS": "_run",
    "TrackedRun": "_run",
    "open_run": "_run",
    "KILLED": "_sweep_run",
    "SweepPlace": "_sweep_run",
    "give_back_run": "_sweep_run",
    "open_sweep_run": "_sweep_run",
    "refuse_run": "_sweep_run",
    "sync_commands": "_sweep_run",
    "refuse": "_train",
    "train": "_train",
    "train_tracked": "_train",
}

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

__getattr__ = lazily(__name__, _LAZY)
