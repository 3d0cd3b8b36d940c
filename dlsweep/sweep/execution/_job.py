"""What an executor runs: a job, which talks to its driver through a context."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.sweep.execution._events import Event
from dlsweep.training import EpochMetrics

Loader = Callable[[RunConfig], Dataset]


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


class Context(Protocol):
    """What a running job asks of the worker it runs in."""

    threads: int | None
    """How many threads a job that gains from several may use; None to leave them as they are."""

    @property
    def leaving(self) -> bool:
        """Whether the job is to end after this epoch, with a checkpoint."""

    def load(self, config: RunConfig) -> Dataset:
        """The data set of a configuration; the one loaded last is kept in memory."""

    def stopped(self) -> Mapping[int, str]:
        """The members that were told to stop since the last call, with their final status."""

    def ask(self, job: int, metrics: Mapping[int, EpochMetrics]) -> Mapping[int, str]:
        """Ask the driver which members stop with this epoch; wait for the answer."""

    def recorded(self, *, wait: bool) -> bool:
        """Whether the driver has stored everything that ended so far, or ``wait`` until it has."""

    def keep(self, job: int, content: bytes) -> None:
        """Send a checkpoint to the driver, for a worker that does not see the driver's files."""


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
