"""A sweep without a server: points from the study, stacks to the trainers, results to both."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from dlsweep.config import RunConfig
from dlsweep.data import DATASETS
from dlsweep.sweep._file import SweepFile
from dlsweep.sweep._hyperband import STOPPED, EarlyTermination
from dlsweep.sweep._rows import Row
from dlsweep.sweep._stacks import StackQueue
from dlsweep.sweep._study import Point, Study
from dlsweep.sweep._trainers import Broken, Done, Trained, Trainer
from dlsweep.tracking import TrackedRun, open_run
from dlsweep.training import EpochMetrics, Judge, Layout, RunResult, choose_device

_log = logging.getLogger("dlsweep.sweep")

ASK_AT_ONCE = {"grid": 64, "random": 64, "bayes": 8}
"""How many points are asked for together: many fill stacks, few let bayes learn in between."""


class Watcher(Protocol):
    """Told of what happens in a sweep, to show it."""

    def started(self, points: Sequence[Point]) -> None:
        """These runs have begun."""

    def trained(self, point: Point, metrics: EpochMetrics) -> None:
        """A run has trained an epoch."""

    def ended(self, row: Row) -> None:
        """A run is over."""


@dataclass
class _Job:
    """A stack in training: its points and their runs, those still open."""

    points: list[Point]
    runs: list[TrackedRun]
    histories: list[list[EpochMetrics]] = field(default_factory=list)
    open: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.histories = [[] for _ in self.points]
        self.open = set(range(len(self.points)))


class LocalSweep:
    """Trains a study's points until there are none left.

    Args:
        study: whose points, open and owned by this process.
        trainer: where the stacks are trained.
        mode: of the wandb runs: "offline", "online" or another of wandb's modes.
        settings: settings that override the points', such as the device or the project.
        watcher: told of what happens.
    """

    def __init__(
        self,
        study: Study,
        trainer: Trainer,
        *,
        mode: str,
        settings: dict[str, Any],
        watcher: Watcher,
    ) -> None:
        self._study = study
        self._trainer = trainer
        self._mode = mode
        self._settings = settings
        self._watcher = watcher
        self._queue: StackQueue[Point] = StackQueue(
            trainer.processes, choose_device(settings.get("device", "auto")).type
        )
        self._jobs: dict[int, _Job] = {}
        self._started = 0
        self._rule: EarlyTermination | None = None
        if study.sweep.early_terminate is not None:
            self._rule = EarlyTermination(study.sweep.early_terminate, study.sweep.metric)
            for row in study.rows():
                self._rule.add(row.number, row.history)

    def run(self) -> None:
        """Train. What is unfinished when an exception leaves this waits in the study."""
        try:
            while True:
                while self._trainer.idle and self._fill():
                    total = self._study.total
                    self._start(*self._queue.next(total - self._study.asked if total else 0))
                if not self._jobs:
                    return
                for event in self._trainer.wait():
                    self._handle(event)
        finally:
            self._trainer.close()
            for job in self._jobs.values():
                for i in job.open:
                    job.runs[i].fail("interrupted; the sweep trains it again when it goes on")

    def _fill(self) -> bool:
        """Whether a stack is waiting, after asking for more points where none is."""
        if not self._queue:
            self._queue.add(self._study.ask(ASK_AT_ONCE[self._study.sweep.method]))
        return bool(self._queue)

    def _start(self, points: list[Point], compile_for: Layout | None) -> None:
        job = self._started
        self._started += 1
        configs = [dataclasses.replace(point.config, **self._settings) for point in points]
        runs = [
            open_run(
                config,
                DATASETS[config.dataset].classes,
                mode=self._mode,
                run_id=point.run_id,
                name=point.name,
                group=self._study.name,
            )
            for point, config in zip(points, configs, strict=True)
        ]
        self._jobs[job] = _Job(points, runs)
        self._trainer.start(job, configs, compile_for=compile_for, judge=self._judge(points))
        self._watcher.started(points)

    def _judge(self, points: Sequence[Point]) -> Judge | None:
        """The sweep's ``early_terminate`` for a stack of these runs."""
        rule = self._rule
        if rule is None:
            return None
        for point in points:
            rule.add(point.number, [])

        def judge(metrics: Mapping[int, EpochMetrics]) -> dict[int, str]:
            epoch = {points[i].number: told.as_dict() for i, told in metrics.items()}
            stopped = rule.stops(epoch)
            return {i: STOPPED for i in metrics if points[i].number in stopped}

        return judge

    def _handle(self, event: Trained | Done | Broken) -> None:
        job = self._jobs[event.job]
        if isinstance(event, Trained):
            for i, metrics in event.end.metrics.items():
                result = event.end.results.get(i)
                job.histories[i].append(metrics)
                job.runs[i].log(metrics, result)
                self._watcher.trained(job.points[i], metrics)
                if result is not None:
                    self._finish(job, i, result)
            return
        if isinstance(event, Broken):
            if event.details:
                _log.debug(event.details)
            for i in sorted(job.open):
                job.runs[i].fail(event.reason)
                info = {"directory": str(job.runs[i].directory)}
                self._watcher.ended(self._study.fail(job.points[i], event.reason, info))
        del self._jobs[event.job]

    def _finish(self, job: _Job, i: int, result: RunResult) -> None:
        job.runs[i].finish()
        job.open.discard(i)
        row = self._study.finish(
            job.points[i],
            result.status,
            [metrics.as_dict() for metrics in job.histories[i]],
            job.runs[i].summary,
            {"directory": str(job.runs[i].directory)},
        )
        self._watcher.ended(row)


def datasets_of(sweep: SweepFile) -> list[str]:
    """The data sets that a sweep's points may use, to be fetched before anything is trained."""
    distribution = sweep.parameters.get("dataset")
    if distribution is None:
        return [RunConfig().dataset]
    return list(dict.fromkeys(distribution.support() or ()))
