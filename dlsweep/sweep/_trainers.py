"""Where stacks are trained: in this process, or in processes of their own.

A trainer takes stacks ("jobs") and tells what happens to them. It knows no study and no wandb; the
processes it starts run the engine and nothing else.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Protocol

import torch

from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.training import EpochEnd, EpochMetrics, Judge, Layout, Stack, load_data


@dataclass(frozen=True)
class Trained:
    """A stack has trained an epoch."""

    job: int
    end: EpochEnd


@dataclass(frozen=True)
class Done:
    """A stack has no members left; its trainer is free."""

    job: int


@dataclass(frozen=True)
class Broken:
    """A stack could not be trained any further; its trainer is free again.

    Attributes:
        reason: one line.
        details: the traceback, or nothing.
    """

    job: int
    reason: str
    details: str = ""


Event = Trained | Done | Broken
Loader = Callable[[RunConfig], Dataset]


class Trainer(Protocol):
    """Trains jobs, several at a time."""

    @property
    def idle(self) -> bool:
        """Whether another job can be started now."""

    @property
    def processes(self) -> int:
        """How many jobs train at once."""

    def start(
        self,
        job: int,
        configs: Sequence[RunConfig],
        *,
        compile_for: Layout | None = None,
        judge: Judge | None = None,
    ) -> None:
        """Begin a stack; only while ``idle``.

        Args:
            job: what the events will call it.
            configs: the runs.
            compile_for: compile for this layout, or not at all.
            judge: asked within ``wait`` after every epoch who is to leave the stack.
        """

    def wait(self) -> Sequence[Event]:
        """What has happened since the last call; waits until something has, or has been asked."""

    def close(self) -> None:
        """Stop everything now."""


def _remembering(load: Loader) -> Loader:
    """``load`` that keeps the data set it loaded last: the next stack mostly wants the same."""
    kept: dict[Hashable, Dataset] = {}

    def remembering(config: RunConfig) -> Dataset:
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

    return remembering


def _events(
    job: int,
    configs: Sequence[RunConfig],
    compile_for: Layout | None,
    judge: Judge | None,
    load: Loader,
) -> Iterator[Event]:
    """Train a stack to its end; whatever goes wrong is an event too."""
    try:
        for end in Stack(configs, load(configs[0]), compile_for=compile_for, judge=judge):
            yield Trained(job, end)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        yield Broken(job, reason, traceback.format_exc())
    else:
        yield Done(job)


class HereTrainer:
    """Trains one stack at a time in this process, with all of its threads."""

    def __init__(self, load: Loader = load_data) -> None:
        self._load = _remembering(load)
        self._running: Iterator[Event] | None = None

    @property
    def idle(self) -> bool:
        """See ``Trainer``."""
        return self._running is None

    @property
    def processes(self) -> int:
        """See ``Trainer``."""
        return 1

    def start(
        self,
        job: int,
        configs: Sequence[RunConfig],
        *,
        compile_for: Layout | None = None,
        judge: Judge | None = None,
    ) -> None:
        """See ``Trainer``."""
        self._running = _events(job, configs, compile_for, judge, self._load)

    def wait(self) -> Sequence[Event]:
        """See ``Trainer``."""
        if self._running is None:
            return []
        event = next(self._running)
        if not isinstance(event, Trained):
            self._running = None
        return [event]

    def close(self) -> None:
        """See ``Trainer``."""
        self._running = None


@dataclass
class _Worker:
    process: multiprocessing.process.BaseProcess
    pipe: Connection
    job: int | None = None
    judge: Judge | None = None


@dataclass(frozen=True)
class _Asked:
    """What a worker sends for its judge; the answer goes back through the pipe."""

    metrics: Mapping[int, EpochMetrics]


class ProcessTrainer:
    """Trains a stack in each of several processes.

    A process that dies takes its job with it (``Broken``) and is replaced.

    Args:
        workers: how many processes.
        threads: how many threads each may use. Small networks gain nothing from a second thread,
            and threads that outnumber the free cores wait for each other at every step.
    """

    def __init__(self, workers: int, threads: int = 1) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._threads = threads
        self._workers = [self._hire() for _ in range(workers)]

    def _hire(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs, self._threads), daemon=True)
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
    ) -> None:
        """See ``Trainer``."""
        i = next(i for i, worker in enumerate(self._workers) if worker.job is None)
        if not self._workers[i].process.is_alive():
            self._workers[i] = self._hire()
        self._workers[i].job, self._workers[i].judge = job, judge
        with contextlib.suppress(OSError):  # of one that dies just now: ``wait`` will tell
            self._workers[i].pipe.send((job, list(configs), compile_for, judge is not None))

    def wait(self) -> Sequence[Event]:
        """See ``Trainer``."""
        busy = {worker.pipe: worker for worker in self._workers if worker.job is not None}
        events: list[Event] = []
        for pipe in connection.wait(list(busy)):
            worker = busy[pipe]  # type: ignore[index]
            assert worker.job is not None
            try:
                event: Event | _Asked = worker.pipe.recv()
                if isinstance(event, _Asked):
                    assert worker.judge is not None
                    worker.pipe.send(dict(worker.judge(event.metrics)))
                    continue
            except (EOFError, OSError):
                worker.process.join()
                event = Broken(worker.job, _ending(worker.process.exitcode or 0))
                self._workers[self._workers.index(worker)] = self._hire()
            if not isinstance(event, Trained):
                worker.job = None
            events.append(event)
        return events

    def close(self) -> None:
        """See ``Trainer``."""
        for worker in self._workers:
            worker.pipe.close()  # an idle one ends by itself when it sees that
            if worker.job is not None:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(timeout=10)
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


def _work(pipe: Connection, threads: int) -> None:
    """What a worker process does: train what comes through the pipe until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: its parent acts
    torch.set_num_threads(threads)
    load = _remembering(load_data)

    def ask(metrics: Mapping[int, EpochMetrics]) -> Mapping[int, str]:
        pipe.send(_Asked(metrics))
        answer: Mapping[int, str] = pipe.recv()
        return answer

    try:
        while True:
            job, configs, compile_for, judged = pipe.recv()
            for event in _events(job, configs, compile_for, ask if judged else None, load):
                pipe.send(event)
    except (EOFError, OSError):
        return


def choose_trainer(device: str, workers: int | None = None) -> Trainer:
    """The trainer for a device: on the CPU a process for each core, else this process.

    Args:
        device: auto, cpu or cuda, as in ``RunConfig``.
        workers: how many processes; by default one for each core that this process may use.
    """
    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    workers = workers or (1 if on_gpu else cores or 1)
    if workers == 1:
        return HereTrainer()
    return ProcessTrainer(workers, max(1, (cores or 1) // workers))
