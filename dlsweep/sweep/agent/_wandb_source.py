"""The source that is a W&B sweep of built-in networks."""

from __future__ import annotations

import functools
import logging
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlsweep.config import ConfigError, RunConfig, parse_settings
from dlsweep.data import DataUnavailable, check_data, ensure_features, fetch
from dlsweep.parts import DATASETS
from dlsweep.sweep.agent._wandb_runs import WandbRuns
from dlsweep.sweep.execution import ExecutorError
from dlsweep.sweep.study import Metrics, Row, Run
from dlsweep.tracking import (
    INTERRUPTED,
    KILLED,
    Background,
    BackgroundRun,
    Command,
    Outcome,
    SweepService,
    end_untrained,
    sync_commands,
)
from dlsweep.training import STOPPED, EpochMetrics

_log = logging.getLogger("dlsweep.sweep")


class WandbSource(WandbRuns):
    """Trains built-in networks of a W&B sweep, and sends their results there; see ``Source``.

    Args:
        service: the sweep.
        mode: the mode of the wandb runs: "online" or another of wandb's.
        settings: settings that override the sweep's, such as the device.
        on_refused: called with the row of each run that cannot be trained, which ``take`` omits.
        arguments: those of ``WandbRuns``.
    """

    def __init__(
        self,
        service: SweepService,
        *,
        mode: str,
        settings: Mapping[str, Any],
        on_refused: Callable[[Row], None] = lambda row: None,
        **arguments: Any,
    ) -> None:
        super().__init__(service, **arguments)
        self._mode = mode
        self._overriding = {
            **settings,
            "wandb_project": service.project,
            "wandb_entity": service.entity,
        }
        self._on_refused = on_refused
        self._runs = Background(mode, self._ask_to_stop, self._agents.release)
        self._open: dict[str, BackgroundRun] = {}  # runs that W&B has

    @property
    def unsent(self) -> dict[Path, str]:
        """The folders of the runs of which W&B does not have everything, with the runs' ids."""
        return self._runs.unsent

    def _accept(self, command: Command) -> Run | None:
        """The run to train; None if it cannot be trained, which ends it at W&B."""
        config = RunConfig()
        run = Run(len(self._configs), config, command.run_id, command.run_id)
        run.settings = command.settings
        try:
            _, swept, notices = parse_settings(command.settings)
            config, _, _ = parse_settings({**swept, **self._overriding})
            check_data(config)
            if config.dataset in DATASETS:
                fetch(config.dataset)
            ensure_features(config)
        except (ConfigError, DataUnavailable) as error:
            reason, exit_code = str(error), 2 if isinstance(error, ConfigError) else 1
            self._close_untrained(command, exit_code, reason)
            self._configs.append(config)
            self._on_refused(self._end(run, "failed", reason=reason))
            return None
        for notice in notices:
            self._notify(notice)
        run.config = config
        self._configs.append(config)
        self._taken.add(run.run_id)
        return run

    # Results

    def started(self, runs: Sequence[Run]) -> None:
        """Open the runs, in threads, so that training does not wait for them."""
        for run in runs:
            assert isinstance(run.config, RunConfig)
            if run.run_id not in self._open:
                self._open[run.run_id] = self._runs.open(
                    run.run_id, run.config, sweep_id=self._service.name, swept=run.settings
                )

    def epoch(self, run: Run, metrics: Metrics, outcome: Outcome | None) -> None:
        """A run has trained an epoch; with its last one comes its outcome."""
        assert isinstance(metrics, EpochMetrics)
        tracked = self._open[run.run_id]
        tracked.log(metrics, outcome)
        run.name = tracked.name

    def ended(self, run: Run, outcome: Outcome) -> Row:
        """A run has ended, after its last ``epoch``."""
        self._close(run, KILLED if outcome.status == STOPPED else 0)
        return self._end(run, outcome.status, outcome.summary)

    def failed(self, run: Run, reason: str, info: Mapping[str, Any] | None = None) -> Row:
        """A run cannot be trained."""
        self._open.pop(run.run_id).fail(reason)
        row = self._end(run, "failed", reason=reason)
        self._notify_of_giving_up()
        return row

    def stopped(self, run: Run) -> Row:
        """A run was stopped before its training began, or began again."""
        if run.run_id in self._open:
            self._close(run, KILLED)
        else:  # W&B knows nothing of it yet
            self._agents.release(run.run_id)
        return self._end(run, STOPPED)

    def give_back(self, run: Run) -> None:
        """Give a run back: W&B hands it out again."""
        if run.run_id not in self._taken:
            return
        exit_code = self.exit_code or KILLED
        if tracked := self._open.pop(run.run_id, None):
            tracked.close(lambda tracked: tracked.preempt(exit_code))
        else:
            self._close_untrained(Command("run", run.run_id, run.settings), exit_code)
        self._end(run, INTERRUPTED)

    def _close(self, run: Run, exit_code: int) -> None:
        self._open.pop(run.run_id).close(lambda tracked: tracked.finish(exit_code))

    def _close_untrained(self, run: Command, exit_code: int, reason: str | None = None) -> None:
        end = functools.partial(end_untrained, self._service, self._mode, run, exit_code, reason)
        self._runs.submit_closing(run.run_id, end)

    # The end

    def abort(self, error: Exception) -> None:
        """Close the agent; an error of its own fails the runs in training."""
        if not isinstance(error, ExecutorError):
            for run_id, tracked in self._open.items():
                tracked.fail(f"the agent ended: {type(error).__name__}: {error}")
                self._taken.discard(run_id)
            self._open.clear()

    def keep(self) -> None:
        """The driver is interrupted: write what was logged to the disk, wait for no server."""
        super().keep()
        self._runs.keep()
        for words in sync_commands(self.unsent):
            _log.warning("what W&B does not have yet is sent with: %s", shlex.join(words))

    def close(self) -> None:
        """The driver has ended; wait until everything is stored and sent."""
        self._runs.wait()
        super().close()
