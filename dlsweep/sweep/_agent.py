"""An agent of a W&B sweep that trains its runs in stacks."""

from __future__ import annotations

import dataclasses
import logging
import os
import shlex
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlsweep.config import ConfigError, RunConfig, parse_settings
from dlsweep.data import DataUnavailable, fetch
from dlsweep.sweep import _crew
from dlsweep.sweep._background import THREADS
from dlsweep.sweep._crew import Crew
from dlsweep.sweep._given import GivenRun
from dlsweep.sweep._hyperband import STOPPED
from dlsweep.sweep._jobs import Broken, Cause, Event, Notice, Resumed, Trained
from dlsweep.sweep._mending import size_again
from dlsweep.sweep._metric import Metric
from dlsweep.sweep._open_runs import INTERRUPTED, OpenRuns
from dlsweep.sweep._pool import Pool
from dlsweep.sweep._rows import Row
from dlsweep.sweep._stacks import StackQueue
from dlsweep.sweep._study import Point
from dlsweep.sweep._trainers import Trainer
from dlsweep.sweep._watcher import Watcher
from dlsweep.tracking import Command, SweepPlace, SweepService, room_for_runs, sync_commands
from dlsweep.training import EpochMetrics, Judge, Layout, RunResult, choose_device

_log = logging.getLogger("dlsweep.sweep")

_MOST_INITIAL_FAILURES = 5


class SweepAgent:
    """Takes as many runs of a W&B sweep as can be trained at once, until there are none left.

    Args:
        service: the sweep.
        trainer: where the stacks are trained.
        mode: of the wandb runs, "online" or another of wandb's modes.
        metric: what the watcher is told of a run's success.
        watcher: told of what happens.
        settings: settings that override the sweep's, such as the device.
        stack: how many runs to take at once.
        count: how many runs to take in all; None for all there are.
        total: how many runs the sweep has left, where that is known.
    """

    def __init__(
        self,
        service: SweepService,
        trainer: Trainer,
        *,
        mode: str,
        metric: Metric,
        watcher: Watcher,
        settings: Mapping[str, Any],
        stack: int,
        count: int | None = None,
        total: int | None = None,
    ) -> None:
        place = SweepPlace(service.entity, service.project, service.name, mode)
        self._overriding = {
            **settings,
            "wandb_project": service.project,
            "wandb_entity": service.entity,
        }
        self._trainer = trainer
        self._metric = metric
        self._watcher = watcher
        self._told: set[str] = set()
        self._stack = room_for_runs(stack)
        if self._stack < stack:
            limit = "the limit of open files (ulimit -n) allows no more"
            self._tell(f"{self._stack} runs at once instead of {stack}: {limit}")
        ends = [end for end in (count, total) if end is not None]
        self._count, self._total = count, min(ends) if ends else None
        self._crew = Crew(service, Pool(THREADS), self.stop_run)
        self._runs = OpenRuns(place, self.stop_run, self._crew.release)
        self._queue: StackQueue[GivenRun] = StackQueue(
            trainer.processes, choose_device(settings.get("device", "auto")).type
        )
        self._jobs: dict[int, list[GivenRun]] = {}
        self._started = 0
        self._begun: set[str] = set()
        self._taken = 0
        self._asked_at = float("-inf")
        self._stops: set[str] = set()
        self._leaving = 0
        self._awake = threading.Event()
        self.rows: list[Row] = []
        """The runs that are over."""

    @property
    def unsent(self) -> dict[Path, str]:
        """The folders of runs of which W&B does not have everything, with the runs' ids."""
        return self._runs.unsent

    @property
    def leaving(self) -> int:
        """The exit code with which the agent ends, where it was told to."""
        return self._leaving

    @property
    def failing(self) -> bool:
        """Whether all that this agent has tried has failed; `wandb agent` then gives up too."""
        given = os.environ.get("WANDB_AGENT_MAX_INITIAL_FAILURES", "")
        most = int(given) if given.isdecimal() else _MOST_INITIAL_FAILURES
        return len(self.rows) >= most and all(row.status == "failed" for row in self.rows)

    # From other threads and from signal handlers

    def leave(self, exit_code: int) -> None:
        """End every run with its present epoch, give back what has not begun, then return."""
        self._leaving = exit_code
        self._awake.set()

    def stop_run(self, run_id: str) -> None:
        """End a run with its present epoch."""
        self._stops.add(run_id)
        self._awake.set()

    # The loop

    def run(self) -> None:
        """Train.

        Raises:
            TrackingError: where W&B refuses its agents; the runs in training have ended by then.
            KeyboardInterrupt: when it is interrupted; what W&B does not have yet is on the disk.
        """
        try:
            self._run()
        except KeyboardInterrupt:
            self._runs.keep()
            for words in sync_commands(self.unsent):
                _log.warning("what W&B does not have yet is sent with: %s", shlex.join(words))
            raise

    def _run(self) -> None:
        try:
            self._train()
            for run in self._queue.waiting:
                if run.id in self._begun:
                    self._runs.close(run.id, INTERRUPTED, self._leaving)
                else:
                    self._runs.give_back(run.id, run.given, self._leaving)
                self._end(run, INTERRUPTED)
        except Exception as error:
            self._runs.fail_all(f"the agent ended: {type(error).__name__}: {error}")
            self._runs.wait()
            raise
        finally:
            self._trainer.close()
        self._runs.wait()
        self._crew.close()
        if self._crew.trouble is not None:
            raise self._crew.trouble

    def _train(self) -> None:
        while True:
            if self._leaving:
                left = "the runs end with this epoch and go back to the sweep"
                self._tell(f"{left}; Ctrl-C ends them now")
            self._drop_stopped()
            while self._trainer.idle and self._fill():
                self._start(*self._queue.next(self._unasked))
            if self._jobs:
                for event in self._trainer.wait():
                    self._handle(event)
            elif self._over:
                return
            else:
                self._awake.wait(_crew.HEARTBEAT_SECONDS)
                self._awake.clear()

    @property
    def _unasked(self) -> int:
        """How many runs the sweep has left, where that is known."""
        return max(0, self._total - self._taken) if self._total is not None else 0

    @property
    def _over(self) -> bool:
        """Whether nothing more will be asked for."""
        enough = self._count is not None and self._taken >= self._count
        return bool(self._leaving) or enough or self._crew.exhausted or self.failing

    def _fill(self) -> bool:
        """Whether a stack is waiting, after asking for more runs where none is."""
        while not self._queue and not self._over:
            again = self._asked_at + _crew.HEARTBEAT_SECONDS
            wanted = self._stack - sum(map(len, self._jobs.values()))
            if self._count is not None:
                wanted = min(wanted, self._count - self._taken)
            if self._total is not None:  # a guess: others take runs too, and give some back
                wanted = min(wanted, max(1, self._total - self._taken))
            if wanted < 1 or (self._crew.waiting and time.monotonic() < again):
                return False
            commands = self._crew.ask(wanted)
            self._asked_at = time.monotonic()
            if self._crew.waiting and not commands:
                self._tell(f"{self._crew.waiting}; it is asked again until it has")
            accepted = [self._accept(command) for command in commands]
            self._queue.add([run for run in accepted if run is not None])
            if self.failing:
                self._tell("every run so far has failed; no others are taken")
        return bool(self._queue) and not self._leaving

    def _accept(self, command: Command) -> GivenRun | None:
        """The run that a command asks for; None where it cannot be trained, and W&B is told."""
        number = self._taken
        self._taken += 1
        try:
            _, swept, notices = parse_settings(command.settings)
            config, _, _ = parse_settings({**swept, **self._overriding})
            fetch(config.dataset)
        except (ConfigError, DataUnavailable) as error:
            self._runs.refuse(command.run_id, command.settings, error)
            refused = Point(number, RunConfig(), command.run_id, command.run_id)
            self._end(GivenRun(refused, command.settings), "failed", reason=str(error))
            return None
        for notice in notices:
            self._tell(notice)
        return GivenRun(Point(number, config, command.run_id, command.run_id), command.settings)

    def _start(self, runs: list[GivenRun], compile_for: Layout | None) -> None:
        job = self._started
        self._started += 1
        self._jobs[job] = runs
        for run in runs:  # in threads: what is trained in between is logged when they are open
            if run.id not in self._begun:
                self._begun.add(run.id)
                self._runs.open(run.id, run.config, run.given)
        configs = [run.config for run in runs]
        self._trainer.start(job, configs, compile_for=compile_for, judge=self._judge(runs))
        self._watcher.started([run.point for run in runs])

    def _judge(self, runs: Sequence[GivenRun]) -> Judge:
        """Who of a stack is to leave it with this epoch."""

        def judge(metrics: Mapping[int, EpochMetrics]) -> dict[int, str]:
            if self._leaving:
                return dict.fromkeys(metrics, INTERRUPTED)
            return {i: STOPPED for i in metrics if runs[i].id in self._stops}

        return judge

    def _drop_stopped(self) -> None:
        """Runs that were stopped while they wait; those that never began W&B knows no runs of."""
        stopped = [run for run in self._queue.waiting if run.id in self._stops]
        self._queue.drop(stopped)
        for run in stopped:
            if run.id in self._begun:
                self._runs.close(run.id, STOPPED)
            else:
                self._crew.release(run.id)
            self._end(run, STOPPED)

    def _handle(self, event: Event) -> None:
        runs = self._jobs[event.job]
        if isinstance(event, Notice):
            self._tell(event.text)
        elif isinstance(event, Trained):
            for i, metrics in event.end.metrics.items():
                self._log(runs[i], metrics, event.end.results.get(i))
        elif not isinstance(event, Resumed):
            del self._jobs[event.job]
            if isinstance(event, Broken):
                ended = {row.run_id for row in self.rows}
                self._mend([run for run in runs if run.id not in ended], event)

    def _log(self, run: GivenRun, metrics: EpochMetrics, result: RunResult | None) -> None:
        if metrics.epoch > len(run.history):  # else it was logged before its stack broke
            run.history.append(metrics)
            name, summary = self._runs.log(run.id, metrics, result)
            if name != run.id:
                run.point = dataclasses.replace(run.point, name=name)
            self._watcher.trained(run.point, metrics)
            if result is not None:
                self._runs.close(run.id, result.status, self._leaving)
                self._end(run, result.status, summary)

    def _mend(self, runs: list[GivenRun], broken: Broken) -> None:
        """Train the runs of a stack that broke again, as local sweeps do; or give them up."""
        if broken.details:
            _log.debug(broken.details)
        if not runs:
            return
        if self._leaving:  # the signal went to its process too
            for run in runs:
                self._runs.close(run.id, INTERRUPTED, self._leaving)
                self._end(run, INTERRUPTED)
            return
        if broken.cause is Cause.DEATH:
            for run in runs:
                run.deaths += 1
        size = size_again(broken.cause, len(runs), len(runs), max(run.deaths for run in runs))
        if size is None:
            for run in runs:
                self._runs.fail(run.id, broken.reason)
                self._end(run, "failed", reason=broken.reason)
            return
        again = "again" if size == len(runs) else f"again in stacks of {size}"
        _log.warning("%s; %d runs are trained %s", broken.reason, len(runs), again)
        for start in range(0, len(runs), size):
            self._queue.put(runs[start : start + size])

    def _end(
        self, run: GivenRun, status: str, summary: Mapping[str, Any] | None = None, reason: str = ""
    ) -> None:
        """A run is over, here: note it down."""
        self.rows.append(run.row(status, self._metric, summary or {}, reason))
        self._watcher.ended(self.rows[-1])

    def _tell(self, notice: str) -> None:
        """Say something once."""
        if notice not in self._told:
            self._told.add(notice)
            _log.warning(notice)
