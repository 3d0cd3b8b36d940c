"""The source that is a W&B sweep."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from dlsweep.config import ConfigError, RunConfig, parse_settings
from dlsweep.data import DataUnavailable, fetch
from dlsweep.sweep.agent import _agents
from dlsweep.sweep.agent._agents import Agents
from dlsweep.sweep.driver import Source
from dlsweep.sweep.execution import ExecutorError
from dlsweep.sweep.file import Metric, objective
from dlsweep.sweep.study import PlannedStack, Row, Run
from dlsweep.tracking import (
    INTERRUPTED,
    Command,
    Outcome,
    SweepPlace,
    SweepRuns,
    SweepService,
    sync_commands,
)
from dlsweep.training import STOPPED, EpochMetrics, Layout

_log = logging.getLogger("dlsweep.sweep")

_MOST_INITIAL_FAILURES = 5
_WAIT_SECONDS = 0.5


class WandbSource(Source):
    """Takes runs of a W&B sweep, and sends their results there; see ``Source``.

    Args:
        service: the sweep.
        mode: the mode of the wandb runs: "online" or another of wandb's.
        metric: what the sweep is judged by.
        at_once: see ``Source``.
        settings: settings that override the sweep's, such as the device.
        limit: how many runs to take in all; None for all there are.
        left: how many runs the sweep has left, as far as that is known; other agents take some.
        on_refused: called with the row of each run that cannot be trained; the driver never has it.
        notify: called with each line for the user.
    """

    def __init__(
        self,
        service: SweepService,
        *,
        mode: str,
        metric: Metric,
        at_once: int,
        settings: Mapping[str, Any],
        limit: int | None = None,
        left: int | None = None,
        on_refused: Callable[[Row], None] = lambda row: None,
        notify: Callable[[str], None] = _log.warning,
    ) -> None:
        place = SweepPlace(service.entity, service.project, service.name, mode)
        super().__init__(at_once)
        self._overriding = {
            **settings,
            "wandb_project": service.project,
            "wandb_entity": service.entity,
        }
        self._metric = metric
        self._limit = limit
        self._left = left
        self._on_refused = on_refused
        self._notify = notify
        self._notified: set[str] = set()
        self._awake = threading.Event()
        self._agents = Agents(service, self._ask_to_stop)
        self._wandb = SweepRuns(place, self._ask_to_stop, self._agents.release)
        self._folder = Path(tempfile.mkdtemp(prefix="dlsweep-agent-"))
        self._ids = count(1)
        self._configs: list[RunConfig] = []
        self._open: set[str] = set()  # runs that were taken and have not ended
        self._begun: set[str] = set()  # those of them that are open at W&B
        self._asked_at = float("-inf")
        self.rows: list[Row] = []
        """The runs that have ended."""
        self.exit_code = 0
        """With which a run ends that is given back."""

    @property
    def unsent(self) -> dict[Path, str]:
        """The folders of the runs of which W&B does not have everything, with the runs' ids."""
        return self._wandb.unsent

    @property
    def giving_up(self) -> bool:
        """Whether every run so far has failed; `wandb agent` stops then too."""
        variable = os.environ.get("WANDB_AGENT_MAX_INITIAL_FAILURES", "")
        most = int(variable) if variable.isdecimal() else _MOST_INITIAL_FAILURES
        failed = len(self.rows) >= most and all(row.status == "failed" for row in self.rows)
        return failed and not self._open

    def _ask_to_stop(self, run_id: str) -> None:
        self._stops.append(run_id)
        self._awake.set()

    # Runs

    def take(self, n: int) -> list[Run]:
        """See ``Source``."""
        if self._limit is not None:
            n = min(n, self._limit - len(self._configs))
        if self._left is not None:  # an estimate: others take runs too, and give some back
            n = min(n, max(1, self._left - len(self._configs)))
        again = self._asked_at + _agents.HEARTBEAT_SECONDS
        if n < 1 or (self._agents.waiting and time.monotonic() < again):
            return []
        commands = self._agents.ask(n)
        self._asked_at = time.monotonic()
        if self._agents.waiting and not commands:
            self._tell(f"{self._agents.waiting}; it is asked again until it has")
        runs = [run for command in commands if (run := self._accept(command)) is not None]
        self._tell_of_giving_up()
        return runs

    def _accept(self, command: Command) -> Run | None:
        """The run that W&B asks for; None, and W&B is told why, if it cannot be trained."""
        number = len(self._configs)
        run = Run(number, RunConfig(), command.run_id, command.run_id, settings=command.settings)
        try:
            _, swept, notices = parse_settings(command.settings)
            run.config, _, _ = parse_settings({**swept, **self._overriding})
            fetch(run.config.dataset)
        except (ConfigError, DataUnavailable) as error:
            self._wandb.refuse(command.run_id, command.settings, error)
            self._configs.append(run.config)
            self._on_refused(self._end(run, "failed", reason=str(error)))
            return None
        for notice in notices:
            self._tell(notice)
        self._configs.append(run.config)
        self._open.add(run.run_id)
        return run

    @property
    def exhausted(self) -> bool:
        """See ``Source``."""
        enough = self._limit is not None and len(self._configs) >= self._limit
        return enough or self._agents.exhausted or self.giving_up

    @property
    def remaining(self) -> int:
        """See ``Source``."""
        ends = [end for end in (self._limit, self._left) if end is not None]
        return max(0, min(ends) - len(self._configs)) if ends else 0

    def config(self, number: int) -> RunConfig:
        """See ``Source``."""
        return self._configs[number]

    def wait(self) -> None:
        """See ``Source``."""
        self._awake.wait(_WAIT_SECONDS)
        self._awake.clear()

    # Stacks

    def plan(self, stacks: Sequence[Sequence[Run]]) -> list[PlannedStack]:
        """See ``Source``."""
        return [PlannedStack(next(self._ids), tuple(r.number for r in runs)) for runs in stacks]

    def begin(self, stack: PlannedStack, compile_for: Layout | None) -> PlannedStack:
        """See ``Source``."""
        return PlannedStack(stack.id, stack.members, compile_for, begun=True)

    def checkpoint(self, stack: PlannedStack) -> Path:
        """See ``Source``: in a temporary folder, for as long as this process lives."""
        return self._folder / f"{stack.id}.safetensors"

    # Results

    def started(self, runs: Sequence[Run]) -> None:
        """See ``Source``. Runs are opened in threads, and training does not wait for them."""
        for run in runs:
            if run.run_id not in self._begun:
                self._begun.add(run.run_id)
                self._wandb.open(run.run_id, run.config, run.settings)

    def epoch(self, run: Run, metrics: EpochMetrics, outcome: Outcome | None) -> None:
        """See ``Source``."""
        run.name = self._wandb.log(run.run_id, metrics, outcome)

    def ended(self, run: Run, outcome: Outcome) -> Row:
        """See ``Source``."""
        self._wandb.close(run.run_id, outcome.status)
        return self._end(run, outcome.status, outcome.summary)

    def failed(self, run: Run, reason: str) -> Row:
        """See ``Source``."""
        self._wandb.fail(run.run_id, reason)
        row = self._end(run, "failed", reason=reason)
        self._tell_of_giving_up()
        return row

    def stopped(self, run: Run) -> Row:
        """See ``Source``."""
        if run.run_id in self._begun:
            self._wandb.close(run.run_id, STOPPED)
        else:  # W&B knows nothing of it yet
            self._agents.release(run.run_id)
        return self._end(run, STOPPED)

    def give_back(self, run: Run) -> None:
        """See ``Source``: W&B hands the run out again."""
        if run.run_id not in self._open:
            return
        if run.run_id in self._begun:
            self._wandb.close(run.run_id, INTERRUPTED, self.exit_code)
        else:
            self._wandb.give_back(run.run_id, run.settings, self.exit_code)
        self._end(run, INTERRUPTED)

    def _end(
        self, run: Run, status: str, summary: Mapping[str, Any] | None = None, reason: str = ""
    ) -> Row:
        """Note that a run has ended here."""
        self._open.discard(run.run_id)
        history = [metrics.as_dict() for metrics in run.history]
        summary = dict(summary or {})
        row = Row(
            number=run.number,
            run_id=run.run_id,
            name=run.name,
            status=status,
            config=run.config.as_dict() if history else dict(run.settings),
            summary=summary,
            history=history,
            value=objective(self._metric, history, summary) if history else None,
            reason=reason,
        )
        self.rows.append(row)
        return row

    # The end

    def abort(self, error: Exception) -> None:
        """See ``Source``. Runs in training fail with a fault of the agent's own."""
        if not isinstance(error, ExecutorError):
            self._wandb.fail_all(f"the agent ended: {type(error).__name__}: {error}")
            self._open -= self._begun

    def keep(self) -> None:
        """See ``Source``."""
        self._agents.close()
        self._wandb.keep()
        for words in sync_commands(self.unsent):
            _log.warning("what W&B does not have yet is sent with: %s", shlex.join(words))

    def close(self) -> None:
        """See ``Source``.

        Raises:
            TrackingError: if W&B refused the agents; the runs have ended by then.
        """
        self._wandb.wait()
        self._agents.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._agents.error is not None:
            raise self._agents.error

    def _tell_of_giving_up(self) -> None:
        if self.giving_up:
            self._tell("every run so far has failed; the agent stops")

    def _tell(self, line: str) -> None:
        """Tell the user something, once."""
        if line not in self._notified:
            self._notified.add(line)
            self._notify(line)
