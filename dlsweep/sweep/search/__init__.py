"""Which configuration is tried next, and which runs end early."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep._lazy import lazily
from dlsweep.sweep.search._early_termination import EarlyTermination
from dlsweep.sweep.search._mean_termination import MeanTermination
from dlsweep.sweep.search._search import Draft, Search
from dlsweep.sweep.search._successive_halving import SuccessiveHalving

if TYPE_CHECKING:  # what imports Optuna or SciPy waits until it is needed
    from dlsweep.sweep.search._bayes import STARTUP, Bayes, optuna_distribution, quiet
    from dlsweep.sweep.search._confirm import Candidate, Comparison, Confirmation, affordable

__all__ = [
    "STARTUP",
    "Bayes",
    "Candidate",
    "Comparison",
    "Confirmation",
    "Draft",
    "EarlyTermination",
    "MeanTermination",
    "Search",
    "SuccessiveHalving",
    "affordable",
    "optuna_distribution",
    "quiet",
]

__getattr__ = lazily(__name__, __file__)
