"""What an executor reports of its jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlsweep.sweep.study import Metrics
    from dlsweep.tracking import Outcome


class Cause(Enum):
    """Why a job broke."""

    ERROR = auto()
    """It raised an exception."""
    MEMORY = auto()
    """Memory ran out."""
    DEATH = auto()
    """Its worker died."""
    LOST = auto()
    """The machine of its worker has left, or cannot be reached: the job is not to blame."""
    NODE = auto()
    """The machine of its worker lacks what others have: nothing is run until it has that."""


@dataclass(frozen=True)
class Resumed:
    """A job goes on from its checkpoint.

    Attributes:
        job: the number of the job, here and below.
        histories: all epochs so far of the members that are still in training.
    """

    job: int
    histories: Mapping[int, Sequence[Metrics]]


@dataclass(frozen=True)
class Epoch:
    """A job has trained an epoch.

    Attributes:
        metrics: of each member that trained; none where the end of a program is reported.
        ended: of the members for which this epoch was the last, what they came to. The driver
            answers with ``Executor.recorded`` once these are stored.
    """

    job: int
    metrics: Mapping[int, Metrics]
    ended: Mapping[int, Outcome]


@dataclass(frozen=True)
class Asked:
    """A job waits to be told which members stop with this epoch; see ``Executor.answer``."""

    job: int
    metrics: Mapping[int, Metrics]


@dataclass(frozen=True)
class Notice:
    """One line for the user about a job, which goes on."""

    job: int
    text: str


@dataclass(frozen=True)
class Done:
    """All members of a job have ended; its slot is free."""

    job: int


@dataclass(frozen=True)
class Left:
    """A job was left after an epoch, as ``Executor.leave`` asks; its checkpoint is written."""

    job: int


@dataclass(frozen=True)
class Broken:
    """A job ended before its members did; its slot is free.

    Attributes:
        reason: one line.
        details: the traceback, or nothing.
        cause: what went wrong.
        info: as ``Outcome.info``.
    """

    job: int
    reason: str
    details: str = ""
    cause: Cause = Cause.ERROR
    info: Mapping[str, Any] = field(default_factory=dict)


Event = Resumed | Epoch | Asked | Notice | Done | Left | Broken
END = (Done, Left, Broken)
"""The events after which a slot is free."""
