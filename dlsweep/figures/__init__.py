"""Floor 3: what a run and its data look like: arrays in, numbers and pictures out."""

from dlsweep.figures._analysis import (
    ClassScores,
    Example,
    RocCurve,
    RunAnalysis,
    SplitAnalysis,
    analyse,
    analyse_run,
    choose_examples,
    per_class,
)

__all__ = [
    "ClassScores",
    "Example",
    "RocCurve",
    "RunAnalysis",
    "SplitAnalysis",
    "analyse",
    "analyse_run",
    "choose_examples",
    "per_class",
]
