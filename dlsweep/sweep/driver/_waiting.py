"""The stacks that wait to be trained: those of the queue, and those that are tried again."""

from __future__ import annotations

from collections.abc import Sequence

from dlsweep.sweep.driver._queue import Queue
from dlsweep.sweep.driver._source import Source
from dlsweep.sweep.study import PlannedStack, Run


class Waiting:
    """Keeps the stacks that wait, and records in the source how they are planned and begun.

    Args:
        source: of the runs.
        queue: plans new runs into stacks.
    """

    def __init__(self, source: Source, queue: Queue) -> None:
        self._source = source
        self._queue = queue
        self._planned: dict[int, PlannedStack] = {}  # of stacks in the queue, by their first run
        self._retries: list[tuple[PlannedStack, list[Run]]] = []

    def __bool__(self) -> bool:
        return bool(self._retries or self._queue)

    @property
    def runs(self) -> list[Run]:
        """The runs that wait."""
        return [*(run for _, runs in self._retries for run in runs), *self._queue.runs]

    def resume(self) -> None:
        """Form the stacks again that an earlier process left unfinished."""
        for stack, runs in self._source.left_over():
            if stack is None:
                self.add(runs)
            elif stack.begun:
                self._retries.append((stack, runs))
            else:
                self._queue.put(runs)
                self._planned[runs[0].number] = stack

    def add(self, runs: Sequence[Run]) -> None:
        """Plan new runs into stacks."""
        if runs:
            stacks = self._queue.add(runs)
            for members, stack in zip(stacks, self._source.plan(stacks), strict=True):
                self._planned[members[0].number] = stack

    def next(self) -> tuple[PlannedStack, list[Run]] | None:
        """Take the stack that is to be trained next, and its runs; None if none waits."""
        if self._retries:
            return self._retries.pop(0)
        if not self._queue:
            return None
        runs = self._queue.next()
        stack = self._planned.pop(runs[0].number)
        return self._source.begin(stack), runs

    def again(self, stack: PlannedStack, runs: list[Run]) -> None:
        """Train a stack that broke again, before the others."""
        self._retries.insert(0, (stack, runs))

    def split(self, stack: PlannedStack, runs: list[Run], size: int) -> None:
        """Train what is left of a stack that broke in smaller ones of at most ``size`` runs."""
        parts = [runs[i : i + size] for i in range(0, len(runs), size)]
        self._retries[:0] = [
            (self._source.begin(planned), part)
            for planned, part in zip(self._source.plan(parts), parts, strict=True)
        ]

    def drop(self, run_id: str) -> list[Run]:
        """Take out the run with this id, if it waits."""
        dropped = [run for run in self._queue.runs if run.run_id == run_id]
        for run in dropped:
            self._planned.pop(run.number, None)  # if it was the first of its stack
            if others := self._queue.remove(run):
                [self._planned[others[0].number]] = self._source.plan([others])
        for i, (stack, runs) in enumerate(self._retries):
            dropped += [run for run in runs if run.run_id == run_id]
            self._retries[i] = (stack, [run for run in runs if run.run_id != run_id])
        self._retries = [(stack, runs) for stack, runs in self._retries if runs]
        return dropped
