"""What a driver and its workers send each other, and the worker's side of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.sweep.execution._events import Asked, Epoch, Event
from dlsweep.sweep.execution._job import Job
from dlsweep.sweep.execution._loading import remembering


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


class Channel(Protocol):
    """A worker's connection to its driver."""

    def send(self, message: object) -> None:
        """Send a message to the driver."""

    def receive(self) -> object:
        """The next message of the driver; waits for it. EOFError once there are no more."""

    def waiting(self) -> bool:
        """Whether a message can be received at once."""


class Inbox:
    """The ``Context`` of the jobs that a worker runs, over its channel.

    Args:
        channel: the connection to the driver.
        load: loads data sets.
        threads: see ``Context``.
    """

    def __init__(
        self, channel: Channel, load: Callable[[RunConfig], Dataset], threads: int | None
    ) -> None:
        self.threads = threads
        self._channel = channel
        self._load = load
        self._reset()

    def _reset(self) -> None:
        self._unrecorded = 0
        self._leaving = False
        self._stopped: dict[int, str] = {}

    def next_job(self) -> Job:
        """Wait for the next job. Messages about an earlier one are dropped."""
        while True:
            message = self._channel.receive()
            if not isinstance(message, Message):
                self._reset()
                return message  # type: ignore[return-value]

    def report(self, event: Event) -> None:
        """Send an event to the driver."""
        self._unrecorded += isinstance(event, Epoch) and bool(event.ended)
        self._channel.send(event)

    def _receive(self) -> object:
        message = self._channel.receive()
        if isinstance(message, Recorded):
            self._unrecorded -= 1
        elif isinstance(message, Leave):
            self._leaving = True
        elif isinstance(message, Stop):
            self._stopped[message.member] = message.status
        return message

    def _catch_up(self) -> None:
        while self._channel.waiting():
            self._receive()

    @property
    def leaving(self) -> bool:
        """See ``Context``."""
        self._catch_up()
        return self._leaving

    def load(self, config: RunConfig) -> Dataset:
        """See ``Context``."""
        return self._load(config)

    def stopped(self) -> Mapping[int, str]:
        """See ``Context``."""
        self._catch_up()
        stopped, self._stopped = self._stopped, {}
        return stopped

    def ask(self, job: int, metrics: Mapping[int, object]) -> Mapping[int, str]:
        """See ``Context``."""
        self._channel.send(Asked(job, metrics))  # type: ignore[arg-type]
        while True:
            message = self._receive()
            if isinstance(message, Answer):
                return message.stop

    def recorded(self, *, wait: bool) -> bool:
        """See ``Context``."""
        while self._unrecorded and (wait or self._channel.waiting()):
            self._receive()
        return not self._unrecorded

    def keep(self, job: int, content: bytes) -> None:
        """See ``Context``."""
        self._channel.send(Saved(job, content))


def serve(channel: Channel, threads: int | None, host: str = "", notice: str = "") -> None:
    """Run jobs until the channel closes: the whole life of a worker process or actor.

    Args:
        channel: the connection to the driver.
        threads: see ``Context``.
        host: see ``Ready``.
        notice: see ``Ready``.
    """
    from dlsweep.training import keep_freed_memory, load_data

    keep_freed_memory()
    inbox = Inbox(channel, remembering(functools.partial(load_data, share=True)), threads)
    try:
        channel.send(Ready(versions(), host, notice))
        while True:
            for event in inbox.next_job().run(inbox):
                inbox.report(event)
    except (EOFError, OSError):
        return


def versions() -> dict[str, str]:
    """The versions that a worker must share with its driver for equal results."""
    from platform import python_version

    import torch

    from dlsweep._version import __version__

    return {"Python": python_version(), "dlsweep": __version__, "torch": str(torch.__version__)}
