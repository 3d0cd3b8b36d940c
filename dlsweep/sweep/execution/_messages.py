"""What a driver and its workers send each other, beside jobs and events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from platform import python_version

from dlsweep._version import __version__


@dataclass(frozen=True)
class Ready:
    """A worker waits for its first job.

    Attributes:
        versions: of Python and of the packages that results depend on, by name.
        host: where the worker runs, as its executor names it.
        notice: one line for the user about this worker, or nothing.
    """

    versions: Mapping[str, str]
    host: str = ""
    notice: str = ""


@dataclass(frozen=True)
class Saved:
    """A checkpoint for the driver to keep, of a worker that does not see the driver's files."""

    job: int
    content: bytes


@dataclass(frozen=True)
class Answer:
    """Which members stop with the epoch that the worker asked about, with their final status."""

    stop: Mapping[int, str]


@dataclass(frozen=True)
class Stop:
    """One member of the running job stops after its present epoch."""

    member: int
    status: str


@dataclass(frozen=True)
class Recorded:
    """The driver has stored what ended in one ``Epoch``."""


@dataclass(frozen=True)
class Leave:
    """The running job ends after its present epoch, with a checkpoint."""


Message = Answer | Stop | Recorded | Leave
"""What a driver says to a worker about its running job."""


def versions() -> dict[str, str]:
    """The versions that a worker must share with its driver for equal results."""
    import torch  # here, for workers start before their driver imports it

    return {"Python": python_version(), "dlsweep": __version__, "torch": str(torch.__version__)}
