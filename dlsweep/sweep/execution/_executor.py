"""Where jobs run: the base of every executor, with the bookkeeping that they share."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dlsweep._store import store
from dlsweep.sweep.execution._events import END, Broken, Cause, Event, Notice
from dlsweep.sweep.execution._messages import Answer, Leave, Ready, Recorded, Saved, Stop, versions

if TYPE_CHECKING:
    from dlsweep.sweep.execution._job import Job

_log = logging.getLogger("dlsweep.sweep")

_START_TRIES = 5
"""How many workers in a row, beyond one in each slot, may be killed while they start."""

WAIT_SECONDS = 0.5
"""How long ``Executor.events`` waits by default: signals and heartbeats are seen between calls."""


class ExecutorError(RuntimeError):
    """Nothing can be run: a worker cannot start, or a cluster cannot be used. One line."""


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
        """The next message, without waiting; only after ``Executor._wait`` named this worker.

        Raises:
            WorkerDied: if it has ended.
        """

    def kill(self) -> None:
        """End it now."""

    def join(self) -> None:
        """Wait until it has ended, once it was killed."""


@dataclass(eq=False)
class Slot:
    """A place for one worker, and what the worker does."""

    worker: Worker
    ready: bool = False
    job: Job | None = None


class Executor(ABC):
    """Runs jobs, one in each of its slots.

    Each slot has a worker; one that dies is replaced. A job takes a slot from ``submit`` until its
    ``Done``, ``Left`` or ``Broken`` event.

    Args:
        slots: how many jobs run at once when every worker is there.
        device: the kind of device that they run on, cpu or cuda.
    """

    def __init__(self, slots: int, device: str = "cpu") -> None:
        self.device = device
        self._most = slots
        self._workers: list[Slot] = []
        self._leaving = False
        self._failed_starts = 0
        self._notices: set[str] = set()

    # For subclasses

    @property
    def slots(self) -> int:
        """How many jobs run at once when every worker is there. It may grow and shrink."""
        return self._most

    @abstractmethod
    def _launch(self, place: int) -> Worker:
        """Start a worker for the slot number ``place``; it reports ``Ready`` when it is up."""

    @abstractmethod
    def _wait(self, workers: Sequence[Worker], timeout: float) -> Sequence[Worker]:
        """The workers that have a message or have died; waits at most ``timeout`` seconds."""

    def _prepare(self, job: Job) -> Job:
        """The job as it is sent to a worker."""
        return job

    # Executor

    @property
    def free(self) -> int:
        """How many jobs can be submitted now."""
        return sum(slot.ready and slot.job is None for slot in self._workers)

    def launch(self) -> None:
        """Start the workers that are missing, without waiting; end those that have no slot left."""
        surplus = len(self._workers) - self.slots
        for slot in [s for s in self._workers if not s.ready][: max(0, surplus)]:
            slot.worker.kill()
            self._workers.remove(slot)
        if not self._leaving:
            for place in range(len(self._workers), self.slots):
                self._workers.append(Slot(self._launch(place)))

    def start(self) -> None:
        """Wait until a job can be submitted.

        Raises:
            ExecutorError: if no worker can start, or the cluster cannot be used.
        """
        while not self.free:
            self.events()

    def submit(self, job: Job) -> None:
        """Run a job; only while a slot is free."""
        slot = next(slot for slot in self._workers if slot.ready and slot.job is None)
        slot.job = job
        slot.worker.send(self._prepare(job))

    def events(self, timeout: float = WAIT_SECONDS) -> Sequence[Event]:
        """What has happened, those of one job in order; waits at most ``timeout`` seconds for it.

        Raises:
            ExecutorError: if the workers that died cannot be replaced, or a node lacks something.
        """
        self.launch()
        slots = {id(slot.worker): slot for slot in self._workers}
        events: list[Event] = []
        for worker in self._wait([slot.worker for slot in self._workers], timeout):
            slot = slots[id(worker)]
            try:
                message = worker.receive()
            except WorkerDied as death:
                events += self._lost(slot, death)
            else:
                events += self._handle(slot, message)
        return events

    def answer(self, job: int, stop: Mapping[int, str]) -> None:
        """Answer an ``Asked`` event: which members stop with that epoch, and their status."""
        self._send(job, Answer(dict(stop)))

    def stop(self, job: int, member: int, status: str) -> None:
        """Let one member of a job end after its present epoch with this status."""
        self._send(job, Stop(member, status))

    def recorded(self, job: int) -> None:
        """Confirm that what ended in an ``Epoch`` event is stored.

        Only then does the job write checkpoints without the members that have ended.
        """
        self._send(job, Recorded())

    def drop(self, job: int) -> None:
        """Kill a job whose results are not needed; its event is ``Broken``."""
        for slot in self._of(job):
            slot.worker.kill()

    def leave(self) -> None:
        """Let every job end after its present epoch, with a checkpoint (``Left``)."""
        self._leaving = True
        for slot in self._workers:
            if slot.job is not None:
                slot.worker.send(Leave())

    def close(self) -> None:
        """Kill what runs and end every worker."""
        for slot in self._workers:
            slot.worker.kill()
        for slot in self._workers:
            slot.worker.join()
        self._workers = []

    # Bookkeeping

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
            slot.ready, self._failed_starts = True, 0
            return []
        if isinstance(message, Saved):
            return self._keep(slot, message)
        assert isinstance(message, Event)
        if isinstance(message, Broken) and message.cause is Cause.NODE:
            raise ExecutorError(message.reason)
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
            store(path, saved.content)
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
