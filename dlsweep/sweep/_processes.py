"""Stacks trained in processes of their own, which do what ``_worker`` says."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection

from dlsweep.config import RunConfig
from dlsweep.sweep._jobs import (
    SAVE_SECONDS,
    Broken,
    Cause,
    Checkpoint,
    Done,
    Event,
    Job,
    Left,
    Trained,
)
from dlsweep.sweep._memory import kills_for_memory
from dlsweep.sweep._worker import SIGNALS, Answer, Asked, Word, work
from dlsweep.training import Judge, Layout

_WAIT_SECONDS = 0.5
"""So long ``wait`` waits at most: signals and heartbeats are seen to between two calls."""
_END_SECONDS = 10.0
"""So long a process may take to end by itself."""


@dataclass
class _Worker:
    process: multiprocessing.process.BaseProcess
    pipe: Connection
    job: int | None = None
    told: bool = False
    """Whether it has sent results since it was last told that they are recorded."""
    judge: Judge | None = None
    kills: int = 0
    """How many processes had been killed for memory when its job began."""

    def say(self, message: object) -> None:
        """Send it a job or a word."""
        with contextlib.suppress(OSError):  # of one that dies just now: ``wait`` will tell
            self.pipe.send(message)


class ProcessTrainer:
    """Trains a stack in each of several processes.

    A process that dies takes its job with it (``Broken``) and is replaced. All end with this one,
    however it ends.

    Args:
        workers: how many processes.
        threads: how many threads each may use, for runs that gain from them (see ``threads`` of
            ``dlsweep.training``): threads that outnumber the free cores wait for each other.
        gpus: over so many the processes are spread.
        save_seconds: a stack is kept in its checkpoint at most so often, and less often where
            writing takes more than 2 % of the time.
    """

    def __init__(
        self,
        workers: int,
        threads: int = 1,
        gpus: int = 0,
        save_seconds: float = SAVE_SECONDS,
    ) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._threads = threads
        self._gpus = gpus
        self._save_seconds = save_seconds
        self._leaving = False
        self._workers = [self._hire(i) for i in range(workers)]

    def _hire(self, place: int) -> _Worker:
        ours, theirs = self._context.Pipe()
        gpu = place % self._gpus if self._gpus else None
        process = self._context.Process(target=work, args=(theirs, self._threads, gpu), daemon=True)
        with _signals_held():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    @property
    def idle(self) -> bool:
        """See ``Trainer``."""
        return any(worker.job is None for worker in self._workers)

    @property
    def processes(self) -> int:
        """See ``Trainer``."""
        return len(self._workers)

    def start(
        self,
        job: int,
        configs: Sequence[RunConfig],
        *,
        compile_for: Layout | None = None,
        judge: Judge | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """See ``Trainer``."""
        i = next(i for i, worker in enumerate(self._workers) if worker.job is None)
        if not self._workers[i].process.is_alive():
            self._workers[i] = self._hire(i)
        worker = self._workers[i]
        worker.job, worker.judge, worker.kills = job, judge, kills_for_memory()
        judged = judge is not None
        worker.say(Job(job, configs, compile_for, judged, checkpoint, self._save_seconds))

    def wait(self) -> Sequence[Event]:
        """See ``Trainer``."""
        for worker in self._workers:
            if worker.told:
                worker.told = False
                worker.say(Word.RECORDED)
        busy = {worker.pipe: worker for worker in self._workers if worker.job is not None}
        events: list[Event] = []
        for pipe in connection.wait(list(busy), _WAIT_SECONDS):
            worker = busy[pipe]  # type: ignore[index]
            assert worker.job is not None
            try:
                event: Event | Asked = worker.pipe.recv()
            except (EOFError, OSError):
                event = self._replace(worker)
            if isinstance(event, Asked):
                assert worker.judge is not None
                worker.say(Answer(worker.judge(event.metrics)))
                continue
            if isinstance(event, Trained) and event.end.results:
                worker.told = True
            if isinstance(event, Done | Broken | Left):
                worker.job = None
            events.append(event)
        return events

    def _replace(self, worker: _Worker) -> Broken:
        """Another process for one that has died, and what became of its job."""
        assert worker.job is not None
        worker.process.join(_END_SECONDS)
        if worker.process.is_alive():  # it has closed its pipe and is of no more use
            worker.process.kill()
            worker.process.join()
        code = worker.process.exitcode or 0
        starved = code == -signal.SIGKILL and kills_for_memory() > worker.kills
        cause = Cause.MEMORY if starved else Cause.DEATH
        event = Broken(worker.job, _ending(code), cause=cause)
        if not self._leaving:
            place = self._workers.index(worker)
            self._workers[place] = self._hire(place)
        return event

    def drop(self, job: int) -> None:
        """See ``Trainer``: its process ends, and another takes its place."""
        for worker in self._workers:
            if worker.job == job:
                worker.process.kill()

    def leave(self) -> None:
        """See ``Trainer``."""
        self._leaving = True
        for worker in self._workers:
            if worker.job is not None:
                worker.say(Word.LEAVE)

    def close(self) -> None:
        """See ``Trainer``."""
        for worker in self._workers:
            worker.pipe.close()  # an idle one ends by itself when it sees that
            if worker.job is not None:
                worker.process.kill()
        for worker in self._workers:
            worker.process.join(_END_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def _ending(code: int) -> str:
    """How a process ended, from its exit code as ``multiprocessing`` has it."""
    if code == -signal.SIGKILL:
        return "its process was killed (SIGKILL), as happens when memory runs out"
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}"


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Start a process that these signals reach only when it is ready to ignore them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # as it starts it lets these signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
