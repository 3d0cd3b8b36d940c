"""Floor 4: the sweep file, the search and the study.

Optuna and SQLAlchemy are imported with the first use of a study, not with the package, so that a
sweep file is refused at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dlsweep.sweep._distributions import DISTRIBUTIONS, Distribution
from dlsweep.sweep._file import METHODS, Hyperband, SweepFile, load_sweep, parse_sweep
from dlsweep.sweep._metric import METRICS, Metric, metric_name

if TYPE_CHECKING:
    from dlsweep.sweep._rows import STATUSES, Row, StudyTable
    from dlsweep.sweep._study import Point, Study, list_studies, read_study

_LAZY = {
    "STATUSES": "_rows",
    "Row": "_rows",
    "StudyTable": "_rows",
    "Point": "_study",
    "Study": "_study",
    "list_studies": "_study",
    "read_study": "_study",
}

__all__ = [
    "DISTRIBUTIONS",
    "METHODS",
    "METRICS",
    "STATUSES",
    "Distribution",
    "Hyperband",
    "Metric",
    "Point",
    "Row",
    "Study",
    "StudyTable",
    "SweepFile",
    "list_studies",
    "load_sweep",
    "metric_name",
    "parse_sweep",
    "read_study",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"dlsweep.sweep.{_LAZY[name]}"), name)
