"""The queue of stacks that wait to be trained."""

from __future__ import annotations

from collections.abc import Sequence

from dlsweep.config import RunConfig
from dlsweep.sweep.execution import Executor
from dlsweep.sweep.study import Run
from dlsweep.training import (
    Layout,
    compiling_pays,
    cost,
    free_memory,
    most_members,
    plan,
    steps,
)


class Queue:
    """Runs that wait, in stacks. Here each run is a stack of its own, first in, first out."""

    compiles = False
    """Whether stacks may be compiled, so that earlier runs matter; see ``resume``."""

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

    def resume(self, seen: Sequence[RunConfig], compiling: bool) -> None:
        """Take into account what was trained before, and whether it was compiled."""

    def next(self, remaining: int = 0) -> tuple[list[Run], Layout | None]:
        """Take the next stack, and the layout to compile it for, or None.

        Args:
            remaining: how many runs of the sweep were not taken yet; they are assumed to be like
                those that wait.
        """
        return self._stacks.pop(0), None

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
        self.compiles = self._device != "cpu"
        self._seen: list[RunConfig] = []
        self._layout: Layout | None = None
        self._compiling = False

    def add(self, runs: Sequence[Run]) -> list[list[Run]]:
        """See ``Queue``."""
        slots = max(1, self._executor.slots)
        points: dict[int, list[Run]] = {}  # the seeds of a point are trained together
        for run in runs:
            points.setdefault(run.point if run.judged else run.number, []).append(run)
        seeds = max(map(len, points.values()), default=1)
        configs = [_network(group[0]) for group in points.values()]
        models = {config.model for config in configs}
        most = {
            model: max(1, most_members(len(runs), slots, self._device, model) // seeds)
            for model in models
        }
        memory = free_memory(self._device, slots)
        stacks = plan(configs, most, None if memory is None else memory // seeds, self._device)
        # The longest first, so that no slot is left with much at the end.
        stacks.sort(key=lambda stack: sum(cost(configs[i]) for i in stack), reverse=True)
        groups = list(points.values())
        planned = [[run for i in stack for run in groups[i]] for stack in stacks]
        self._stacks += planned
        self.resume(configs, self._compiling)
        return planned

    def resume(self, seen: Sequence[RunConfig], compiling: bool) -> None:
        """See ``Queue``."""
        if not self.compiles:
            return
        self._seen += seen
        if self._seen:
            self._layout = Layout.of(self._seen)  # wide enough for all, so that they share programs
        self._compiling = compiling

    def next(self, remaining: int = 0) -> tuple[list[Run], Layout | None]:
        """See ``Queue``."""
        # Once a stack was compiled, later ones are too, however little is left.
        self._compiling = self._compiling or self._compiling_pays(remaining)
        stack = self._stacks.pop(0)
        return stack, self._layout if self._compiling else None

    def _compiling_pays(self, remaining: int) -> bool:
        waiting = [_network(run) for run in self.runs]
        left = float(sum(map(steps, waiting))) * (1 + remaining / len(waiting))
        return compiling_pays(left, self._executor.slots, self._device)


def _network(run: Run) -> RunConfig:
    """The configuration of a run of a built-in network."""
    assert isinstance(run.config, RunConfig)
    return run.config
