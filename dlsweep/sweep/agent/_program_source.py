"""The source that is a W&B sweep of a program, whose runs track themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlsweep.sweep.agent._wandb_runs import WandbRuns
from dlsweep.sweep.driver import not_logged
from dlsweep.sweep.file import Settings
from dlsweep.sweep.study import Metrics, Row, Run
from dlsweep.tracking import INTERRUPTED, Command, Outcome, find_logs
from dlsweep.training import STOPPED


class WandbProgramSource(WandbRuns):
    """Takes runs of a W&B sweep of a program, which itself sends its results; see ``Source``.

    Args:
        service: the sweep.
        paths: of the sweep's nested parameters; see ``Settings``.
        sends: whether the program sends its results while it runs.
        arguments: those of ``WandbRuns``.
    """

    def __init__(self, *service: Any, paths: Mapping[str, Any], sends: bool, **arguments: Any):
        super().__init__(*service, **arguments)
        self._paths = paths
        self._sends = sends

    @property
    def unsent(self) -> dict[Path, str]:
        """The folders of the runs of which W&B does not have everything, with the runs' ids."""
        if self._sends:
            return {}
        directory = Path(os.environ.get("WANDB_DIR", ""))
        ended = [row.run_id for row in self.rows]
        return {log.parent: run for run in ended for log in find_logs(directory, run)}

    def _accept(self, command: Command) -> Run:
        """The run to train; None if it cannot be trained, which ends it at W&B."""
        parents = {path[:i] for path in self._paths.values() for i in range(1, len(path))}
        config = Settings(dict(_flat(command.settings, parents)), self._paths)
        run = Run(len(self._configs), config, command.run_id, command.run_id)
        run.settings = config.as_dict()
        self._configs.append(config)
        self._taken.add(run.run_id)
        return run

    def started(self, runs: Sequence[Run]) -> None:
        """The training of these runs begins, or begins again."""

    def epoch(self, run: Run, metrics: Metrics, outcome: Outcome | None) -> None:
        """A run has trained an epoch; with its last one comes its outcome."""

    def ended(self, run: Run, outcome: Outcome) -> Row:
        """A run has ended, after its last ``epoch``."""
        self._agents.release(run.run_id)
        row = self._end(run, outcome.status, outcome.summary, info=outcome.info)
        if row.value is None and self._metric.name:
            self._notify(not_logged(row, self._metric.name))
        return row

    def failed(self, run: Run, reason: str, info: Mapping[str, Any] | None = None) -> Row:
        """A run cannot be trained."""
        self._agents.release(run.run_id)
        row = self._end(run, "failed", reason=reason, info=info)
        self._notify_of_giving_up()
        return row

    def stopped(self, run: Run) -> Row:
        """A run was stopped before its training began, or began again."""
        self._agents.release(run.run_id)
        return self._end(run, STOPPED)

    def give_back(self, run: Run) -> None:
        """End an interrupted run, as `wandb agent` does."""
        if run.run_id in self._taken:
            self._agents.release(run.run_id)
            self._end(run, INTERRUPTED)


def _flat(
    settings: Mapping[str, Any], parents: set[tuple[str, ...]], path: tuple[str, ...] = ()
) -> Iterator[tuple[str, Any]]:
    """The values of a point by joined names; a mapping that is not a parent is itself a value."""
    for name, value in settings.items():
        here = (*path, name)
        if here in parents and isinstance(value, Mapping):
            yield from _flat(value, parents, here)
        else:
            yield ".".join(here), value
