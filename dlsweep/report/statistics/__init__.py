"""Numbers about a runs table and about arrays: pure functions, no claims, no text, no pictures.

The unit of all of them is a configuration: runs that differ in their seed only are one
observation, and so are runs that differ only in settings that had no effect.
"""

from dlsweep.report.statistics._intervals import (
    FEWEST,
    difference_interval,
    mean_interval,
    share_interval,
)
from dlsweep.report.statistics._model import (
    FEWEST_OF_A_LEVEL,
    Additive,
    additive,
    compared,
    interactions,
    pair_codes,
    scores,
    select,
)
from dlsweep.report.statistics._remembered import remembered
from dlsweep.report.statistics._units import (
    MOST_LEVELS,
    Configuration,
    Factor,
    configurations,
    count_of_configurations,
    factor,
    grouped,
    holm,
    is_seed,
    repeated,
    settings,
    together,
    training_seconds,
)

__all__ = [
    "FEWEST",
    "FEWEST_OF_A_LEVEL",
    "MOST_LEVELS",
    "Additive",
    "Configuration",
    "Factor",
    "additive",
    "compared",
    "configurations",
    "count_of_configurations",
    "difference_interval",
    "factor",
    "grouped",
    "holm",
    "interactions",
    "is_seed",
    "mean_interval",
    "pair_codes",
    "remembered",
    "repeated",
    "scores",
    "select",
    "settings",
    "share_interval",
    "together",
    "training_seconds",
]
