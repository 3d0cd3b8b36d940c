"""Room 1 of the engine: which runs are trained together, in which way, and what they need."""

from dlsweep.training.planning._counts import Counts, counts, counts_of
from dlsweep.training.planning._planner import (
    cost,
    most_members,
    plan,
    stack_key,
    standing,
    steps,
    threads,
)
from dlsweep.training.planning._room import free_memory, members_that_fit, refuse_oversized
from dlsweep.training.planning._ways import (
    COMPILED,
    HAND_WRITTEN,
    ONE_BY_ONE,
    STACKED,
    WAYS,
    is_written_out,
    way,
)

__all__ = [
    "COMPILED",
    "HAND_WRITTEN",
    "ONE_BY_ONE",
    "STACKED",
    "WAYS",
    "Counts",
    "cost",
    "counts",
    "counts_of",
    "free_memory",
    "is_written_out",
    "members_that_fit",
    "most_members",
    "plan",
    "refuse_oversized",
    "stack_key",
    "standing",
    "steps",
    "threads",
    "way",
]
