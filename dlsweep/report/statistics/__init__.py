"""Numbers about a runs table: pure functions, no text and no pictures.

The unit of all of them is a configuration: runs that differ in their seed only are one
observation. Where there are too few, the result says so instead of guessing.
"""

from dlsweep.report.statistics._common import (
    FEWEST,
    FEWEST_OF_A_KIND,
    FEWEST_TOP,
    THRESHOLD,
    Group,
    Trait,
    diverged_runs,
    low_runs,
    top_runs,
)
from dlsweep.report.statistics._effects import (
    Comparison,
    Effect,
    Mean,
    comparison,
    effects,
    interval,
)
from dlsweep.report.statistics._importance import (
    Correlation,
    Importance,
    Importances,
    correlations,
    importances,
)
from dlsweep.report.statistics._units import (
    MOST_LEVELS,
    Configuration,
    configurations,
    is_seed,
    repeats,
    settings,
)

__all__ = [
    "FEWEST",
    "FEWEST_OF_A_KIND",
    "FEWEST_TOP",
    "MOST_LEVELS",
    "THRESHOLD",
    "Comparison",
    "Configuration",
    "Correlation",
    "Effect",
    "Group",
    "Importance",
    "Importances",
    "Mean",
    "Trait",
    "comparison",
    "configurations",
    "correlations",
    "diverged_runs",
    "effects",
    "importances",
    "interval",
    "is_seed",
    "low_runs",
    "repeats",
    "settings",
    "top_runs",
]
