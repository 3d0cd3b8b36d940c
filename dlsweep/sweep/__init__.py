"""Floor 5: sweeps. The sweep file, the search, the study, and the loop that trains them.

Everything but the sweep file is imported with its first use, so that a mistake in the file is
reported at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep._lazy import lazily
from dlsweep.sweep.file import (
    DISTRIBUTIONS,
    METHODS,
    METRICS,
    Distribution,
    Hyperband,
    Metric,
    SweepFile,
    datasets_of,
    load_sweep,
    metric_name,
    objective,
    parse_sweep,
)

if TYPE_CHECKING:
    from dlsweep.sweep.agent import (
        AgentOptions,
        AgentReport,
        JoinedSweep,
        join_sweep,
        train_joined,
    )
    from dlsweep.sweep.driver import (
        Driver,
        Progress,
        Source,
        StudySource,
        leaving_on_signals,
        runs_at_once,
    )
    from dlsweep.sweep.execution import (
        Executor,
        ExecutorError,
        InProcessExecutor,
        ProcessExecutor,
        choose_executor,
    )
    from dlsweep.sweep.local import LocalSweep, SweepOptions
    from dlsweep.sweep.study import (
        STATUSES,
        OptunaMirror,
        PlannedStack,
        Row,
        Run,
        StorageError,
        Study,
        StudyFolders,
        StudyTable,
        export_optuna,
        list_studies,
        read_study,
        resume_study,
        stop_study,
        storage_file,
        study_folders,
        study_names,
    )

__all__ = [
    "DISTRIBUTIONS",
    "METHODS",
    "METRICS",
    "STATUSES",
    "AgentOptions",
    "AgentReport",
    "Distribution",
    "Driver",
    "Executor",
    "ExecutorError",
    "Hyperband",
    "InProcessExecutor",
    "JoinedSweep",
    "LocalSweep",
    "Metric",
    "OptunaMirror",
    "PlannedStack",
    "ProcessExecutor",
    "Progress",
    "Row",
    "Run",
    "Source",
    "StorageError",
    "Study",
    "StudyFolders",
    "StudySource",
    "StudyTable",
    "SweepFile",
    "SweepOptions",
    "choose_executor",
    "datasets_of",
    "export_optuna",
    "join_sweep",
    "leaving_on_signals",
    "list_studies",
    "load_sweep",
    "metric_name",
    "objective",
    "parse_sweep",
    "read_study",
    "resume_study",
    "runs_at_once",
    "stop_study",
    "storage_file",
    "study_folders",
    "study_names",
    "train_joined",
]

__getattr__ = lazily(__name__, __file__)
