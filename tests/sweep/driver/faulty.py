"""What tests of the driver use: an executor that trains step by step, and breaks jobs."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence

from dlsweep.sweep.execution import (
    END,
    Asked,
    Broken,
    Context,
    Epoch,
    Event,
    InProcessExecutor,
    Job,
    StackJob,
)
from dlsweep.sweep.study import Row, Run
from dlsweep.training import EpochMetrics


class SteppedExecutor(InProcessExecutor):
    """Trains no further than the driver has seen, and breaks jobs.

    Args:
        fault: how a job breaks; None if it does not.
        epochs: after how many epochs of the job.

    Attributes:
        jobs: what was submitted.
    """

    def __init__(
        self, fault: Callable[[StackJob], Broken | None] = lambda job: None, epochs: int = 0
    ) -> None:
        super().__init__()
        self.jobs: list[StackJob] = []
        self._fault = fault
        self._epochs = epochs
        self._stepped: _SteppedJob | None = None
        self._broken: Broken | None = None
        self._left = 0

    def submit(self, job: Job) -> None:
        assert isinstance(job, StackJob)
        self.jobs.append(job)
        self._broken, self._left = self._fault(job), self._epochs
        self._stepped = _SteppedJob(job)
        super().submit(self._stepped)

    def break_now(self, broken: Broken) -> None:
        """Break the job that runs, whatever ``fault`` says."""
        self._broken, self._left = broken, 0

    def events(self, timeout: float = 0.5) -> Sequence[Event]:
        job = self._stepped
        if job is None:
            return super().events(timeout)
        if self._broken is not None and self._left <= 0:
            self._stepped = None
            job.end()
            self.drop(job.number)
            while not any(isinstance(event, END) for event in super().events()):
                pass
            return [dataclasses.replace(self._broken, job=job.number)]
        job.go_on()
        found = super().events(timeout)
        for event in found:
            job.waits |= not isinstance(event, Asked)
            self._left -= isinstance(event, Epoch)
            if isinstance(event, END):
                self._stepped = None
                job.go_on()
        return found

    def close(self) -> None:
        if self._stepped is not None:
            self._stepped.end()
        super().close()


class _SteppedJob:
    """A job that waits after each event."""

    def __init__(self, job: StackJob) -> None:
        self.number = job.number
        self.checkpoint = job.checkpoint
        self.waits = False
        self._job = job
        self._gate = threading.Semaphore(0)
        self._ended = False

    def run(self, context: Context) -> Iterator[Event]:
        for event in self._job.run(context):
            yield event
            self._gate.acquire()
            if self._ended:
                return

    def go_on(self) -> None:
        if self.waits:
            self.waits = False
            self._gate.release()

    def end(self) -> None:
        self._ended = True
        self._gate.release()


class Notes:
    """Progress that is written down.

    Args:
        at: called with each entry after it was written down; it may raise an error.

    Attributes:
        entries: what happened, with the number of the run.
        rows: the runs that have ended.
    """

    def __init__(self, at: Callable[[tuple[str, int]], None] = lambda entry: None) -> None:
        self.entries: list[tuple[str, int]] = []
        self.rows: list[Row] = []
        self._at = at

    def planned(self, runs: Sequence[Run]) -> None:
        """What is planned is not written down."""

    def started(self, runs: Sequence[Run]) -> None:
        for run in runs:
            self._note("started", run.number)

    def epoch(self, run: Run, metrics: EpochMetrics) -> None:
        self._note(f"epoch {metrics.epoch}", run.number)

    def ended(self, row: Row) -> None:
        self.rows.append(row)
        self._note("ended", row.number)

    def _note(self, what: str, number: int) -> None:
        self.entries.append((what, number))
        self._at((what, number))


def once(entry: str, act: Callable[[], None]) -> Callable[[tuple[str, int]], None]:
    """Act the first time that something happens, such as "epoch 3"."""
    done = False

    def at(noted: tuple[str, int]) -> None:
        nonlocal done
        if noted[0] == entry and not done:
            done = True
            act()

    return at
