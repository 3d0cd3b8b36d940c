"""The source that is a W&B sweep."""

from __future__ import annotations

import functools
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
    KILLED,
    Background,
    BackgroundRun,
    Command,
    Outcome,
    SweepService,
    end_untrained,
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
        metric: the sweep's.
        at_once: see ``Source``.
        settings: settings that override the sweep's, such as the device.
        limit: how many runs to take in all; None for all.
        left: how many runs the sweep has left, as far as that is known; other agents take some.
        on_refused: called with the row of each run that cannot be trained, which ``take`` omits.
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
        super().__init__(at_once)
        self._service = service
        self._mode = mode
        self._overriding = {
            **settings,
            "wandb_project": service.project,
            "wandb_entity": service.entity,
        }
        self._metric = metric
        self._limit = limit
        self._left = left
        self._on_refused = on_refused
        self._notify = functools.cache(notify)
        self._awake = threading.Event()
        self._agents = Agents(service, self._ask_to_stop)
        self._runs = Background(mode, self._ask_to_stop, self._agents.release)
        self._folder = Path(tempfile.mkdtemp(prefix="dlsweep-agent-"))
        self._ids = count(1)
        self._configs: list[RunConfig] = []
        self._taken: set[str] = set()  # runs that have not ended
        self._open: dict[str, BackgroundRun] = {}  # those of them that W&B has
        self._asked_at = float("-inf")
        self.rows: list[Row] = []
        """The runs that have ended."""
        self.exit_code = 0
        """The exit code of runs that are given back; 0 for that of a killed run."""

    @property
    def unsent(self) -> dict[Path, str]:
        """The folders of the runs of which W&B does not have everything, with the runs' ids."""
        return self._runs.unsent

    @property
    def giving_up(self) -> bool:
        """Whether every run so far has failed; `wandb agent` stops then too."""
        variable = os.environ.get("WANDB_AGENT_MAX_INITIAL_FAILURES", "")
        most = int(variable) if variable.isdecimal() else _MOST_INITIAL_FAILURES
        failed = len(self.rows) >= most and all(row.status == "failed" for row in self.rows)
        return failed and not self._taken

    def _ask_to_stop(self, run_id: str) -> None:
        self._stops.append(run_id)
        self._awake.set()

    # Runs

    def take(self, n: int) -> list[Run]:
        """See ``Source``."""
        taken = len(self._configs)
        if self._limit is not None:
            n = min(n, self._limit - taken)
        if self._left is not None:  # an estimate: others take runs too, and give some back
            n = min(n, max(1, self._left - taken))
        again = self._asked_at + _agents.HEARTBEAT_SECONDS
        if n < 1 or (self._agents.waiting and time.monotonic() < again):
            return []
        commands = self._agents.ask(n)
        self._asked_at = time.monotonic()
        if self._agents.waiting and not commands:
            self._notify(f"{self._agents.waiting}; it is asked again until it has")
        runs = [run for command in commands if (run := self._accept(command)) is not None]
        self._notify_of_giving_up()
        return runs

    def _accept(self, command: Command) -> Run | None:
        """The run to train; None if it cannot be trained, which ends it at W&B."""
        number = len(self._configs)
        run = Run(number, RunConfig(), command.run_id, command.run_id, settings=command.settings)
        try:
            _, swept, notices = parse_settings(command.settings)
            run.config, _, _ = parse_settings({**swept, **self._overriding})
            fetch(run.config.dataset)
        except (ConfigError, DataUnavailable) as error:
            reason, exit_code = str(error), 2 if isinstance(error, ConfigError) else 1
            self._close_untrained(command, exit_code, reason)
            self._configs.append(run.config)
            self._on_refused(self._end(run, "failed", reason=reason))
            return None
        for notice in notices:
            self._notify(notice)
        self._configs.append(run.config)
        self._taken.add(run.run_id)
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
            if run.run_id not in self._open:
                self._open[run.run_id] = self._runs.open(
                    run.run_id, run.config, sweep_id=self._service.name, swept=run.settings
                )

    def epoch(self, run: Run, metrics: EpochMetrics, outcome: Outcome | None) -> None:
        """See ``Source``."""
        tracked = self._open[run.run_id]
        tracked.log(metrics, outcome)
        run.name = tracked.name

    def ended(self, run: Run, outcome: Outcome) -> Row:
        """See ``Source``."""
        self._close(run, KILLED if outcome.status == STOPPED else 0)
        return self._end(run, outcome.status, outcome.summary)

    def failed(self, run: Run, reason: str) -> Row:
        """See ``Source``."""
        self._open.pop(run.run_id).fail(reason)
        row = self._end(run, "failed", reason=reason)
        self._notify_of_giving_up()
        return row

    def stopped(self, run: Run) -> Row:
        """See ``Source``."""
        if run.run_id in self._open:
            self._close(run, KILLED)
        else:  # W&B knows nothing of it yet
            self._agents.release(run.run_id)
        return self._end(run, STOPPED)

    def give_back(self, run: Run) -> None:
        """See ``Source``: W&B hands the run out again."""
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

    def _end(
        self, run: Run, status: str, summary: Mapping[str, Any] | None = None, reason: str = ""
    ) -> Row:
        """Record that a run has ended here."""
        self._taken.discard(run.run_id)
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
        """See ``Source``. An error of the agent's own fails the runs in training."""
        if not isinstance(error, ExecutorError):
            for run_id, tracked in self._open.items():
                tracked.fail(f"the agent ended: {type(error).__name__}: {error}")
                self._taken.discard(run_id)
            self._open.clear()

    def keep(self) -> None:
        """See ``Source``."""
        self._agents.close()
        self._runs.keep()
        for words in sync_commands(self.unsent):
            _log.warning("what W&B does not have yet is sent with: %s", shlex.join(words))

    def close(self) -> None:
        """See ``Source``.

        Raises:
            TrackingError: if W&B refused the agents; the runs have ended by then.
        """
        self._runs.wait()
        self._agents.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._agents.error is not None:
            raise self._agents.error

    def _notify_of_giving_up(self) -> None:
        if self.giving_up:
            self._notify("every run so far has failed; the agent stops")
