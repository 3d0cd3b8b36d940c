"""Where stacks are trained: in this process, or in processes of their own.

A trainer takes stacks ("jobs") and tells what happens to them. It knows no study and no wandb; the
processes it starts run the engine and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import torch

from dlsweep.config import RunConfig
from dlsweep.sweep._jobs import (
    DROPPED,
    SAVE_SECONDS,
    Broken,
    Checkpoint,
    Done,
    Event,
    Job,
    Left,
    Loader,
    remembering,
    train_job,
)
from dlsweep.sweep._processes import ProcessTrainer
from dlsweep.training import EpochMetrics, Judge, Layout, keep_freed_memory, load_data


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
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Begin a stack, or go on with it where there is a checkpoint; only while ``idle``.

        Args:
            job: what the events will call it.
            configs: the runs.
            compile_for: compile for this layout, or not at all.
            judge: asked within ``wait`` after every epoch who is to leave the stack.
            checkpoint: where the stack is kept while it is trained; nowhere by default.
        """

    def wait(self) -> Sequence[Event]:
        """What has happened since the last call, soon, be it nothing.

        What a judge raises comes out of this; the sweep is then at its end.

        To call it again says that all it has told before is recorded: checkpoints without the runs
        that have ended are written only then.
        """

    def drop(self, job: int) -> None:
        """Give a stack up, of which nothing is wanted any more; it will be ``Broken``."""

    def leave(self) -> None:
        """Let every stack end after its present epoch, with a checkpoint; it will have ``Left``."""

    def close(self) -> None:
        """Stop everything now."""


class HereTrainer:
    """Trains one stack at a time in this process, with all of its threads.

    Args:
        load: gives the data of a configuration.
        save_seconds: see ``ProcessTrainer``.
    """

    def __init__(self, load: Loader = load_data, save_seconds: float = SAVE_SECONDS) -> None:
        self._load = remembering(load)
        self._save_seconds = save_seconds
        self._running: Iterator[Event] | None = None
        self._judge: Judge | None = None
        self.leaving = False

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
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """See ``Trainer``."""
        self._judge = judge
        judged = judge is not None
        work = Job(job, configs, compile_for, judged, checkpoint, self._save_seconds)
        self._running = train_job(work, self._load, self)

    def judge(self, metrics: Mapping[int, EpochMetrics]) -> Mapping[int, str]:
        """See ``Orders``."""
        return self._judge(metrics) if self._judge is not None else {}

    def recorded(self, *, wait: bool) -> bool:
        """See ``Orders``: training goes on only when ``wait`` is called again."""
        return True

    def wait(self) -> Sequence[Event]:
        """See ``Trainer``."""
        if self._running is None:
            return []
        event = next(self._running)
        if isinstance(event, Done | Broken | Left):
            self._running = None
        return [event]

    def drop(self, job: int) -> None:
        """See ``Trainer``."""
        self._running = iter([Broken(job, DROPPED)])

    def leave(self) -> None:
        """See ``Trainer``."""
        self.leaving = True

    def close(self) -> None:
        """See ``Trainer``."""
        self._running = None


def choose_trainer(device: str, workers: int | None = None, runs: int | None = None) -> Trainer:
    """The trainer for a device: a process for each core, or for each of several GPUs.

    One alone trains in this process, which then keeps the memory that it frees.

    Args:
        device: auto, cpu or cuda, as in ``RunConfig``.
        workers: how many processes; by default one for each core that this process may use, or
            for each GPU. Several GPUs are shared out between the processes, the threads too.
        runs: how many the sweep has, if it has an end: no more processes are started than that.
    """
    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    gpus = torch.cuda.device_count() if on_gpu and device in ("auto", "cuda") else 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    workers = workers or (max(1, gpus) if on_gpu else cores or 1)
    if workers == 1:
        keep_freed_memory()
        return HereTrainer()
    workers = min(workers, runs or workers)
    threads = max(1, (cores or 1) // workers)
    return ProcessTrainer(workers, threads, gpus) if gpus else ProcessTrainer(workers, threads)
