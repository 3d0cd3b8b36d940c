"""The source that is a study: a sweep without a server, of built-in networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dlsweep.config import RunConfig
from dlsweep.sweep.driver._adding import Adding
from dlsweep.sweep.driver._confirming import ConfirmOptions
from dlsweep.sweep.driver._data_runs import DataRuns
from dlsweep.sweep.driver._study_runs import StudyRuns
from dlsweep.sweep.file import Config
from dlsweep.sweep.study import Metrics, PlannedStack, Row, Run, Study
from dlsweep.tracking import Background, BackgroundRun, Outcome
from dlsweep.training import EpochMetrics

AT_ONCE = {"grid": 256, "random": 256, "bayes": 8}
"""How many runs are open at once, by search method: many fill stacks, few let bayes learn.

Eight at once cost bayes hardly anything against one at once, 32 cost it up to half a point of
accuracy (benchmarks/README.md).
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


class StudySource(StudyRuns):
    """Trains built-in networks: keeps what they log in wandb runs besides; see ``Source``.

    Args:
        study: open and owned by this process.
        mode: the mode of the wandb runs: "offline", "online" or another of wandb's.
        at_once: see ``Source``.
        settings: settings that override those of the runs, such as the device or the project.
        on_ended: called with the row of each run that has ended.
        confirm, adding: see ``StudyRuns``.
    """

    def __init__(
        self,
        study: Study,
        *,
        mode: str,
        at_once: int,
        settings: Mapping[str, Any] | None = None,
        on_ended: Callable[[Row], None] = lambda row: None,
        confirm: ConfirmOptions | None = None,
        adding: Adding | None = None,
    ) -> None:
        super().__init__(study, at_once=at_once, on_ended=on_ended, confirm=confirm, adding=adding)
        self._settings = dict(settings or {})
        self._runs = Background(mode, on_stop=self._stops.append)
        self._open: dict[int, BackgroundRun] = {}
        self._data_runs = DataRuns(study, self._runs, mode)

    @property
    def unsent(self) -> int:
        """How many runs that were online W&B lacks something of; `dlsweep sync` sends the rest."""
        return len(self._runs.unsent)

    # Runs

    def take(self, n: int) -> list[Run]:
        """Up to ``n`` runs to train; fewer or none if there are no more now."""
        return [self._overridden(run) for run in super().take(n)]

    def left_over(self) -> Sequence[tuple[PlannedStack | None, list[Run]]]:
        """What an earlier process left unfinished: stacks with the runs that had not ended."""
        left = super().left_over()
        return [(stack, [self._overridden(run) for run in runs]) for stack, runs in left]

    def config(self, number: int) -> RunConfig:
        """The configuration of a run, whether it is open or has ended."""
        return self._network(super().config(number))

    def _overridden(self, run: Run) -> Run:
        run.config = self._network(run.config)
        return run

    def _network(self, config: Config) -> RunConfig:
        assert isinstance(config, RunConfig)
        return dataclasses.replace(config, **self._settings)

    def promoted(self) -> Sequence[tuple[PlannedStack, list[Run]]]:
        """Runs that have paused and go on now, with the stacks that they are to be trained in."""
        found = super().promoted()
        return [(stack, [self._overridden(run) for run in runs]) for stack, runs in found]

    # Results

    def started(self, runs: Sequence[Run]) -> None:
        """The training of these runs begins, or begins again."""
        for run in runs:
            if run.number not in self._open:
                self._open[run.number] = self._runs.open(
                    run.run_id,
                    self._network(run.config),
                    again=run.attempt > 1,
                    name=run.name,
                    group=self._study.name,
                    **self.marks(run),
                )
        if runs:
            self._data_runs.show(self._network(runs[0].config))

    def epoch(self, run: Run, metrics: Metrics, outcome: Outcome | None) -> None:
        """A run has trained an epoch; with its last one comes its outcome."""
        assert isinstance(metrics, EpochMetrics)
        self._data_runs.keep(wait=False)
        tracked = self._open[run.number]
        tracked.log(metrics, outcome)
        if outcome is None:  # else ``ended`` stores it with the whole run
            super().epoch(run, metrics, outcome)
        elif not self._runs.online:  # runs that end together are closed at the same time
            tracked.finish()

    def ended(self, run: Run, outcome: Outcome) -> Row:
        """A run has ended, after its last ``epoch``."""
        tracked = self._open.pop(run.number)
        tracked.finish()
        tracked.wait()
        info = self._whereabouts(tracked)
        if tracked.model is not None:
            info["model"] = str(tracked.model)
        return self._finish(run, outcome, info)

    def failed(self, run: Run, reason: str, info: Mapping[str, Any] | None = None) -> Row:
        """A run cannot be trained."""
        tracked = self._open.pop(run.number, None)
        if tracked is not None:
            tracked.fail(reason)
            tracked.wait()
            info = self._whereabouts(tracked)
        return super().failed(run, reason, info)

    def give_back(self, run: Run) -> None:
        """The driver ends before this run has; it is trained again later."""
        super().give_back(run)
        tracked = self._open.pop(run.number, None)
        if tracked is not None:
            tracked.leave("interrupted; it is trained again when the sweep goes on")

    @staticmethod
    def _whereabouts(tracked: BackgroundRun) -> dict[str, Any]:
        """The folder of a wandb run, and where in W&B it belongs."""
        config = tracked.config
        place = {"project": config.wandb_project, "entity": config.wandb_entity}
        return {"directory": str(tracked.directory), **place}

    # The end

    def keep(self) -> None:
        """The driver is interrupted: write what was logged to the disk, wait for no server."""
        self._runs.keep()

    def close(self) -> None:
        """The driver has ended; wait until everything is stored and sent."""
        self._runs.wait()
        self._data_runs.keep()
        super().close()
