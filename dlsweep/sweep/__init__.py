"""Floor 5: the sweep file, the search, the study, and the sweep without a server.

Optuna and SQLAlchemy are imported with the first use of a study, not with the package, so that a
sweep file is refused at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep._lazy import lazily
from dlsweep.sweep._distributions import DISTRIBUTIONS, Distribution
from dlsweep.sweep._file import METHODS, Hyperband, SweepFile, load_sweep, parse_sweep
from dlsweep.sweep._metric import METRICS, Metric, metric_name

if TYPE_CHECKING:
    from dlsweep.sweep._database import StorageError, storage_name
    from dlsweep.sweep._join import AgentReport, JoinedSweep, agent, join_sweep, train_joined
    from dlsweep.sweep._local import LocalSweep, Watcher
    from dlsweep.sweep._reading import list_studies, read_study, resume_study, stop_study
    from dlsweep.sweep._rows import STATUSES, Row, StudyTable, objective
    from dlsweep.sweep._showing import datasets_of
    from dlsweep.sweep._study import Point, Study
    from dlsweep.sweep._sync import StudyFolders, study_folders

_LAZY = {
    "LocalSweep": "_local",
    "Watcher": "_local",
    "datasets_of": "_showing",
    "AgentReport": "_join",
    "JoinedSweep": "_join",
    "agent": "_join",
    "join_sweep": "_join",
    "train_joined": "_join",
    "HereTrainer": "_trainers",
    "ProcessTrainer": "_processes",
    "Trainer": "_trainers",
    "choose_trainer": "_trainers",
    "STATUSES": "_rows",
    "Row": "_rows",
    "StudyTable": "_rows",
    "objective": "_rows",
    "Point": "_study",
    "Study": "_study",
    "StudyFolders": "_sync",
    "study_folders": "_sync",
    "list_studies": "_reading",
    "read_study": "_reading",
    "resume_study": "_reading",
    "stop_study": "_reading",
    "StorageError": "_database",
    "storage_name": "_database",
}

__all__ = [
    "DISTRIBUTIONS",
    "METHODS",
    "METRICS",
    "STATUSES",
    "AgentReport",
    "Distribution",
    "HereTrainer",
    "Hyperband",
    "JoinedSweep",
    "LocalSweep",
    "Metric",
    "Point",
    "ProcessTrainer",
    "Row",
    "StorageError",
    "Study",
    "StudyFolders",
    "StudyTable",
    "SweepFile",
    "Trainer",
    "Watcher",
    "agent",
    "choose_trainer",
    "datasets_of",
    "join_sweep",
    "list_studies",
    "load_sweep",
    "metric_name",
    "objective",
    "parse_sweep",
    "read_study",
    "resume_study",
    "stop_study",
    "storage_name",
    "study_folders",
    "train_joined",
]

__getattr__ = lazily(__name__, _LAZY)
