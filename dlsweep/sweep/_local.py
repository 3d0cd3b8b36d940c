"""A sweep without a server: points from the study, stacks to the trainers, results to both."""

from __future__ import annotations

import dataclasses
import functools
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import DATASETS
from dlsweep.sweep._background import Background, BackgroundRun
from dlsweep.sweep._checkpoints import tidy
from dlsweep.sweep._file import SweepFile
from dlsweep.sweep._formation import Formation
from dlsweep.sweep._hyperband import STOPPED, EarlyTermination
from dlsweep.sweep._jobs import Broken, Cause, Checkpoint, Done, Event, Notice, Resumed, Trained
from dlsweep.sweep._rows import Row
from dlsweep.sweep._stacks import StackQueue
from dlsweep.sweep._study import Point, Study
from dlsweep.sweep._trainers import Trainer
from dlsweep.tracking import ImageSource, TrackedRun, open_run, patient_settings, show_data
from dlsweep.training import EpochMetrics, Judge, RunResult, choose_device

_log = logging.getLogger("dlsweep.sweep")

_OTHERS = 2.0  # seconds between looks at what other machines are still training

ASK_AT_ONCE = {"grid": 64, "random": 64, "bayes": 8}
"""How many points are asked for together: many fill stacks, few let bayes learn in between.

Eight at once cost bayes nothing that can be measured, 16 cost it half a point of accuracy after 32
runs, and 64 make it a random search (benchmarks/README.md).
"""


MOST_DEATHS = 3
"""So many processes may die training a point before it has failed."""


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
    """A stack in training: its points that have not ended, by their places in it, and their runs.

    A member that ended before the sweep was interrupted is in the stack again where there is no
    later checkpoint, so that the others get what they would have got; nobody hears of it.
    """

    formation: Formation
    points: dict[int, Point]
    runs: dict[int, BackgroundRun]
    histories: dict[int, list[EpochMetrics]] = field(init=False)

    def __post_init__(self) -> None:
        self.histories = {i: [] for i in self.points}


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
        self._queue.resume(study.configs(), study.compiles)
        self._formed: dict[int, Formation] = {}  # those in the queue, by their first open point
        self._again: list[tuple[Formation, list[Point]]] = []  # those that had begun
        self._jobs: dict[int, _Job] = {}
        self._started = 0
        self._leaving = False
        self._rule: EarlyTermination | None = None
        if study.sweep.early_terminate is not None:
            self._rule = EarlyTermination(study.sweep.early_terminate, study.sweep.metric)
            for row in study.rows():
                self._rule.add(row.number, row.history)
        self._images = ImageSource()
        self._runs = Background(mode)
        self._shown: list[Future[Path]] = []

    @property
    def unsent(self) -> int:
        """How many runs W&B does not have everything of; `dlsweep sync` sends the rest."""
        return len(self._runs.unsent)

    def leave(self) -> None:
        """Let ``run`` return after the epochs that are being trained; may be called by a signal."""
        self._leaving = True

    @property
    def left(self) -> bool:
        """Whether ``run`` returned because it was told to leave."""
        return self._leaving

    def run(self) -> None:
        """Train. What is unfinished when this returns, or is left by an exception, waits.

        Then the same stacks are formed again, and go on from their checkpoints.
        """
        try:
            try:
                self._run()
            except Exception:
                self._runs.wait()
                raise
            self._runs.wait()
            for shown in self._shown:
                self._study.keep_folder(shown.result())
        except KeyboardInterrupt:
            self._runs.keep()
            raise

    def _run(self) -> None:
        told = False
        new = self._study.asked == 0
        try:
            self._take_up(self._study.left_over())
            while True:
                if self._study.stop_asked():
                    self._leaving = True
                while not self._leaving and self._trainer.idle:
                    following = self._next()
                    if following is None:
                        break
                    self._start(*following)
                if not self._jobs:
                    if self._leaving or not self._study.others():
                        break
                    time.sleep(_OTHERS)  # one of them may die, and its runs are to be trained
                    continue
                if self._leaving and not told:
                    told = True
                    _log.info("leaving after the present epoch; Ctrl-C again leaves now")
                    self._trainer.leave()
                if new:  # once for all runs, while the first are training
                    self._show_data()
                    new = False
                for event in self._trainer.wait():
                    self._handle(event)
        finally:
            self._trainer.close()
            for job in self._jobs.values():
                self._abandon(job)
        if self._study.owned and not self._leaving:
            tidy(self._study.checkpoints)

    def _abandon(self, job: _Job) -> None:
        for run in job.runs.values():
            run.leave("interrupted; the sweep trains it again when it goes on")

    def _take_up(self, points: Sequence[Point]) -> None:
        """Form the stacks again in which points were when their process died."""
        stacks: dict[str, tuple[Formation, list[Point]]] = {}
        for point in points:
            if point.stack is not None:
                stacks.setdefault(point.stack.id, (point.stack, []))[1].append(point)
        for _, (formation, members) in sorted(stacks.items(), key=lambda item: int(item[0])):
            if formation.begun:
                self._again.append((formation, members))
            else:
                self._queue.put(members)
                self._formed[members[0].number] = formation
        if self._study.owned:
            begun = {self._study.checkpoint(formation) for formation, _ in self._again}
            tidy(self._study.checkpoints, keep=begun)
        self._plan([point for point in points if point.stack is None])

    def _plan(self, points: Sequence[Point]) -> None:
        if points:
            stacks = self._queue.add(points)
            for stack, formation in zip(stacks, self._study.form(stacks), strict=True):
                self._formed[stack[0].number] = formation

    def _next(self) -> tuple[Formation, list[Point]] | None:
        """The next stack, after asking for more points where none waits."""
        if self._again:
            return self._again.pop(0)
        if not self._queue:
            self._plan(self._study.ask(ASK_AT_ONCE[self._study.sweep.method]))
        if not self._queue:
            return None
        total = self._study.total
        points, compile_for = self._queue.next(total - self._study.asked if total else 0)
        formation = self._formed.pop(points[0].number)
        return self._study.begin(formation, compile_for), points

    def _start(self, formation: Formation, points: Sequence[Point]) -> None:
        job = self._started
        self._started += 1
        configs = [
            dataclasses.replace(self._study.config(number), **self._settings)
            for number in formation.members
        ]
        places = {formation.members.index(point.number): point for point in points}
        self._jobs[job] = _Job(
            formation, places, {i: self._open(point, configs[i]) for i, point in places.items()}
        )
        self._trainer.start(
            job,
            configs,
            compile_for=formation.compile_for,
            judge=self._judge(formation, self._jobs[job]),
            checkpoint=Checkpoint(self._study.checkpoint(formation), frozenset(places)),
        )
        self._watcher.started(points)

    def _judge(self, formation: Formation, job: _Job) -> Judge | None:
        """Who of a stack is to leave it: by the sweep's ``early_terminate``, or a user's click."""
        rule, points = self._rule, dict(job.points)

        def clicked(metrics: Mapping[int, EpochMetrics]) -> dict[int, str]:
            return {i: STOPPED for i in metrics if i in job.runs and job.runs[i].stop_asked}

        if rule is None:
            return clicked if self._mode == "online" else None
        members = formation.members
        ended = {i: len(self._study.history(n)) for i, n in enumerate(members) if i not in points}
        for point in points.values():
            rule.add(point.number, [])

        def judge(metrics: Mapping[int, EpochMetrics]) -> dict[int, str]:
            for row in self._study.news():
                rule.add(row.number, row.history)
            # Members that ended before the sweep was interrupted end as they did.
            again = {i for i in metrics if i in ended and metrics[i].epoch >= ended[i]}
            own = {members[i]: told.as_dict() for i, told in metrics.items() if i in points}
            stopped = rule.stops(own)
            by_rule = {i: STOPPED for i in metrics if i in again or members[i] in stopped}
            return by_rule | clicked(metrics)

        return judge

    def _open(self, point: Point, config: RunConfig) -> BackgroundRun:
        def opened(mode: str, run_id: str, on_stop: Callable[[], None]) -> TrackedRun:
            run = open_run(
                config,
                DATASETS[config.dataset].classes,
                mode=mode,
                run_id=run_id,
                name=point.name,
                group=self._study.name,
                test=functools.partial(self._images.test, config.dataset),
                more=patient_settings(on_stop) if self._mode == "online" else None,
            )
            if point.attempt > 1:
                run.remove_older()
            return run

        return self._runs.open(point.run_id, config, opened)

    def _show_data(self) -> None:
        """Show each data set once, in a run beside those of the points."""
        configs = [run.config for job in self._jobs.values() for run in job.runs.values()]
        if all(config.figures == "none" for config in configs):
            return
        first = configs[0]
        for name in dict.fromkeys([*datasets_of(self._study.sweep), first.dataset]):
            try:
                data = self._images.load(name, first.val_fraction, first.train_size)
            except ConfigError:  # what fits one data set is too much for another
                data = self._images.load(name)
            show = functools.partial(
                show_data,
                data,
                mode=self._mode,
                project=first.wandb_project,
                entity=first.wandb_entity,
                group=self._study.name,
                opener=self._runs.opener,
            )
            self._shown.append(self._runs.show(show))

    def _handle(self, event: Event) -> None:
        job = self._jobs[event.job]
        if isinstance(event, Notice):
            _log.warning(event.text)
        elif isinstance(event, Resumed):
            for i, point in job.points.items():
                if self._rule is not None:
                    self._rule.add(point.number, [m.as_dict() for m in event.histories[i]])
                for metrics in event.histories[i]:
                    self._log_epoch(job, i, metrics)
        elif isinstance(event, Trained):
            for i in sorted(job.points.keys() & event.end.metrics.keys()):
                self._log_epoch(job, i, event.end.metrics[i], event.end.results.get(i))
        else:
            del self._jobs[event.job]
            if isinstance(event, Broken) and not self._leaving:
                self._mend(job, event)
            elif isinstance(event, Done):
                self._study.checkpoint(job.formation).unlink(missing_ok=True)
            else:
                self._abandon(job)

    def _log_epoch(
        self, job: _Job, i: int, metrics: EpochMetrics, result: RunResult | None = None
    ) -> None:
        job.histories[i].append(metrics)
        job.runs[i].log(metrics, result)
        self._study.trained(job.points[i], metrics.epoch, metrics.as_dict())
        self._watcher.trained(job.points[i], metrics)
        if result is not None:
            self._finish(job, i, result)

    def _mend(self, job: _Job, broken: Broken) -> None:
        """Train a stack again that broke, as it was or in parts; what cannot be helped has failed.

        Nobody knows whose fault it was. What an error broke is tried alone, and what did not fit
        into memory in halves. What took its process with it is first tried once more as it was, for
        most processes die of something else; then alone, so that the others survive the guilty one.
        """
        if broken.details:
            _log.debug(broken.details)
        points = list(job.points.values())
        if not points:  # all had ended before it broke
            self._study.checkpoint(job.formation).unlink(missing_ok=True)
        elif broken.cause is Cause.DEATH:
            points = self._study.died(points)
            deaths = max(point.deaths for point in points)
            if deaths >= MOST_DEATHS:
                self._fail(job, f"{broken.reason}; {deaths} have died training this run")
            elif deaths == MOST_DEATHS - 1 and len(job.formation.members) > 1:
                self._split(job, points, 1, broken.reason)
            else:
                _log.warning("%s; %s again", broken.reason, _runs(points))
                self._discard(job, broken.reason)
                self._again.insert(0, (job.formation, points))
        elif broken.cause is Cause.MEMORY and len(job.formation.members) > 1:
            self._split(job, points, math.ceil(len(points) / 2), broken.reason)
        elif len(points) > 1:
            self._split(job, points, 1, broken.reason)
        else:
            self._fail(job, broken.reason)

    def _split(self, job: _Job, points: list[Point], size: int, reason: str) -> None:
        """Train what is left of a stack again in smaller ones."""
        how = f"in stacks of {size}" if size > 1 else "alone"
        _log.warning("%s; %s again, %s", reason, _runs(points), how)
        self._discard(job, reason)
        self._study.checkpoint(job.formation).unlink(missing_ok=True)
        parts = [points[i : i + size] for i in range(0, len(points), size)]
        formations = [
            self._study.begin(formation, job.formation.compile_for)
            for formation in self._study.form(parts)
        ]
        self._again[:0] = zip(formations, parts, strict=True)

    def _discard(self, job: _Job, reason: str) -> None:
        for run in job.runs.values():
            run.discard(reason)

    def _fail(self, job: _Job, reason: str) -> None:
        for i, point in job.points.items():
            job.runs[i].fail(reason)
            info = _whereabouts(job.runs[i])
            self._watcher.ended(self._study.fail(point, reason, info))
        self._study.checkpoint(job.formation).unlink(missing_ok=True)

    def _finish(self, job: _Job, i: int, result: RunResult) -> None:
        run, point = job.runs.pop(i), job.points.pop(i)
        run.finish()
        row = self._study.finish(
            point,
            result.status,
            [metrics.as_dict() for metrics in job.histories[i]],
            run.summary,
            {
                **_whereabouts(run),
                **({"model": str(run.model)} if run.model else {}),
            },
        )
        self._watcher.ended(row)


def _runs(points: Sequence[Point]) -> str:
    return f"run {points[0].number}" if len(points) == 1 else f"{len(points)} runs"


def _whereabouts(run: BackgroundRun) -> dict[str, Any]:
    """Where a run lies, and where in W&B it belongs."""
    place = {"project": run.config.wandb_project, "entity": run.config.wandb_entity}
    return {"directory": str(run.directory), **place}


def datasets_of(sweep: SweepFile) -> list[str]:
    """The data sets that a sweep's points may use, to be fetched before anything is trained."""
    distribution = sweep.parameters.get("dataset")
    if distribution is None:
        return [RunConfig().dataset]
    return list(dict.fromkeys(distribution.support() or ()))
