"""Floor 2: the engine. It knows no files, no Optuna and no wandb; torch alone runs it.

Its rooms, each of which imports from those before it: ``planning``, ``learners``, ``stack``.
"""

from dlsweep.training._data import choose_device, load_data
from dlsweep.training._heap import keep_freed_memory
from dlsweep.training.learners import StateError
from dlsweep.training.planning import (
    cost,
    free_memory,
    most_members,
    plan,
    refuse_oversized,
    stack_key,
    steps,
    threads,
)
from dlsweep.training.stack import (
    BACKENDS,
    DIVERGED,
    EARLY_STOPPED,
    FINISHED,
    SCHEDULES,
    STEP_LOSS,
    STOPPED,
    EpochEnd,
    EpochMetrics,
    Evaluation,
    Judge,
    RunResult,
    Stack,
    StackState,
    TrainedModel,
    train_stack,
)

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
    "StateError",
    "TrainedModel",
    "choose_device",
    "cost",
    "free_memory",
    "keep_freed_memory",
    "load_data",
    "most_members",
    "plan",
    "refuse_oversized",
    "stack_key",
    "steps",
    "threads",
    "train_stack",
]
