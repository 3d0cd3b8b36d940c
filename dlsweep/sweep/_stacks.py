"""Runs that wait to be trained, in stacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from dlsweep.config import RunConfig
from dlsweep.training import (
    Layout,
    compiling_pays,
    cost,
    free_memory,
    most_members,
    plan,
    steps,
)


class HasConfig(Protocol):
    """What can wait: anything with the configuration of a run."""

    @property
    def config(self) -> RunConfig:
        """The run's configuration."""


Waiting = TypeVar("Waiting", bound=HasConfig)


class StackQueue(Generic[Waiting]):
    """Plans runs into stacks and hands these out, the longest first.

    Args:
        processes: how many stacks train at once.
        device: where, cpu or cuda; stacks keep to the memory that is free there.
    """

    def __init__(self, processes: int, device: str = "cpu") -> None:
        self._processes = processes
        self._device = device
        self._stacks: list[list[Waiting]] = []
        self._seen: list[RunConfig] = []
        self._layout: Layout | None = None
        self._compiling = False

    def __bool__(self) -> bool:
        return bool(self._stacks)

    @property
    def waiting(self) -> list[Waiting]:
        """The runs that wait."""
        return [run for stack in self._stacks for run in stack]

    def add(self, runs: Sequence[Waiting]) -> list[list[Waiting]]:
        """Plan runs that were asked for together; those that wait already keep their stacks.

        Args:
            runs: the runs.

        Returns:
            The new stacks, in the order in which they are handed out.
        """
        configs = [run.config for run in runs]
        models = {config.model for config in configs}
        most = {m: most_members(len(configs), self._processes, self._device, m) for m in models}
        memory = free_memory(self._device, self._processes)
        stacks = plan(configs, most, memory, self._device)
        # The longest first, so that no process is left with much at the end.
        stacks.sort(key=lambda stack: sum(cost(configs[i]) for i in stack), reverse=True)
        planned = [[runs[i] for i in stack] for stack in stacks]
        self._stacks += planned
        self.resume(configs, self._compiling)
        return planned

    def put(self, stack: Sequence[Waiting]) -> None:
        """A stack that was planned before."""
        self._stacks.append(list(stack))

    def resume(self, seen: Sequence[RunConfig], compiling: bool) -> None:
        """Take into account what was trained before, and whether it was compiled."""
        self._seen += seen
        if self._seen:
            self._layout = Layout.of(self._seen)  # wide enough for all, so that programs are shared
        self._compiling = compiling

    def next(self, unasked: int = 0) -> tuple[list[Waiting], Layout | None]:
        """Take the next stack, and the layout to compile it for, or None.

        Args:
            unasked: how many runs the sweep has that were not asked for yet; taken to be like
                those that wait.
        """
        # What is compiled once stays so, however little is left at the end.
        self._compiling |= self._will_compile([run.config for run in self.waiting], unasked)
        stack = self._stacks.pop(0)
        return stack, self._layout if self._compiling else None

    def _will_compile(self, waiting: Sequence[RunConfig], unasked: int) -> bool:
        """Whether compiling pays, for these and for so many like them."""
        if self._compiling:
            return True
        left = float(sum(map(steps, waiting))) * (1 + unasked / len(waiting))
        return compiling_pays(left, self._processes, self._device)

    def drop(self, runs: Sequence[Waiting]) -> None:
        """Let runs no longer wait."""
        stacks = [[run for run in stack if run not in runs] for stack in self._stacks]
        self._stacks = [stack for stack in stacks if stack]
