"""Floor 4: the only importer of wandb for runs.

Every name is imported with its first use: workers compute outcomes without wandb, and whoever only
reads or sends runs has no use for torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep._lazy import lazily

if TYPE_CHECKING:
    from dlsweep.tracking._background import THREADS, Background, BackgroundRun
    from dlsweep.tracking._data import show_data
    from dlsweep.tracking._errors import TrackingError
    from dlsweep.tracking._limits import room_for_runs
    from dlsweep.tracking._media import (
        confusion_plot,
        data_media,
        per_class_table,
        roc_plot,
        run_media,
    )
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
    from dlsweep.tracking._outcome import Outcome, Picture, conclude
    from dlsweep.tracking._pool import Pool
    from dlsweep.tracking._run import FLUSH_SECONDS, KILLED, TrackedRun, open_run
    from dlsweep.tracking._server import Unreachable
    from dlsweep.tracking._service import (
        Command,
        SweepFacts,
        SweepGone,
        SweepService,
        parse_sweep_id,
    )
    from dlsweep.tracking._sweep_runs import INTERRUPTED, SweepPlace, SweepRuns, sync_commands
    from dlsweep.tracking._sync import is_synced, mark_synced, sync_folders, sync_target
    from dlsweep.tracking._train import refuse, train, train_tracked
    from dlsweep.tracking._transaction_log import TransactionLog, find_log, find_logs

_LAZY = {
    "THREADS": "_background",
    "Background": "_background",
    "BackgroundRun": "_background",
    "show_data": "_data",
    "TrackingError": "_errors",
    "room_for_runs": "_limits",
    "confusion_plot": "_media",
    "data_media": "_media",
    "per_class_table": "_media",
    "roc_plot": "_media",
    "run_media": "_media",
    "NO_ACCOUNT": "_mode",
    "choose_mode": "_mode",
    "has_credentials": "_mode",
    "JOB_TYPE": "_online",
    "OnlineRun": "_online",
    "OnlineRuns": "_online",
    "default_entity": "_online",
    "fetch_runs": "_online",
    "online_ids": "_online",
    "Opener": "_opening",
    "patient_settings": "_opening",
    "synced_as": "_opening",
    "Outcome": "_outcome",
    "Picture": "_outcome",
    "conclude": "_outcome",
    "Pool": "_pool",
    "FLUSH_SECONDS": "_run",
    "KILLED": "_run",
    "TrackedRun": "_run",
    "open_run": "_run",
    "Unreachable": "_server",
    "Command": "_service",
    "SweepFacts": "_service",
    "SweepGone": "_service",
    "SweepService": "_service",
    "parse_sweep_id": "_service",
    "INTERRUPTED": "_sweep_runs",
    "SweepPlace": "_sweep_runs",
    "SweepRuns": "_sweep_runs",
    "sync_commands": "_sweep_runs",
    "is_synced": "_sync",
    "mark_synced": "_sync",
    "sync_folders": "_sync",
    "sync_target": "_sync",
    "refuse": "_train",
    "train": "_train",
    "train_tracked": "_train",
    "TransactionLog": "_transaction_log",
    "find_log": "_transaction_log",
    "find_logs": "_transaction_log",
}

__all__ = [
    "FLUSH_SECONDS",
    "INTERRUPTED",
    "JOB_TYPE",
    "KILLED",
    "NO_ACCOUNT",
    "THREADS",
    "Background",
    "BackgroundRun",
    "Command",
    "OnlineRun",
    "OnlineRuns",
    "Opener",
    "Outcome",
    "Picture",
    "Pool",
    "SweepFacts",
    "SweepGone",
    "SweepPlace",
    "SweepRuns",
    "SweepService",
    "TrackedRun",
    "TrackingError",
    "TransactionLog",
    "Unreachable",
    "choose_mode",
    "conclude",
    "confusion_plot",
    "data_media",
    "default_entity",
    "fetch_runs",
    "find_log",
    "find_logs",
    "has_credentials",
    "is_synced",
    "mark_synced",
    "online_ids",
    "open_run",
    "parse_sweep_id",
    "patient_settings",
    "per_class_table",
    "refuse",
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
