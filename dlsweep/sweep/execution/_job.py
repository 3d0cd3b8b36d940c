"""A job, the context it runs in, and the loop of a worker that runs jobs."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Protocol

from dlsweep.config import RunConfig
from dlsweep.data import Dataset, DataSettings
from dlsweep.sweep.execution._events import Asked, Epoch, Event
from dlsweep.sweep.execution._messages import (
    Answer,
    Leave,
    Message,
    Ready,
    Recorded,
    Saved,
    Stop,
    versions,
)
from dlsweep.training import keep_freed_memory, load_data

_split_settings = attrgetter("val_fraction", "train_size", "device", "backend")
"""What a data set in memory depends on, beside which images there are."""


@dataclass(frozen=True)
class Checkpoint:
    """Where a job is kept while it runs.

    Attributes:
        path: the file.
        needed: the members whose results are not recorded yet. A checkpoint without one of them
            cannot be used.
        marker: the content of the file ``FOLDER_MARKER`` beside it. A worker that reads something
            else there, or nothing, sees another folder than the driver; empty where every worker
            sees the driver's files.
        content: what the file held when the job was submitted, for a worker that cannot see it.
    """

    path: Path
    needed: frozenset[int]
    marker: str = ""
    content: bytes | None = None


class Job(Protocol):
    """Something to run in a worker. It is pickled on its way there."""

    @property
    def number(self) -> int:
        """What its events call it; unique in an executor."""

    @property
    def checkpoint(self) -> Checkpoint | None:
        """Where it is kept while it runs; None to keep nothing."""

    def run(self, context: Context) -> Iterator[Event]:
        """Run to the end. Whatever goes wrong is a ``Broken`` event, not an exception."""


class Channel(Protocol):
    """A worker's connection to its driver."""

    def send(self, message: object) -> None:
        """Send a message to the driver."""

    def receive(self) -> object:
        """The next message of the driver; waits for it. EOFError once there are no more."""

    def waiting(self) -> bool:
        """Whether a message can be received at once."""


class Context:
    """What a running job asks of its driver and of the worker it runs in.

    Args:
        channel: the worker's connection to the driver.
        threads: how many threads a job that gains from several may use.
    """

    def __init__(self, channel: Channel, threads: int) -> None:
        self.threads = threads
        self._channel = channel
        self._loaded: dict[Hashable, Dataset] = {}
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

    def load(self, config: RunConfig) -> Dataset:
        """Load the data set of a configuration. It is kept until a job needs another one."""
        key = DataSettings.of(config), _split_settings(config)
        if key not in self._loaded:
            self._loaded.clear()
            self._loaded[key] = load_data(config, share=True)
        return self._loaded[key]

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
        """Whether the job is to end after this epoch, with a checkpoint."""
        self._catch_up()
        return self._leaving

    def stopped(self) -> Mapping[int, str]:
        """The members that were told to stop since the last call, with their final status."""
        self._catch_up()
        stopped, self._stopped = self._stopped, {}
        return stopped

    def ask(self, job: int, metrics: Mapping[int, object]) -> Mapping[int, str]:
        """Ask the driver which members stop with this epoch; wait for the answer."""
        self._channel.send(Asked(job, metrics))  # type: ignore[arg-type]
        while True:
            message = self._receive()
            if isinstance(message, Answer):
                return message.stop

    def recorded(self, *, wait: bool) -> bool:
        """Whether the driver has stored all that has ended so far, or ``wait`` until it has."""
        while self._unrecorded and (wait or self._channel.waiting()):
            self._receive()
        return not self._unrecorded

    def keep(self, job: int, content: bytes) -> None:
        """Send a checkpoint to the driver, for a worker that does not see the driver's files."""
        self._channel.send(Saved(job, content))


def serve(channel: Channel, threads: int, host: str = "", notice: str = "") -> None:
    """Run jobs until the channel closes: the whole life of a worker process or actor.

    Args:
        channel: the connection to the driver.
        threads: see ``Context``.
        host, notice: see ``Ready``.
    """
    keep_freed_memory()
    context = Context(channel, threads)
    try:
        channel.send(Ready(versions(), host, notice))
        while True:
            for event in context.next_job().run(context):
                context.report(event)
    except (EOFError, OSError):
        return
