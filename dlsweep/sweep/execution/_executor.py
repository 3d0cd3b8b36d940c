"""Where jobs run: the interface of an executor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from dlsweep.sweep.execution._events import Event
from dlsweep.sweep.execution._job import Job

WAIT_SECONDS = 0.5
"""How long ``Executor.events`` waits by default: signals and heartbeats are seen between calls."""


class ExecutorError(RuntimeError):
    """Nothing can be run: a worker cannot start, or a cluster cannot be used. One line."""


class Executor(Protocol):
    """Runs jobs, one in each of its slots.

    A job takes a slot from ``submit`` until its ``Done``, ``Left`` or ``Broken`` event.
    """

    @property
    def slots(self) -> int:
        """How many jobs run at once when every worker is there. It may grow and shrink."""

    @property
    def free(self) -> int:
        """How many jobs can be submitted now."""

    def start(self) -> None:
        """Wait until a job can be submitted.

        Raises:
            ExecutorError: if no worker can start, or the cluster cannot be used.
        """

    def submit(self, job: Job) -> None:
        """Run a job; only while a slot is free."""

    def events(self, timeout: float = WAIT_SECONDS) -> Sequence[Event]:
        """What has happened, those of one job in order; waits at most ``timeout`` seconds for it.

        Raises:
            ExecutorError: if the workers that died cannot be replaced.
        """

    def answer(self, job: int, stop: Mapping[int, str]) -> None:
        """Answer an ``Asked`` event: which members stop with that epoch, and their status."""

    def stop(self, job: int, member: int, status: str) -> None:
        """Let one member of a job end after its present epoch with this status."""

    def recorded(self, job: int) -> None:
        """Confirm that what ended in an ``Epoch`` event is stored.

        Only then does the job write checkpoints without the members that have ended.
        """

    def drop(self, job: int) -> None:
        """Kill a job whose results are not needed; its event is ``Broken``."""

    def leave(self) -> None:
        """Let every job end after its present epoch, with a checkpoint (``Left``)."""

    def close(self) -> None:
        """Kill what runs and end every worker."""
