"""How a stack is trained for a sweep: from its checkpoint or from the start, told event by event.

This is the same in every trainer, whatever process it is in.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Protocol

from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import Dataset
from dlsweep.sweep._checkpoints import CheckpointError, Saver, read_checkpoint
from dlsweep.sweep._memory import ran_out
from dlsweep.training import (
    EpochEnd,
    EpochMetrics,
    Judge,
    Layout,
    Stack,
    StateError,
    refuse_oversized,
)

DROPPED = "it was given up"
"""Why a stack broke that its trainer was told to drop."""

SAVE_SECONDS = 2.0
"""A stack is kept at most so often."""


@dataclass(frozen=True)
class Resumed:
    """A stack goes on from its checkpoint; the epochs so far of the runs that are in it."""

    job: int
    histories: dict[int, list[EpochMetrics]]


@dataclass(frozen=True)
class Trained:
    """A stack has trained an epoch."""

    job: int
    end: EpochEnd


@dataclass(frozen=True)
class Notice:
    """One line for the user about a stack, which is trained all the same."""

    job: int
    text: str


@dataclass(frozen=True)
class Done:
    """A stack has no members left; its trainer is free."""

    job: int


@dataclass(frozen=True)
class Left:
    """A stack was left after an epoch, as it was told to; it is in its checkpoint."""

    job: int


class Cause(Enum):
    """Why a stack broke."""

    ERROR = auto()
    MEMORY = auto()
    DEATH = auto()


@dataclass(frozen=True)
class Broken:
    """A stack could not be trained any further; its trainer is free again.

    Attributes:
        reason: one line.
        details: the traceback, or nothing.
        cause: an error, memory that ran out, or the death of its process.
    """

    job: int
    reason: str
    details: str = ""
    cause: Cause = Cause.ERROR


Event = Resumed | Trained | Notice | Done | Left | Broken
Loader = Callable[[RunConfig], Dataset]


@dataclass(frozen=True)
class Checkpoint:
    """Where a stack is kept while it is trained.

    Attributes:
        path: the file.
        wanted: whose results are still wanted, by their places in the stack; one that does not
            have them all is of no use.
    """

    path: Path
    wanted: frozenset[int]


@dataclass(frozen=True)
class Job:
    """A stack as a trainer is given it; see ``Trainer.start``."""

    number: int
    configs: Sequence[RunConfig]
    compile_for: Layout | None
    judged: bool
    checkpoint: Checkpoint | None
    save_seconds: float


class Orders(Protocol):
    """What a stack in training asks of those who wait for it."""

    @property
    def leaving(self) -> bool:
        """Whether it is to end with this epoch."""

    def recorded(self, *, wait: bool) -> bool:
        """Whether all results told so far are recorded, or ``wait`` until they are."""

    def judge(self, metrics: Mapping[int, EpochMetrics]) -> Mapping[int, str]:
        """Who is to leave the stack with this epoch, and how it then ended."""


def remembering(load: Loader) -> Loader:
    """``load`` that keeps the data set it loaded last: the next stack mostly wants the same."""
    kept: dict[Hashable, Dataset] = {}

    def loads(config: RunConfig) -> Dataset:
        key = (
            config.dataset,
            config.val_fraction,
            config.train_size,
            config.device,
            config.backend,
        )
        if key not in kept:
            kept.clear()
            kept[key] = load(config)
        return kept[key]

    return loads


class _OfJudge(Exception):
    """What those who were asked who is to leave have raised: no fault of the stack's."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def _asking(orders: Orders) -> Judge:
    """The judge of ``orders``, whose errors are told from those of training."""

    def judge(metrics: Mapping[int, EpochMetrics]) -> Mapping[int, str]:
        try:
            return orders.judge(metrics)
        except Exception as error:
            raise _OfJudge(error) from error

    return judge


def train_job(job: Job, load: Loader, orders: Orders) -> Iterator[Event]:
    """Train a stack to its end; whatever goes wrong with it is an event too.

    Raises:
        Exception: whatever the judge raises.
    """
    try:
        refuse_oversized(job.configs[0])
        data = load(job.configs[0])
        stack, notice = _begin(job, data, orders)
        if notice:
            yield Notice(job.number, notice)
        if stack.histories[stack.active[0]]:
            yield Resumed(job.number, stack.histories)
        saver = Saver(job.checkpoint.path, job.save_seconds) if job.checkpoint else None
        for end in stack:
            yield Trained(job.number, end)
            if not stack.active:
                break
            leaving = orders.leaving
            # Runs that have left are in no checkpoint: where their results are not recorded yet,
            # the one before stays.
            if saver is not None and (leaving or saver.due()) and orders.recorded(wait=leaving):
                try:
                    saver.save(stack)
                except OSError as error:
                    reason = error.strerror or str(error)
                    yield Notice(job.number, f"no checkpoint in {saver.path.parent}: {reason}")
            if leaving:
                yield Left(job.number)
                return
    except _OfJudge as raised:
        raise raised.error from None
    except Exception as error:
        name = "" if isinstance(error, ConfigError) else f"{type(error).__name__}: "
        reason = f"{name}{error}".splitlines()[0]
        cause = Cause.MEMORY if ran_out(error) else Cause.ERROR
        yield Broken(job.number, reason, traceback.format_exc(), cause)
    else:
        yield Done(job.number)


def _begin(job: Job, data: Dataset, orders: Orders) -> tuple[Stack, str]:
    """The stack as its checkpoint has it, or new; with why a checkpoint is not used."""
    judge, notice = _asking(orders) if job.judged else None, ""
    if job.checkpoint is not None:
        wanted = job.checkpoint.wanted
        try:
            state = read_checkpoint(job.checkpoint.path)
            if state is not None:
                stack = Stack(job.configs, data, state=state, judge=judge)
                if wanted <= set(stack.active):
                    return stack, ""
                raise StateError("a run that has not ended is not in it")
        except (CheckpointError, StateError) as error:
            name = job.checkpoint.path.name
            notice = f"checkpoint {name} is not used ({error}); {len(wanted)} runs start again"
    return Stack(job.configs, data, compile_for=job.compile_for, judge=judge), notice
