"""A sweep without a server: points from the study, stacks to the trainers, results to both."""

from __future__ import annotations

import dataclasses
import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dlsweep.config import RunConfig
from dlsweep.data import DATASETS
from dlsweep.sweep._background import Background, BackgroundRun
from dlsweep.sweep._checkpoints import tidy
from dlsweep.sweep._elsewhere import Elsewhere, Told
from dlsweep.sweep._formation import Formation
from dlsweep.sweep._hyperband import STOPPED, EarlyTermination
from dlsweep.sweep._jobs import Broken, Checkpoint, Done, Event, Notice, Resumed, Trained
from dlsweep.sweep._mending import Mender, StackJob, whereabouts
from dlsweep.sweep._showing import Showing
from dlsweep.sweep._stacks import StackQueue
from dlsweep.sweep._study import Point, Study
from dlsweep.sweep._trainers import Trainer
from dlsweep.sweep._watcher import Watcher
from dlsweep.tracking import ImageSource, TrackedRun, open_run, patient_settings
from dlsweep.training import EpochMetrics, Judge, RunResult, choose_device

__all__ = ["ASK_AT_ONCE", "LocalSweep", "Watcher"]

_log = logging.getLogger("dlsweep.sweep")

_OTHERS = 2.0  # seconds between looks at what other machines are still training

ASK_AT_ONCE = {"grid": 64, "random": 64, "bayes": 8}
"""How many points are asked for together: many fill stacks, few let bayes learn in between.

Eight at once cost bayes nothing that can be measured, 16 cost it half a point of accuracy after 32
runs, and 64 make it a random search (benchmarks/README.md). The others learn nothing: a GPU, whose
stacks are large, is given more at once, and so is a machine that trains a sweep alone, for what it
has not begun cannot be trained by another.
"""
_ON_GPU, _ALONE = 64, 4  # times as many


class LocalSweep:
    """Trains a study's points until there are none left.

    Args:
        study: whose points, open and owned by this process.
        trainer: where the stacks are trained.
        mode: of the wandb runs: "offline", "online" or another of wandb's modes.
        settings: settings that override the points', such as the device or the project.
        watcher: told of what happens.
        elsewhere: told of runs that other machines train, and of how many machines are at work.
    """

    def __init__(
        self,
        study: Study,
        trainer: Trainer,
        *,
        mode: str,
        settings: dict[str, Any],
        watcher: Watcher,
        elsewhere: Told = lambda rows, machines: None,
    ) -> None:
        self._study = study
        self._trainer = trainer
        self._mode = mode
        self._settings = settings
        self._watcher = watcher
        self._mender = Mender(study, watcher)
        device = choose_device(settings.get("device", "auto")).type
        self._queue: StackQueue[Point] = StackQueue(trainer.processes, device)
        self._at_once = ASK_AT_ONCE[study.sweep.method]
        if study.sweep.method != "bayes":
            self._at_once *= _ON_GPU if device == "cuda" else _ALONE if study.owned else 1
        self._queue.resume(study.configs(), study.compiles)
        self._formed: dict[int, Formation] = {}  # those in the queue, by their first open point
        self._again: list[tuple[Formation, list[Point]]] = []  # those that had begun
        self._jobs: dict[int, StackJob] = {}
        self._started = 0
        self._leaving = False
        self._rule: EarlyTermination | None = None
        if study.sweep.early_terminate is not None:
            self._rule = EarlyTermination(study.sweep.early_terminate, study.sweep.metric)
            for row in study.rows():
                self._rule.add(row.number, row.history)
        self._elsewhere = Elsewhere(study, self._jobs, self._drop, self._rule, elsewhere)
        self._images = ImageSource()
        self._noticed: set[str] = set()
        self._runs = Background(mode)
        self._showing = Showing(study, self._runs, self._images, mode)

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
            self._showing.keep()
        except KeyboardInterrupt:
            self._runs.keep()
            raise

    def _run(self) -> None:
        told = False
        try:
            left_over = self._study.left_over()
            if self._study.owned:
                stacks = [point.stack for point in left_over if point.stack is not None]
                begun = {self._study.checkpoint(stack) for stack in stacks if stack.begun}
                tidy(self._study.checkpoints, keep=begun)
            self._take_up(left_over)
            while True:
                if self._study.stop_asked():
                    self._leaving = True
                self._elsewhere.listen()
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
                self._showing.look(self._jobs.values())
                for event in self._trainer.wait():
                    self._handle(event)
        finally:
            self._trainer.close()
            for job in self._jobs.values():
                self._abandon(job)
        self._elsewhere.listen()
        if not self._leaving:
            self._study.clear_checkpoints()

    def _drop(self, job: int) -> None:
        self._trainer.drop(job)

    def _abandon(self, job: StackJob) -> None:
        reason = "interrupted; the sweep trains it again when it goes on"
        for run in job.runs.values():
            if self._study.owned:
                run.leave(reason)
            else:  # it may go on elsewhere; if here, all of its epochs are logged again
                run.discard(reason)

    def _take_up(self, points: Sequence[Point]) -> None:
        """Form the stacks again in which points were when their process died."""
        stacks: dict[str, tuple[Formation, list[Point]]] = {}
        for point in points:
            if point.stack is not None:
                stacks.setdefault(point.stack.id, (point.stack, []))[1].append(point)
        self._elsewhere.lost -= {point.number for point in points}
        for _, (left, members) in sorted(stacks.items(), key=lambda item: int(item[0])):
            formation = self._study.adopt(left)
            if formation.begun:
                self._again.append((formation, members))
            else:
                self._queue.put(members)
                self._formed[members[0].number] = formation
        self._plan([point for point in points if point.stack is None])

    def _plan(self, points: Sequence[Point]) -> None:
        if points:
            stacks = self._queue.add(points)
            for stack, formation in zip(stacks, self._study.form(stacks), strict=True):
                self._formed[stack[0].number] = formation

    def _next(self) -> tuple[Formation, list[Point]] | None:
        """The next stack, after asking for more points where none waits."""
        while True:
            if not self._again and not self._queue:
                self._take_up(self._study.ask(self._at_once))
            if not self._again and not self._queue:
                return None
            if self._again:
                formation, points = self._again.pop(0)
            else:
                points, compile_for = self._queue.next(self._unasked)
                formation = self._formed.pop(points[0].number)
            points = [point for point in points if point.number not in self._elsewhere.lost]
            if points:
                if not formation.begun:
                    formation = self._study.begin(formation, compile_for)
                return formation, points

    @property
    def _unasked(self) -> int:
        """How many runs the sweep has that were not asked for yet, where that is known."""
        total = self._study.total
        return max(0, total - self._study.asked) if total else 0

    def _start(self, formation: Formation, points: Sequence[Point]) -> None:
        job = self._started
        self._started += 1
        configs = [
            dataclasses.replace(self._study.config(number), **self._settings)
            for number in formation.members
        ]
        places = {formation.members.index(point.number): point for point in points}
        self._jobs[job] = StackJob(
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

    def _judge(self, formation: Formation, job: StackJob) -> Judge | None:
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
            self._elsewhere.listen()
            # Members that ended before the sweep was interrupted end as they did.
            again = {i for i in metrics if i in ended and metrics[i].epoch >= ended[i]}
            again |= {i for i in metrics if members[i] in self._elsewhere.lost}
            going = (i for i in metrics if i in points and i not in again)
            own = {members[i]: metrics[i].as_dict() for i in going}
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
            self._elsewhere.opened(run)
            if point.attempt > 1:
                run.remove_older()
            return run

        return self._runs.open(point.run_id, config, opened)

    def _handle(self, event: Event) -> None:
        job = self._jobs[event.job]
        if isinstance(event, Notice):
            if event.text not in self._noticed:
                self._noticed.add(event.text)
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
                self._again[:0] = self._mender.mend(job, event)
            elif isinstance(event, Done):
                self._study.checkpoint(job.formation).unlink(missing_ok=True)
            else:
                self._abandon(job)

    def _log_epoch(
        self, job: StackJob, i: int, metrics: EpochMetrics, result: RunResult | None = None
    ) -> None:
        job.histories[i].append(metrics)
        job.runs[i].log(metrics, result)
        self._study.trained(job.points[i], metrics.epoch, metrics.as_dict())
        self._watcher.trained(job.points[i], metrics)
        if result is not None:
            self._finish(job, i, result)

    def _finish(self, job: StackJob, i: int, result: RunResult) -> None:
        run, point = job.runs.pop(i), job.points.pop(i)
        run.finish()
        self._elsewhere.ended(point.number, run)
        row = self._study.finish(
            point,
            result.status,
            [metrics.as_dict() for metrics in job.histories[i]],
            run.summary,
            {
                **whereabouts(run),
                **({"model": str(run.model)} if run.model else {}),
            },
        )
        self._watcher.ended(row)
