"""The sentences that a report can write from its runs: each a function of the runs table."""

from dlsweep.report.text._answer import answer, sentences
from dlsweep.report.text._best import best_run, how_sure
from dlsweep.report.text._comparison import compared, missing_commands
from dlsweep.report.text._in_common import (
    diverged_in_common,
    failures,
    guessing,
    high,
    in_common,
    low,
)
from dlsweep.report.text._matters import what_matters
from dlsweep.report.text._methods import methods
from dlsweep.report.text._names import sentence
from dlsweep.report.text._overview import cautions, overview
from dlsweep.report.text._steps import Step, first_step, more_steps, next_steps, steps
from dlsweep.report.text._suggestions import suggest, suggestions

__all__ = [
    "Step",
    "answer",
    "best_run",
    "cautions",
    "compared",
    "diverged_in_common",
    "failures",
    "first_step",
    "guessing",
    "high",
    "how_sure",
    "in_common",
    "low",
    "methods",
    "missing_commands",
    "more_steps",
    "next_steps",
    "overview",
    "sentence",
    "sentences",
    "steps",
    "suggest",
    "suggestions",
    "what_matters",
]
