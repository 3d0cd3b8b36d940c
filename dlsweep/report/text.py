"""The sentences that a report can write from its runs: each a function of the runs table."""

from dlsweep.report._answer import answer
from dlsweep.report._in_common import (
    diverged_in_common,
    failures,
    guessing,
    high,
    in_common,
    low,
)
from dlsweep.report._overview import cautions, overview
from dlsweep.report._suggestions import next_steps, suggestions
from dlsweep.report._text import best_run, compared, methods, what_matters

__all__ = [
    "answer",
    "best_run",
    "cautions",
    "compared",
    "diverged_in_common",
    "failures",
    "guessing",
    "high",
    "in_common",
    "low",
    "methods",
    "next_steps",
    "overview",
    "suggestions",
    "what_matters",
]
