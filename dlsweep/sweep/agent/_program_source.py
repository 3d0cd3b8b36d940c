"""The source that is a W&B sweep of a program, whose runs track themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dlsweep.sweep.agent._wandb_runs import WandbRuns
from dlsweep.sweep.file import Settings
from dlsweep.sweep.study import Metrics, Row, Run
from dlsweep.tracking import INTERRUPTED, Command, Outcome
from dlsweep.training import STOPPED


class WandbProgramSource(WandbRuns):
    """Takes runs of a W&B sweep of a program, which itself sends its results; see ``WandbRuns``."""

    def _accept(self, command: Command) -> Run:
        """See ``WandbRuns``."""
        config = Settings(dict(command.settings))
        run = Run(len(self._configs), config, command.run_id, command.run_id)
        run.settings = command.settings
        self._configs.append(config)
        self._taken.add(run.run_id)
        return run

    def started(self, runs: Sequence[Run]) -> None:
        """See ``Source``."""

    def epoch(self, run: Run, metrics: Metrics, outcome: Outcome | None) -> None:
        """See ``Source``."""

    def ended(self, run: Run, outcome: Outcome) -> Row:
        """See ``Source``."""
        return self._released(run, outcome.status, outcome.summary)

    def failed(self, run: Run, reason: str, info: Mapping[str, Any] | None = None) -> Row:
        """See ``Source``."""
        row = self._released(run, "failed", reason=reason)
        self._notify_of_giving_up()
        return row

    def stopped(self, run: Run) -> Row:
        """See ``Source``."""
        return self._released(run, STOPPED)

    def give_back(self, run: Run) -> None:
        """See ``Source``: as under `wandb agent`, a run that is interrupted has ended."""
        if run.run_id in self._taken:
            self._released(run, INTERRUPTED)

    def _released(
        self, run: Run, status: str, summary: Mapping[str, Any] | None = None, reason: str = ""
    ) -> Row:
        self._agents.release(run.run_id)
        return self._end(run, status, summary, reason)
