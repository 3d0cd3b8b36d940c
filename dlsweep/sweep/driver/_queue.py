"""The queue of stacks that wait to be trained."""

from __future__ import annotations

from collections.abc import Sequence

from dlsweep.config import RunConfig
from dlsweep.sweep.execution import Executor
from dlsweep.sweep.study import Run
from dlsweep.training import (
    cost,
    free_memory,
    most_members,
    plan,
)


class Queue:
    """Runs that wait, in stacks. Here each run is a stack of its own, first in, first out."""

    def __init__(self) -> None:
        self._stacks: list[list[Run]] = []

    def __bool__(self) -> bool:
        return bool(self._stacks)

    @property
    def runs(self) -> list[Run]:
        """The runs that wait."""
        return [run for stack in self._stacks for run in stack]

    def add(self, runs: Sequence[Run]) -> list[list[Run]]:
        """Plan runs into new stacks; those that wait already keep theirs.

        Returns:
            The new stacks, in the order in which they are handed out.
        """
        planned = [[run] for run in runs]
        self._stacks += planned
        return planned

    def put(self, stack: Sequence[Run]) -> None:
        """Add a stack that was planned before."""
        self._stacks.append(list(stack))

    def next(self) -> list[Run]:
        """Take the next stack."""
        return self._stacks.pop(0)

    def remove(self, run: Run) -> list[Run]:
        """Take a run out of its stack; the other runs of the stack."""
        for i, stack in enumerate(self._stacks):
            if run in stack:
                stack.remove(run)
                if not stack:
                    del self._stacks[i]
                return stack
        return []


class StackQueue(Queue):
    """Plans runs of built-in networks into stacks, and hands out the longest first.

    Args:
        executor: where they will be trained; its number of slots and the memory that is free there
            decide how large they are.
    """

    def __init__(self, executor: Executor) -> None:
        super().__init__()
        self._executor = executor
        self._device = executor.device

    def add(self, runs: Sequence[Run]) -> list[list[Run]]:
        """Plan runs into new stacks; those that wait already keep theirs."""
        slots = max(1, self._executor.slots)
        points: dict[int, list[Run]] = {}  # the seeds of a point are trained together
        for run in runs:
            points.setdefault(run.point if run.judged else run.number, []).append(run)
        seeds = max(map(len, points.values()), default=1)
        configs = [_network(group[0]) for group in points.values()]
        most = most_members(len(runs), slots)
        memory = None if self._device == "cpu" else free_memory(self._device, slots)
        stacks = plan(configs, most, memory, self._device, each=seeds)
        # The longest first, so that no slot is left with much at the end.
        stacks.sort(key=lambda stack: sum(cost(configs[i]) for i in stack), reverse=True)
        groups = list(points.values())
        planned = [[run for i in stack for run in groups[i]] for stack in stacks]
        self._stacks += planned
        return planned


def _network(run: Run) -> RunConfig:
    """The configuration of a run of a built-in network."""
    assert isinstance(run.config, RunConfig)
    return run.config
