"""What all executors share: workers in slots, and the bookkeeping of their jobs."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

from dlsweep.sweep.execution._checkpoints import write_file
from dlsweep.sweep.execution._events import END, Broken, Cause, Event, Notice
from dlsweep.sweep.execution._executor import WAIT_SECONDS, ExecutorError
from dlsweep.sweep.execution._job import Job
from dlsweep.sweep.execution._messages import (
    Answer,
    Leave,
    Ready,
    Recorded,
    Saved,
    Stop,
    versions,
)

_log = logging.getLogger("dlsweep.sweep")

_START_TRIES = 5
"""How many workers in a row, beyond one in each slot, may be killed while they start."""


class WorkerDied(Exception):
    """A worker has ended; ``str()`` is the reason, in one line."""

    def __init__(self, reason: str, cause: Cause = Cause.DEATH, *, killed: bool = True) -> None:
        super().__init__(reason)
        self.cause = cause
        self.killed = killed
        """Whether something outside ended it: another one may start where this one did not."""


class Worker(Protocol):
    """The driver's end of one worker."""

    def send(self, message: object) -> None:
        """Send a message. If the worker has died, ``receive`` tells."""

    def receive(self) -> object:
        """The next message, without waiting; only after ``WorkerPool._wait`` named this worker.

        Raises:
            WorkerDied: if it has ended.
        """

    def kill(self) -> None:
        """End it now."""

    def join(self) -> None:
        """Wait until it has ended after the last message; kill it if that takes long."""


class Slot:
    """A place for one worker, and what the worker does."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.ready = False
        self.job: Job | None = None
        self.host = ""


class WorkerPool(ABC):
    """An ``Executor`` with a worker in each slot. A worker that dies is replaced.

    Subclasses say how a worker is started and how to wait for the workers' messages.
    """

    def __init__(self) -> None:
        self._workers: list[Slot] = []
        self._leaving = False
        self._failed_starts = 0
        self._notices: set[str] = set()

    # For subclasses

    @property
    @abstractmethod
    def slots(self) -> int:
        """See ``Executor``."""

    @abstractmethod
    def _launch(self, place: int) -> Worker:
        """Start a worker for the slot number ``place``; it reports ``Ready`` when it is up."""

    @abstractmethod
    def _wait(self, workers: Sequence[Worker], timeout: float) -> Sequence[Worker]:
        """The workers that have a message or have died; waits at most ``timeout`` seconds."""

    def _prepare(self, job: Job, slot: Slot) -> Job:
        """The job as it is sent to a worker."""
        return job

    # Executor

    @property
    def free(self) -> int:
        """See ``Executor``."""
        return sum(slot.ready and slot.job is None for slot in self._workers)

    def start(self) -> None:
        """See ``Executor``."""
        self._fill()
        while not self.free:
            self.events()

    def submit(self, job: Job) -> None:
        """See ``Executor``."""
        slot = next(slot for slot in self._workers if slot.ready and slot.job is None)
        slot.job = job
        slot.worker.send(self._prepare(job, slot))

    def events(self, timeout: float = WAIT_SECONDS) -> Sequence[Event]:
        """See ``Executor``."""
        self._fill()
        slots = {id(slot.worker): slot for slot in self._workers}
        events: list[Event] = []
        for worker in self._wait([slot.worker for slot in self._workers], timeout):
            slot = slots[id(worker)]
            try:
                message = worker.receive()
            except WorkerDied as death:
                events += self._lost(slot, death)
                continue
            events += self._handle(slot, message)
        return events

    def answer(self, job: int, stop: Mapping[int, str]) -> None:
        """See ``Executor``."""
        self._send(job, Answer(dict(stop)))

    def stop(self, job: int, member: int, status: str) -> None:
        """See ``Executor``."""
        self._send(job, Stop(member, status))

    def recorded(self, job: int) -> None:
        """See ``Executor``."""
        self._send(job, Recorded())

    def drop(self, job: int) -> None:
        """See ``Executor``."""
        for slot in self._of(job):
            slot.worker.kill()

    def leave(self) -> None:
        """See ``Executor``."""
        self._leaving = True
        for slot in self._workers:
            if slot.job is not None:
                slot.worker.send(Leave())

    def close(self) -> None:
        """See ``Executor``."""
        for slot in self._workers:
            slot.worker.kill()
        for slot in self._workers:
            slot.worker.join()
        self._workers = []

    # Bookkeeping

    def _fill(self) -> None:
        """Start the workers that are missing; end those that start where there is no slot."""
        surplus = len(self._workers) - self.slots
        for slot in [s for s in self._workers if not s.ready][: max(0, surplus)]:
            slot.worker.kill()
            self._workers.remove(slot)
        if not self._leaving:
            for place in range(len(self._workers), self.slots):
                self._workers.append(Slot(self._launch(place)))

    def _of(self, job: int) -> list[Slot]:
        return [slot for slot in self._workers if slot.job is not None and slot.job.number == job]

    def _send(self, job: int, message: object) -> None:
        for slot in self._of(job):
            slot.worker.send(message)

    def _handle(self, slot: Slot, message: object) -> list[Event]:
        """The events in a worker's message."""
        if isinstance(message, Ready):
            self._check(message)
            if message.notice and message.notice not in self._notices:
                self._notices.add(message.notice)
                _log.warning(message.notice)
            slot.ready, slot.host, self._failed_starts = True, message.host, 0
            return []
        if isinstance(message, Saved):
            return self._keep(slot, message)
        assert isinstance(message, Event)
        if isinstance(message, END):
            slot.job = None
        return [message]

    def _check(self, ready: Ready) -> None:
        """Refuse a worker whose results would not be equal to those of others."""
        wanted = versions()
        for name, version in ready.versions.items():
            if version != wanted[name]:
                raise ExecutorError(
                    f"a worker on {ready.host or 'this machine'} has {name} {version}, this "
                    f"machine has {wanted[name]}; install the same version everywhere"
                )

    def _keep(self, slot: Slot, saved: Saved) -> list[Event]:
        """Write a checkpoint that a worker has sent."""
        if slot.job is None or slot.job.checkpoint is None:
            return []
        path = slot.job.checkpoint.path
        try:
            write_file(path, saved.content)
        except OSError as error:
            reason = error.strerror or str(error)
            return [Notice(saved.job, f"no checkpoint in {path.parent}: {reason}")]
        return []

    def _lost(self, slot: Slot, death: WorkerDied) -> list[Event]:
        """Replace a worker that has died; the event of its job."""
        place = self._workers.index(slot)
        if not slot.ready:
            self._failed_starts += 1
            if not death.killed or self._failed_starts >= _START_TRIES + len(self._workers):
                raise ExecutorError(f"a worker cannot start: {death}")
        if self._leaving or len(self._workers) > self.slots:
            self._workers.remove(slot)
        else:
            self._workers[place] = Slot(self._launch(place))
        if slot.job is None:
            return []
        return [Broken(slot.job.number, str(death), cause=death.cause)]
