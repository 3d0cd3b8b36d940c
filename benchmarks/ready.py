"""Runs that were trained before: what the driver is measured with, without training beside it."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from dlsweep.config import RunConfig
from dlsweep.data import load
from dlsweep.sweep import Progress, Row
from dlsweep.sweep.execution import Done, Epoch, Event, Executor, Job, StackJob
from dlsweep.sweep.execution._executor import Worker
from dlsweep.tracking import Outcome
from dlsweep.training import EpochMetrics, RunResult, train_stack

EPOCHS = 10
"""How many epochs each run has."""


def train_briefly(config: RunConfig) -> RunResult:
    """The result of a short training, with ``EPOCHS`` epochs in its history."""
    data = load(config.dataset, train_size=200)
    (result,) = train_stack([dataclasses.replace(config, epochs=1, train_size=200)], data)
    history = tuple(dataclasses.replace(result.history[0], epoch=1 + i) for i in range(EPOCHS))
    return dataclasses.replace(result, history=history)


class ReadyExecutor(Executor):
    """Runs jobs that were trained before: each call reports an epoch of each of them.

    Args:
        history: the epochs of every run.
        outcome: what a run of a configuration comes to.
        slots: how many jobs the driver plans stacks for.
        at_once: how many jobs run at once.
    """

    def __init__(
        self,
        history: Sequence[EpochMetrics],
        outcome: Callable[[RunConfig], Outcome],
        *,
        slots: int,
        at_once: int,
    ) -> None:
        super().__init__(slots)
        self._history = history
        self._outcome = outcome
        self._at_once = at_once
        self._jobs: dict[int, Iterator[Event]] = {}

    @property
    def free(self) -> int:
        """See ``Executor``."""
        return self._at_once - len(self._jobs)

    def start(self) -> None:
        """See ``Executor``; there are no workers."""

    def submit(self, job: Job) -> None:
        """See ``Executor``."""
        assert isinstance(job, StackJob)
        self._jobs[job.number] = self._run(job)

    def _run(self, job: StackJob) -> Iterator[Event]:
        *before, last = self._history
        for metrics in before:
            yield Epoch(job.number, dict.fromkeys(range(len(job.configs)), metrics), {})
        ended = {place: self._outcome(config) for place, config in enumerate(job.configs)}
        yield Epoch(job.number, dict.fromkeys(ended, last), ended)
        yield Done(job.number)

    def events(self, timeout: float = 0.0) -> Sequence[Event]:
        """See ``Executor``."""
        found = [next(events) for events in self._jobs.values()]
        for event in found:
            if isinstance(event, Done):
                del self._jobs[event.job]
        return found

    def _launch(self, place: int) -> Worker:
        raise NotImplementedError

    def _wait(self, workers: Sequence[Worker], timeout: float) -> Sequence[Worker]:
        raise NotImplementedError


class Clock(Progress):
    """Notes the time and this process's processor time at the end of each run.

    Attributes:
        wall, cpu: seconds, at the start and then at the end of each run.
    """

    def __init__(self) -> None:
        self.wall = [time.perf_counter()]
        self.cpu = [time.process_time()]

    def ended(self, row: Row) -> None:
        """See ``Progress``."""
        assert row.status == "finished", row
        self.wall.append(time.perf_counter())
        self.cpu.append(time.process_time())


def service_cpu() -> float:
    """Seconds of processor time of the wandb service of this process; 0 without /proc."""
    seconds = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:  # it has ended just now
            continue
        fields = rest.split()
        if int(fields[1]) == os.getpid() and "wandb" in name:
            seconds += sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
    return seconds
