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
    from dlsweep.tracking._function import call_with_run
    from dlsweep.tracking._joined_log import join_logs
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
    from dlsweep.tracking._run import (
        FLUSH_SECONDS,
        INTERRUPTED,
        KILLED,
        TrackedRun,
        end_untrained,
        open_run,
    )
    from dlsweep.tracking._server import Unreachable
    from dlsweep.tracking._service import (
        Command,
        SweepFacts,
        SweepGone,
        SweepService,
        parse_sweep_id,
    )
    from dlsweep.tracking._sync import (
        is_synced,
        mark_synced,
        sync_commands,
        sync_folders,
        sync_target,
    )
    from dlsweep.tracking._train import refuse, train, train_tracked
    from dlsweep.tracking._transaction_log import (
        TransactionLog,
        find_folders,
        find_log,
        find_logs,
        forget_sweep,
    )

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
    "SweepService",
    "TrackedRun",
    "TrackingError",
    "TransactionLog",
    "Unreachable",
    "call_with_run",
    "choose_mode",
    "conclude",
    "confusion_plot",
    "data_media",
    "default_entity",
    "end_untrained",
    "fetch_runs",
    "find_folders",
    "find_log",
    "find_logs",
    "forget_sweep",
    "has_credentials",
    "is_synced",
    "join_logs",
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

__getattr__ = lazily(__name__, __file__)
