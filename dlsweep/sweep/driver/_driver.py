"""The driver: the one loop between a source of runs and an executor of jobs."""

from __future__ import annotations

import functools
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from dlsweep.sweep.driver._jobs import Jobs, StackJobs
from dlsweep.sweep.driver._progress import Progress
from dlsweep.sweep.driver._retry import retry_size
from dlsweep.sweep.driver._source import Source
from dlsweep.sweep.driver._waiting import Waiting
from dlsweep.sweep.execution import (
    SAVE_SECONDS,
    Asked,
    Broken,
    Cause,
    Done,
    Epoch,
    Event,
    Executor,
    Left,
    Notice,
    Resumed,
)
from dlsweep.sweep.study import Metrics, PlannedStack, Run
from dlsweep.tracking import Outcome, room_for_runs
from dlsweep.training import STOPPED

_log = logging.getLogger("dlsweep.sweep")


@dataclass
class _Training:
    """A stack in training.

    A stack that goes on from an old checkpoint, or begins again, also trains members that have
    ended before, so that the others get the results they would have had; those are ignored.

    Attributes:
        stack: which runs it was planned for.
        runs: those of them that have not ended, by their places in the stack.
        epoch: the last epoch that was reported.
    """

    stack: PlannedStack
    runs: dict[int, Run]
    epoch: int = 0


@dataclass
class _Ended:
    """Runs that have ended and are to be recorded, and the checkpoint that goes with the last."""

    job: int
    runs: list[tuple[Run, Outcome]]
    checkpoint: Path | None = None


class Driver:
    """Trains the runs of a source on an executor until there are none left.

    Args:
        source: hands out the runs and keeps their results.
        executor: runs their jobs; the driver closes it.
        jobs: makes the jobs; by default stacks of built-in networks.
        progress: callbacks for what happens.
        save_seconds: the least time between two checkpoints of a stack.
        notify: called with each line for the user, once; by default a warning in the log.
    """

    def __init__(
        self,
        source: Source,
        executor: Executor,
        *,
        jobs: Jobs | None = None,
        progress: Progress | None = None,
        save_seconds: float = SAVE_SECONDS,
        notify: Callable[[str], None] = _log.warning,
    ) -> None:
        self._source = source
        self._executor = executor
        self._progress = progress or Progress()
        self._notify = functools.cache(notify)
        self._numbers = count()
        self._losses: Counter[int] = Counter()  # how often each stack was lost with its machine
        self._jobs = jobs or StackJobs(save_seconds)
        self._waiting = Waiting(source, self._jobs.queue(executor))
        self._training: dict[int, _Training] = {}
        self._ended: list[_Ended] = []  # not recorded yet, for the next stacks begin first
        self._stopping: set[str] = set()
        self._leaving = False
        self._rule = source.early_termination()

    @property
    def leaving(self) -> bool:
        """Whether the driver ends after the present epoch."""
        return self._leaving

    def leave(self) -> None:
        """Let ``run`` return after the present epoch; may be called from a signal handler."""
        self._leaving = True

    def run(self) -> None:
        """Train. What has not ended when this returns or raises is given back to the source.

        Raises:
            ExecutorError: if no worker can start, or those that died cannot be replaced.
            KeyboardInterrupt: if it is interrupted; what was logged is on the disk.
        """
        try:
            try:
                self._executor.start()
                self._waiting.resume()
                self._progress.planned(self._waiting.runs)
                self._train()
            except Exception as error:
                self._source.abort(error)
                raise
            finally:
                self._executor.close()
                self._give_back()
        except KeyboardInterrupt:
            self._source.keep()
            raise
        except Exception:
            self._source.close()
            raise
        self._source.close()

    # The loop

    def _train(self) -> None:
        left = False
        while True:
            self._leaving |= self._source.leave_asked
            for run_id in self._source.stops_asked():
                self._stop(run_id)
            while not self._leaving and self._executor.free:
                following = self._next()
                if following is None:
                    break
                self._start(*following)
            self._record()
            if self._training:
                if self._leaving and not left:
                    left = True
                    self._notify(self._jobs.leaving)
                    self._executor.leave()
                for event in self._executor.events():
                    self._handle(event)
            elif self._leaving or (self._source.exhausted and not self._waiting):
                return
            elif self._waiting:
                self._executor.events()  # until a worker is ready
            else:
                self._source.wait()

    def _open(self) -> int:
        """How many runs were taken and are not recorded as ended."""
        trained = sum(len(training.runs) for training in self._training.values())
        return len(self._waiting.runs) + trained + sum(len(ended.runs) for ended in self._ended)

    # Stacks before they are trained

    def _next(self) -> tuple[PlannedStack, list[Run]] | None:
        """The next stack to train, after taking more runs if none waits."""
        if not self._waiting:
            for stack, runs in self._source.promoted():
                self._waiting.again(stack, runs)
                self._progress.planned(runs)
        if not self._waiting and not self._source.exhausted:
            room = self._room() - self._open()
            if room > 0:
                taken = self._source.take(room)
                self._waiting.add(taken)
                self._progress.planned(taken)
        return self._waiting.next()

    def _room(self) -> int:
        """How many runs may be open at once: each takes files of this process and of wandb."""
        room = room_for_runs(self._source.at_once)
        if room < self._source.at_once:
            limit = "the limit on open files (ulimit -n) allows no more"
            self._notify(f"at most {room} runs at once instead of {self._source.at_once}: {limit}")
        return room

    def _start(self, stack: PlannedStack, runs: list[Run]) -> None:
        job = next(self._numbers)
        places = {stack.members.index(run.number): run for run in runs}
        self._training[job] = _Training(stack, places)
        self._executor.submit(
            self._jobs.job(job, stack, places, self._source, asks=self._rule is not None)
        )
        if self._rule is not None:
            for run in runs:
                if run.judged and not run.history:
                    self._rule.add(run.number, [])
        self._source.started(runs)
        self._progress.started(runs)
        self._pass_stops_on(job)

    def _stop(self, run_id: str) -> None:
        """End one run: with its present epoch, or at once if it waits."""
        self._stopping.add(run_id)
        for job in self._training:
            self._pass_stops_on(job)
        for run in self._waiting.drop(run_id):
            self._progress.ended(self._source.stopped(run))

    def _pass_stops_on(self, job: int) -> None:
        """Stop members of a job, those that train epochs again only once they have caught up."""
        training = self._training[job]
        for place, run in training.runs.items():
            if run.run_id in self._stopping and training.epoch >= len(run.history):
                self._executor.stop(job, place, STOPPED)

    # Events

    def _handle(self, event: Event) -> None:
        training = self._training[event.job]
        if isinstance(event, Notice):
            self._notify(event.text)
        elif isinstance(event, Asked):
            self._executor.answer(event.job, self._judge(training, event.metrics))
        elif isinstance(event, Resumed):
            for place, run in training.runs.items():
                if self._rule is not None and run.judged and not run.history:
                    self._rule.add(run.number, [m.as_dict() for m in event.histories[place]])
                for metrics in event.histories[place]:
                    self._epoch(run, metrics)
                    training.epoch = metrics.epoch
        elif isinstance(event, Epoch):
            for place in sorted(training.runs.keys() & event.metrics.keys()):
                self._epoch(training.runs[place], event.metrics[place], event.ended.get(place))
            ended = [
                (training.runs.pop(place), event.ended[place])
                for place in sorted(training.runs.keys() & event.ended.keys())
            ]
            if event.ended:
                self._ended.append(_Ended(event.job, ended))
            # Runs that end together are closed together; one alone while the next job begins.
            if training.runs or len(ended) != 1 or not self._source.patient:
                self._record(wait=False)
            epochs = (metrics.epoch for metrics in event.metrics.values())
            training.epoch = max(epochs, default=training.epoch)
            self._pass_stops_on(event.job)
            if not training.runs:  # what is left of the stack has ended before
                for place in event.metrics.keys() - event.ended.keys():
                    self._executor.stop(event.job, place, STOPPED)
        else:
            del self._training[event.job]
            self._jobs.ended(event.job)
            self._end(training, event)

    def _record(self, *, wait: bool = True) -> None:
        """Store the results of runs that have ended.

        Args:
            wait: leave out those of a job that is about to end: its slot comes first.
        """
        for ended in [e for e in self._ended if not wait or e.job not in self._training]:
            while ended.runs:
                run, outcome = ended.runs[0]
                self._progress.ended(self._source.ended(run, outcome))
                ended.runs.pop(0)
            self._ended.remove(ended)
            self._executor.recorded(ended.job)
            if ended.checkpoint is not None:
                ended.checkpoint.unlink(missing_ok=True)

    def _epoch(self, run: Run, metrics: Metrics, outcome: Outcome | None = None) -> None:
        """Record an epoch, unless that was done before its stack broke."""
        if metrics.epoch > len(run.history) or outcome is not None:
            if metrics.epoch > len(run.history):
                run.history.append(metrics)
            self._source.epoch(run, metrics, outcome)
            self._progress.epoch(run, metrics)

    def _judge(self, training: _Training, metrics: Mapping[int, Metrics]) -> dict[int, str]:
        """Which members early termination stops with this epoch."""
        assert self._rule is not None
        new = {
            place: run.number
            for place, run in training.runs.items()
            if run.judged and place in metrics and metrics[place].epoch > len(run.history)
        }
        stops = self._rule.stops(
            {run: (metrics[place].epoch, metrics[place].as_dict()) for place, run in new.items()}
        )
        stopped = {place: STOPPED for place, run in new.items() if run in stops}
        # Members that have ended before are of no more use once they are that far.
        for place in metrics.keys() - training.runs.keys():
            number = training.stack.members[place]
            if metrics[place].epoch >= self._rule.epochs(number):
                stopped[place] = STOPPED
        return stopped

    def _end(self, training: _Training, event: Done | Left | Broken) -> None:
        """A job has ended: see to the runs that it leaves."""
        checkpoint = self._source.checkpoint(training.stack)
        runs = list(training.runs.values())
        if isinstance(event, Broken) and event.details:
            _log.debug(event.details)
        ended = next((e for e in self._ended if e.job == event.job), None)
        if not runs:
            if ended is not None and not isinstance(event, Left):
                ended.checkpoint = checkpoint  # it is of use until they are recorded
            elif not isinstance(event, Left):
                checkpoint.unlink(missing_ok=True)
        elif isinstance(event, Broken) and not self._leaving:
            self._retry(training.stack, runs, event)
        else:
            for run in runs:
                self._source.give_back(run)

    def _retry(self, stack: PlannedStack, runs: list[Run], broken: Broken) -> None:
        """Train the runs of a broken stack again, or let them fail; see ``retry_size``."""
        reason, deaths, members = broken.reason, 0, len(stack.members)
        if broken.cause is Cause.DEATH:
            for run in runs:
                run.deaths += 1
            self._source.died(runs)
            deaths = max(run.deaths for run in runs)
        elif broken.cause is Cause.LOST:
            self._losses[stack.id] += 1
            deaths = self._losses[stack.id]
        size = retry_size(broken.cause, len(runs), members, deaths)
        which = f"run {runs[0].number}" if len(runs) == 1 else f"{len(runs)} runs"
        if size is not None and size >= members:
            _log.warning("%s; %s again", reason, which)
            self._waiting.again(stack, runs)
            return
        self._source.checkpoint(stack).unlink(missing_ok=True)
        if size is None:
            if deaths:
                reason = f"{reason}; {deaths} workers have died training this run"
            for run in runs:
                self._progress.ended(self._source.failed(run, reason, broken.info))
            return
        how = f"in stacks of {size}" if size > 1 else "alone"
        _log.warning("%s; %s again, %s", reason, which, how)
        self._waiting.split(stack, runs, size)

    # The end

    def _give_back(self) -> None:
        """Give back every run that has not ended."""
        trained = [training.runs.values() for training in self._training.values()]
        unrecorded = [[run for run, _ in ended.runs] for ended in self._ended]
        for runs in [*trained, *unrecorded, self._waiting.runs]:
            for run in runs:
                self._source.give_back(run)
