"""A stack of built-in runs as a job: trained from its checkpoint or from the start."""

from __future__ import annotations

import contextlib
import functools
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from dlsweep._store import store
from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import Dataset
from dlsweep.sweep.execution._checkpoints import CheckpointError, Saver, encode
from dlsweep.sweep.execution._events import Broken, Cause, Done, Epoch, Event, Left, Notice, Resumed
from dlsweep.sweep.execution._job import Checkpoint, Context
from dlsweep.sweep.execution._memory import ran_out
from dlsweep.sweep.execution._needs import Needs, NodeError
from dlsweep.tracking import conclude
from dlsweep.training import (
    EpochMetrics,
    Judge,
    Stack,
    StateError,
    refuse_oversized,
    threads,
)

SAVE_SECONDS = 2.0
"""The least time between two checkpoints of a job."""


@dataclass(frozen=True)
class StackJob:
    """A stack of built-in runs; see ``Job``.

    Attributes:
        number: see ``Job``.
        configs: the members' configurations, in the order of the stack.
        asks: whether the driver is asked after every epoch which members stop (early termination).
        checkpoint: see ``Job``.
        save_seconds: the least time between two checkpoints.
        rungs: epochs with which members may pause: the stack is kept as it was before they leave,
            so that another job can let them go on; see ``rung_file``.
        alone: go on from the checkpoint with those members only that have not ended.
        needs: what of the user's own another machine may lack.
    """

    number: int
    configs: Sequence[RunConfig]
    asks: bool = False
    checkpoint: Checkpoint | None = None
    save_seconds: float = SAVE_SECONDS
    rungs: frozenset[int] = frozenset()
    alone: bool = False
    needs: Needs | None = None

    def run(self, context: Context) -> Iterator[Event]:
        """Train the stack; see ``Job.run``."""
        try:
            yield from self._train(context)
        except Exception as error:
            name = "" if isinstance(error, ConfigError) else f"{type(error).__name__}: "
            reason = (f"{name}{error}".splitlines() or [name])[0]
            cause = Cause.MEMORY if ran_out(error) else Cause.ERROR
            if isinstance(error, NodeError):
                cause = Cause.NODE
            yield Broken(self.number, reason, traceback.format_exc(), cause)

    def _train(self, context: Context) -> Iterator[Event]:
        if self.needs is not None:
            self.needs.meet(self.configs[0])
        torch.set_num_threads(threads(self.configs[0]) or context.threads)
        refuse_oversized(self.configs[0])
        data = context.load(self.configs[0])
        saver = None
        if self.checkpoint is not None:
            send = functools.partial(context.keep, self.number)
            saver = Saver(self.checkpoint, self.save_seconds, send)
        judge = _JudgeAtRungs(self, context)
        stack, notice = self._stack(data, saver, judge)
        judge.stack = stack
        if notice:
            yield Notice(self.number, notice)
        if any(stack.histories.values()):
            yield Resumed(self.number, stack.histories)
        for end in stack:
            ended = {i: conclude(result, data) for i, result in end.results.items()}
            yield Epoch(self.number, end.metrics, ended)
            if not stack.active:
                break
            leaving = context.leaving
            # A checkpoint does not hold members that have ended: the one before stays until the
            # driver has stored their results.
            if saver is not None and (leaving or saver.due()) and context.recorded(wait=leaving):
                try:
                    saver.save(stack.state())
                except OSError as error:
                    reason = error.strerror or str(error)
                    yield Notice(self.number, f"no checkpoint in {saver.folder}: {reason}")
            if leaving:
                yield Left(self.number)
                return
        yield Done(self.number)

    def _stack(self, data: Dataset, saver: Saver | None, judge: Judge) -> tuple[Stack, str]:
        """The stack as its checkpoint has it, or new, with why a checkpoint is not used."""
        notice = ""
        if saver is not None and self.checkpoint is not None:
            needed = self.checkpoint.needed
            try:
                state = saver.read()
                if state is not None:
                    stack = Stack(self.configs, data, state=state, judge=judge)
                    if needed <= set(stack.active):
                        if self.alone:
                            stack.release(set(stack.active) - needed)
                        return stack, ""
                    raise StateError("a run that has not ended is missing from it")
            except (CheckpointError, StateError) as error:
                name = self.checkpoint.path.name
                notice = f"checkpoint {name} is not used ({error}); {len(needed)} runs start again"
        return Stack(self.configs, data, judge=judge), notice


class _JudgeAtRungs:
    """Says which members leave a stack; at a rung the stack is kept first.

    Args:
        job: trains the stack.
        context: asks the driver.

    Attributes:
        stack: what is trained, once it is there.
    """

    def __init__(self, job: StackJob, context: Context) -> None:
        self._job = job
        self._context = context
        self.stack: Stack | None = None

    def __call__(self, metrics: Mapping[int, EpochMetrics]) -> Mapping[int, str]:
        """The members that are told to stop, and those that the driver names."""
        job, answer = self._job, {}
        if job.asks:
            answer = dict(self._context.ask(job.number, metrics))
        epoch = max((m.epoch for m in metrics.values()), default=0)
        if answer and epoch in job.rungs and self.stack is not None and job.checkpoint is not None:
            with contextlib.suppress(OSError):  # they can then not go on, which is no loss
                store(rung_file(job.checkpoint.path, epoch), encode(self.stack.state()))
        return {**answer, **self._context.stopped()}


def rung_file(checkpoint: Path, epoch: int) -> Path:
    """Where a stack is kept as it was at a rung, beside its checkpoint."""
    return checkpoint.with_name(f"{checkpoint.stem}-{epoch}.rung")
