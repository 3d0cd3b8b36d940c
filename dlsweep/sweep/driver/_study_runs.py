"""What every source that is a study does: hands its runs out, and stores their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlsweep.sweep.driver._adding import Adding
from dlsweep.sweep.driver._confirming import Confirming, ConfirmOptions
from dlsweep.sweep.driver._source import Source
from dlsweep.sweep.execution import rung_file
from dlsweep.sweep.file import Asha, Config
from dlsweep.sweep.search import EarlyTermination, MeanTermination, SuccessiveHalving
from dlsweep.sweep.study import Metrics, PlannedStack, Row, Run, Study
from dlsweep.tracking import Outcome


class StudyRuns(Source):
    """Hands out a study's runs, and keeps their results there; see ``Source``.

    Args:
        study: open and owned by this process.
        at_once: see ``Source``.
        on_ended: called with the row of each run that has ended.
        confirm: how the best configurations are confirmed once the search is over; None for not.
        adding: runs that are added, in place of a search and of all that it has left.
    """

    def __init__(
        self,
        study: Study,
        *,
        at_once: int,
        on_ended: Callable[[Row], None] = lambda row: None,
        confirm: ConfirmOptions | None = None,
        adding: Adding | None = None,
    ) -> None:
        super().__init__(at_once)
        self._adding = adding
        self._study = study
        self._confirming = Confirming(study, confirm) if confirm is not None else None
        self._point_of = study.point_numbers()
        self._open_runs: set[int] = set()
        self._halving: SuccessiveHalving | None = None
        self._on_ended = on_ended
        self._unfinished = False

    @property
    def unsent(self) -> int:
        """How many runs that were online W&B lacks something of; `dlsweep sync` sends the rest."""
        return 0

    # Runs

    @property
    def patient(self) -> bool:
        """Whether what ``take`` hands out does not depend on ``ended``, which may come later."""
        sweep = self._study.sweep
        return sweep.method != "bayes" and sweep.metric.target is None

    def take(self, n: int) -> list[Run]:
        """Up to ``n`` runs to train; fewer or none if there are no more now."""
        if self._adding is not None:
            return self._adding.take(self._study, n)
        runs = self._opened(self._study.take(n))
        if runs or self._confirming is None or not self._study.exhausted or self._promotable():
            return runs
        return self._confirming.take(n)

    def _opened(self, runs: list[Run]) -> list[Run]:
        self._point_of.update({run.number: run.point for run in runs if run.judged})
        self._open_runs.update(run.number for run in runs)
        return runs

    @property
    def exhausted(self) -> bool:
        """Whether there will never be another run to take."""
        if self._adding is not None:
            return self._adding.done
        if self._promotable():
            return False
        return self._study.exhausted and (self._confirming is None or self._confirming.done)

    def config(self, number: int) -> Config:
        """The configuration of a run, whether it is open or has ended."""
        return self._study.config(number)

    def marks(self, run: Run) -> dict[str, Any]:
        """How the wandb runs of one configuration are found: by job type, or a tag."""
        point = f"point-{run.point}"
        if run.role == "confirmation":
            return {"job_type": run.role, "tags": [point]}
        return {"job_type": point} if self._study.repeats > 1 else {}

    # Stacks

    def left_over(self) -> Sequence[tuple[PlannedStack | None, list[Run]]]:
        """What an earlier process left unfinished: stacks with the runs that had not ended."""
        if self._adding is not None:  # what else was left keeps its checkpoints
            return self._study.left_over(self._adding.again)
        left = self._study.left_over()
        for _, runs in left:
            self._opened(runs)
        begun = [stack for stack, _ in left if stack is not None and stack.begun]
        self._study.clear_checkpoints(keep=begun)
        return left

    def plan(self, stacks: Sequence[Sequence[Run]]) -> list[PlannedStack]:
        """Record which runs are to be trained together."""
        return self._study.plan(stacks)

    def begin(self, stack: PlannedStack) -> PlannedStack:
        """Record that the training of a stack begins."""
        return self._study.begin(stack)

    def checkpoint(self, stack: PlannedStack) -> Path:
        """Where the checkpoint of a stack is kept."""
        return self._study.checkpoint(stack)

    # Results

    def started(self, runs: Sequence[Run]) -> None:
        """The training of these runs begins, or begins again."""

    def epoch(self, run: Run, metrics: Metrics, outcome: Outcome | None) -> None:
        """A run has trained an epoch; with its last one comes its outcome."""
        self._study.epoch(run, metrics.epoch, metrics.as_dict())

    def ended(self, run: Run, outcome: Outcome) -> Row:
        """A run has ended, after its last ``epoch``."""
        return self._finish(run, outcome, outcome.info)

    def _finish(self, run: Run, outcome: Outcome, info: Mapping[str, Any]) -> Row:
        history = [metrics.as_dict() for metrics in run.history]
        row = self._study.finish(run, outcome.status, history, outcome.summary, info)
        self._open_runs.discard(run.number)
        self._on_ended(row)
        return row

    def failed(self, run: Run, reason: str, info: Mapping[str, Any] | None = None) -> Row:
        """A run cannot be trained."""
        row = self._study.fail(run, reason, info)
        self._open_runs.discard(run.number)
        self._on_ended(row)
        return row

    def stopped(self, run: Run) -> Row:
        """Record that a run was stopped; it has no result, and so counts as failed."""
        return self.failed(run, "stopped while it waited to be trained")

    def died(self, runs: Sequence[Run]) -> None:
        """Record ``Run.deaths``: a worker has died training these runs."""
        self._study.store_deaths(runs)

    def give_back(self, run: Run) -> None:
        """The driver ends before this run has; it is trained again later."""
        self._unfinished = True

    # Requests of users

    @property
    def leave_asked(self) -> bool:
        """Whether the driver is to save and leave, as `dlsweep stop` asks."""
        return self._study.stop_asked()

    def early_termination(self) -> EarlyTermination | None:
        """The stopping rule that the driver applies, with the metrics of earlier runs."""
        if self._study.sweep.early_terminate is None:
            return None
        rule = EarlyTermination(self._study.sweep.early_terminate, self._study.sweep.metric)
        if isinstance(self._study.sweep.early_terminate, Asha):
            rule = self._halving = SuccessiveHalving(
                self._study.sweep.early_terminate,
                self._study.sweep.metric,
                self._study.sweep.longest,
                self._study.total,
            )
        elif self._study.repeats > 1:
            rule = MeanTermination(
                self._study.sweep.early_terminate,
                self._study.sweep.metric,
                self._point_of,
                self._open_runs,
            )
        rule.load(self._study.curves())
        return rule

    def rungs(self, longest: int) -> list[int]:
        """The epochs, up to ``longest``, with which runs may pause; none where they never do."""
        rule = self._study.sweep.early_terminate
        return rule.brackets(longest) if isinstance(rule, Asha) else []

    def _promotable(self) -> list[int]:
        """The runs that have paused at a rung and are among its best now."""
        if self._halving is None or self._study.reached:
            return []
        found = self._paused(self._halving.promotable())
        if not found and not self._open_runs and self._study.exhausted:
            self._halving.hurry()
            found = self._paused(self._halving.promotable())
            leader = None if found else self._halving.leader()
            if leader is not None and self._rung(leader) is not None:
                return [leader]
        return found

    def _paused(self, runs: Sequence[int]) -> list[int]:
        """Those of some runs that wait at a rung."""
        found = [run for run in runs if run not in self._open_runs]
        return [run for run in found if self._rung(run) is not None]

    def _rung(self, run: int) -> Path | None:
        """Where the stack of a run is kept as it was when the run paused; None if it did not."""
        stack = self._study.paused_in(run)
        if stack is None or self._halving is None:
            return None
        file = rung_file(self._study.checkpoint(stack), self._halving.epochs(run))
        return file if file.exists() else None

    def promoted(self) -> Sequence[tuple[PlannedStack, list[Run]]]:
        """Runs that have paused and go on now, with the stacks that they are to be trained in."""
        groups: dict[Path, list[int]] = {}
        for run in self._promotable():
            rung = self._rung(run)
            if rung is not None:
                groups.setdefault(rung, []).append(run)
        found = []
        for rung, numbers in groups.items():
            stack, runs = self._study.promote(numbers, rung)
            found.append((stack, self._opened(runs)))
        return found

    # The end

    def abort(self, error: Exception) -> None:
        """Close the study; runs that have not ended are trained again by the next command."""
        self._unfinished = True

    def keep(self) -> None:
        """The driver is interrupted: write what was logged to the disk, wait for no server."""

    def close(self) -> None:
        """The driver has ended; wait until everything is stored and sent."""
        if not self._unfinished and self._adding is None:
            self._study.clear_checkpoints(rungs=True)
