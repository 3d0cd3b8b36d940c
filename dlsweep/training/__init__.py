"""Floor 2: the engine. It knows no files, no Optuna and no wandb; torch alone runs it."""

from dlsweep.training._data import choose_device, load_data
from dlsweep.training._heap import keep_freed_memory
from dlsweep.training._layout import Layout
from dlsweep.training._memory import StackMemory, members_that_fit, stack_memory
from dlsweep.training._planner import (
    compiling_pays,
    cost,
    most_members,
    plan,
    stack_key,
    steps,
    threads,
)
from dlsweep.training._results import (
    DIVERGED,
    EARLY_STOPPED,
    FINISHED,
    STOPPED,
    EpochMetrics,
    Evaluation,
    RunResult,
)
from dlsweep.training._room import free_memory, refuse_oversized
from dlsweep.training._schedules import SCHEDULES
from dlsweep.training._stack import BACKENDS, EpochEnd, Judge, Stack, train_stack
from dlsweep.training._state import StackState, StateError, layout_facts, layout_from
from dlsweep.training._trained import TrainedModel

__all__ = [
    "BACKENDS",
    "DIVERGED",
    "EARLY_STOPPED",
    "FINISHED",
    "SCHEDULES",
    "STOPPED",
    "EpochEnd",
    "EpochMetrics",
    "Evaluation",
    "Judge",
    "Layout",
    "RunResult",
    "Stack",
    "StackMemory",
    "StackState",
    "StateError",
    "TrainedModel",
    "choose_device",
    "compiling_pays",
    "cost",
    "free_memory",
    "keep_freed_memory",
    "layout_facts",
    "layout_from",
    "load_data",
    "members_that_fit",
    "most_members",
    "plan",
    "refuse_oversized",
    "stack_key",
    "stack_memory",
    "steps",
    "threads",
    "train_stack",
]
