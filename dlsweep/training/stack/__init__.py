"""Room 3 of the engine: the loop over epochs, its members, their results and their states."""

from dlsweep.training.stack._results import (
    DIVERGED,
    EARLY_STOPPED,
    FINISHED,
    STEP_LOSS,
    STOPPED,
    EpochMetrics,
    Evaluation,
    RunResult,
)
from dlsweep.training.stack._schedules import SCHEDULES
from dlsweep.training.stack._stack import BACKENDS, EpochEnd, Judge, Stack, train_stack
from dlsweep.training.stack._state import StackState
from dlsweep.training.stack._trained import TrainedModel

__all__ = [
    "BACKENDS",
    "DIVERGED",
    "EARLY_STOPPED",
    "FINISHED",
    "SCHEDULES",
    "STEP_LOSS",
    "STOPPED",
    "EpochEnd",
    "EpochMetrics",
    "Evaluation",
    "Judge",
    "RunResult",
    "Stack",
    "StackState",
    "TrainedModel",
    "train_stack",
]
