"""The source that is a study: a sweep without a server."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlsweep.config import RunConfig
from dlsweep.sweep.driver._data_runs import DataRuns
from dlsweep.sweep.driver._source import Source
from dlsweep.sweep.search import EarlyTermination
from dlsweep.sweep.study import PlannedStack, Row, Run, Study
from dlsweep.tracking import Background, BackgroundRun, Outcome
from dlsweep.training import EpochMetrics, Layout

AT_ONCE = {"grid": 256, "random": 256, "bayes": 8}
"""How many runs are open at once, by search method: many fill stacks, few let bayes learn.

Eight at once cost bayes nothing that can be measured, 16 cost it half a point of accuracy after 32
runs, and 64 make it a random search (benchmarks/README.md).
"""
_ON_GPU = 16  # times as many, for its stacks are large
_PER_SLOT = 16  # at least so many for each slot of a large cluster


def runs_at_once(method: str, device: str, slots: int) -> int:
    """How many runs of a sweep are open at once.

    Args:
        method: of the search.
        device: cpu or cuda.
        slots: how many stacks train at once.
    """
    if method == "bayes":
        return max(AT_ONCE["bayes"], slots)
    return max(AT_ONCE.get(method, 256) * (_ON_GPU if device == "cuda" else 1), _PER_SLOT * slots)


class StudySource(Source):
    """Hands out a study's runs, and keeps their results there and in wandb runs; see ``Source``.

    Args:
        study: open and owned by this process.
        mode: the mode of the wandb runs: "offline", "online" or another of wandb's.
        at_once: see ``Source``.
        settings: settings that override those of the runs, such as the device or the project.
        on_ended: called with the row of each run that has ended.
    """

    def __init__(
        self,
        study: Study,
        *,
        mode: str,
        at_once: int,
        settings: Mapping[str, Any] | None = None,
        on_ended: Callable[[Row], None] = lambda row: None,
    ) -> None:
        super().__init__(at_once)
        self._study = study
        self._settings = dict(settings or {})
        self._on_ended = on_ended
        self._runs = Background(mode, on_stop=self._stops.append)
        self._open: dict[int, BackgroundRun] = {}
        self._data_runs = DataRuns(study, self._runs, mode)
        self._unfinished = False

    @property
    def unsent(self) -> int:
        """How many runs W&B does not have everything of; `dlsweep sync` sends the rest."""
        return len(self._runs.unsent)

    # Runs

    def take(self, n: int) -> list[Run]:
        """See ``Source``."""
        return [self._overridden(run) for run in self._study.take(n)]

    def _overridden(self, run: Run) -> Run:
        run.config = dataclasses.replace(run.config, **self._settings)
        return run

    @property
    def exhausted(self) -> bool:
        """See ``Source``."""
        return self._study.exhausted

    @property
    def remaining(self) -> int:
        """See ``Source``."""
        total = self._study.total
        return max(0, total - self._study.taken) if total else 0

    def config(self, number: int) -> RunConfig:
        """See ``Source``."""
        return dataclasses.replace(self._study.config(number), **self._settings)

    # Stacks

    def left_over(self) -> Sequence[tuple[PlannedStack | None, list[Run]]]:
        """See ``Source``."""
        left = self._study.left_over()
        begun = [stack for stack, _ in left if stack is not None and stack.begun]
        self._study.clear_checkpoints(keep=begun)
        return [(stack, [self._overridden(run) for run in runs]) for stack, runs in left]

    def history(self) -> tuple[list[RunConfig], bool]:
        """See ``Source``."""
        return self._study.configs(), self._study.compiled

    def plan(self, stacks: Sequence[Sequence[Run]]) -> list[PlannedStack]:
        """See ``Source``."""
        return self._study.plan(stacks)

    def begin(self, stack: PlannedStack, compile_for: Layout | None) -> PlannedStack:
        """See ``Source``."""
        return self._study.begin(stack, compile_for)

    def checkpoint(self, stack: PlannedStack) -> Path:
        """See ``Source``."""
        return self._study.checkpoint(stack)

    # Results

    def started(self, runs: Sequence[Run]) -> None:
        """See ``Source``."""
        for run in runs:
            if run.number not in self._open:
                self._open[run.number] = self._runs.open(
                    run.run_id,
                    run.config,
                    again=run.attempt > 1,
                    name=run.name,
                    group=self._study.name,
                )
        if runs:
            self._data_runs.show(runs[0].config)

    def epoch(self, run: Run, metrics: EpochMetrics, outcome: Outcome | None) -> None:
        """See ``Source``."""
        tracked = self._open[run.number]
        tracked.log(metrics, outcome)
        if outcome is None:  # else ``ended`` stores it with the whole run
            self._study.epoch(run, metrics.as_dict())
        elif not self._runs.online:  # runs that end together are closed at the same time
            tracked.finish()

    def ended(self, run: Run, outcome: Outcome) -> Row:
        """See ``Source``."""
        tracked = self._open.pop(run.number)
        tracked.finish()
        tracked.wait()
        info = self._whereabouts(tracked)
        if tracked.model is not None:
            info["model"] = str(tracked.model)
        history = [metrics.as_dict() for metrics in run.history]
        row = self._study.finish(run, outcome.status, history, outcome.summary, info)
        self._on_ended(row)
        return row

    def failed(self, run: Run, reason: str) -> Row:
        """See ``Source``."""
        tracked = self._open.pop(run.number, None)
        info = None
        if tracked is not None:
            tracked.fail(reason)
            tracked.wait()
            info = self._whereabouts(tracked)
        row = self._study.fail(run, reason, info)
        self._on_ended(row)
        return row

    def stopped(self, run: Run) -> Row:
        """See ``Source``: it has no result, and so counts as failed."""
        return self.failed(run, "stopped while it waited to be trained")

    def died(self, runs: Sequence[Run]) -> None:
        """See ``Source``."""
        self._study.store_deaths(runs)

    def give_back(self, run: Run) -> None:
        """See ``Source``."""
        self._unfinished = True
        tracked = self._open.pop(run.number, None)
        if tracked is not None:
            tracked.leave("interrupted; it is trained again when the sweep goes on")

    @staticmethod
    def _whereabouts(tracked: BackgroundRun) -> dict[str, Any]:
        """The folder of a wandb run, and where in W&B it belongs."""
        config = tracked.config
        place = {"project": config.wandb_project, "entity": config.wandb_entity}
        return {"directory": str(tracked.directory), **place}

    # Requests of users

    @property
    def leave_asked(self) -> bool:
        """See ``Source``: `dlsweep stop` asks for it."""
        return self._study.stop_asked()

    def early_termination(self) -> EarlyTermination | None:
        """See ``Source``."""
        if self._study.sweep.early_terminate is None:
            return None
        rule = EarlyTermination(self._study.sweep.early_terminate, self._study.sweep.metric)
        rule.load(self._study.curves())
        return rule

    # The end

    def abort(self, error: Exception) -> None:
        """See ``Source``: what has not ended is trained again by the next command."""
        self._unfinished = True

    def keep(self) -> None:
        """See ``Source``."""
        self._runs.keep()

    def close(self) -> None:
        """See ``Source``."""
        self._runs.wait()
        self._data_runs.keep()
        if not self._unfinished:
            self._study.clear_checkpoints()
