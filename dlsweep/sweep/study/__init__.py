"""The study of a sweep: its runs, epochs and stacks in a SQLite file; one writer, many readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep._lazy import lazily
from dlsweep.sweep.study._front import Compromise, unbeaten
from dlsweep.sweep.study._names import run_name
from dlsweep.sweep.study._points import (
    SEED,
    Point,
    candidates_of,
    points_of,
    seed_of,
    with_seed,
)
from dlsweep.sweep.study._reading import (
    StudyFolders,
    list_studies,
    read_study,
    resume_study,
    stop_study,
    study_folders,
    study_names,
)
from dlsweep.sweep.study._runs import (
    ROLES,
    STATUSES,
    Metrics,
    PlannedStack,
    Row,
    Run,
)
from dlsweep.sweep.study._storage import StorageError, storage_file
from dlsweep.sweep.study._table import StudyTable

if TYPE_CHECKING:  # readers do without PyTorch, Optuna and wandb
    from dlsweep.sweep.study._optuna import OptunaMirror, export_optuna
    from dlsweep.sweep.study._study import Study

__all__ = [
    "ROLES",
    "SEED",
    "STATUSES",
    "Compromise",
    "Metrics",
    "OptunaMirror",
    "PlannedStack",
    "Point",
    "Row",
    "Run",
    "StorageError",
    "Study",
    "StudyFolders",
    "StudyTable",
    "candidates_of",
    "export_optuna",
    "list_studies",
    "points_of",
    "read_study",
    "resume_study",
    "run_name",
    "seed_of",
    "stop_study",
    "storage_file",
    "study_folders",
    "study_names",
    "unbeaten",
    "with_seed",
]

__getattr__ = lazily(__name__, __file__)
