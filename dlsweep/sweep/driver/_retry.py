"""The retry policy: what is tried after a stack broke."""

from __future__ import annotations

import math

from dlsweep.sweep.execution import Cause

MOST_DEATHS = 4
"""How many workers may die training a run before it has failed: at least two with it alone."""

MOST_LOSSES = 10
"""How often a stack may be lost with its machine before its runs have failed."""


def retry_size(cause: Cause, open_runs: int, members: int, deaths: int) -> int | None:
    """In what size of stacks the runs of a broken stack are trained again.

    It is not known which run was at fault. After an error each run is trained alone; after memory
    ran out the stack is halved. If the worker's machine has left, no run is to blame, and the stack
    is trained as it was. A worker that died usually died of something else, so the stack is first
    tried once more as it was; after the second death its runs are trained alone, so that the others
    survive the one at fault.

    Args:
        cause: why the stack broke.
        open_runs: how many of its runs have not ended.
        members: how many runs it was made of.
        deaths: how many workers have died training one of these runs, at most; of a lost stack, how
            often it was lost.

    Returns:
        ``members`` to train the same stack again, a smaller number to split it, or None if the
        runs have failed.
    """
    if cause is Cause.LOST:
        return members if deaths < MOST_LOSSES else None
    if cause is Cause.DEATH:
        if deaths >= MOST_DEATHS:
            return None
        return 1 if deaths > 1 else members
    if cause is Cause.MEMORY and members > 1:
        return math.ceil(open_runs / 2)
    return 1 if open_runs > 1 else None
