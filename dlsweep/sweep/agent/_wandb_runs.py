"""What every source that is a W&B sweep does: takes runs from it, and lets them go."""

from __future__ import annotations

import functools
import logging
import os
import shutil
import tempfile
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from dlsweep.sweep.agent import _agents
from dlsweep.sweep.agent._agents import Agents
from dlsweep.sweep.driver import Source
from dlsweep.sweep.file import Config, Metric, objective
from dlsweep.sweep.study import PlannedStack, Row, Run
from dlsweep.tracking import Command, SweepService

_log = logging.getLogger("dlsweep.sweep")

_MOST_INITIAL_FAILURES = 5
_WAIT_SECONDS = 0.5


class WandbRuns(Source):
    """Takes runs of a W&B sweep; see ``Source``.

    Args:
        service: the sweep.
        metric: the sweep's.
        at_once: see ``Source``.
        limit: how many runs to take in all; None for all.
        left: how many runs the sweep has left, as far as that is known; other agents take some.
        notify: called with each line for the user.
    """

    def __init__(
        self,
        service: SweepService,
        *,
        metric: Metric,
        at_once: int,
        limit: int | None = None,
        left: int | None = None,
        notify: Callable[[str], None] = _log.warning,
    ) -> None:
        super().__init__(at_once)
        self._service = service
        self._metric = metric
        self._limit = limit
        self._left = left
        self._notify = functools.cache(notify)
        self._awake = threading.Event()
        self._agents = Agents(service, self._ask_to_stop)
        self._folder = Path(tempfile.mkdtemp(prefix="dlsweep-agent-"))
        self._ids = count(1)
        self._configs: list[Config] = []
        self._taken: set[str] = set()  # runs that have not ended
        self._asked_at = float("-inf")
        self.rows: list[Row] = []
        """The runs that have ended."""
        self.exit_code = 0
        """The exit code of runs that are given back; 0 for that of a killed run."""

    @property
    def unsent(self) -> dict[Path, str]:
        """The folders of the runs of which W&B does not have everything, with the runs' ids."""
        return {}

    @property
    def _failing(self) -> bool:
        """Whether every run that has ended has failed; `wandb agent` asks for no more then."""
        variable = os.environ.get("WANDB_AGENT_MAX_INITIAL_FAILURES", "")
        most = int(variable) if variable.isdecimal() else _MOST_INITIAL_FAILURES
        return len(self.rows) >= most and all(row.status == "failed" for row in self.rows)

    def _ask_to_stop(self, run_id: str) -> None:
        self._stops.append(run_id)
        self._awake.set()

    # Runs

    def take(self, n: int) -> list[Run]:
        """Up to ``n`` runs to train; fewer or none if there are no more now."""
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

    @abstractmethod
    def _accept(self, command: Command) -> Run | None:
        """The run to train; None if it cannot be trained, which ends it at W&B."""

    @property
    def exhausted(self) -> bool:
        """Whether there will never be another run to take."""
        enough = self._limit is not None and len(self._configs) >= self._limit
        return enough or self._agents.exhausted or self._failing

    def config(self, number: int) -> Config:
        """The configuration of a run, whether it is open or has ended."""
        return self._configs[number]

    def wait(self) -> None:
        """Wait a little for another run; called while nothing trains and nothing can be taken."""
        self._awake.wait(_WAIT_SECONDS)
        self._awake.clear()

    # Stacks

    def plan(self, stacks: Sequence[Sequence[Run]]) -> list[PlannedStack]:
        """Record which runs are to be trained together."""
        return [PlannedStack(next(self._ids), tuple(r.number for r in runs)) for runs in stacks]

    def begin(self, stack: PlannedStack) -> PlannedStack:
        """Record that the training of a stack begins."""
        return PlannedStack(stack.id, stack.members, begun=True)

    def checkpoint(self, stack: PlannedStack) -> Path:
        """Where the checkpoint of a stack is kept: a temporary folder of this process."""
        return self._folder / f"{stack.id}.safetensors"

    # Results

    def _end(
        self,
        run: Run,
        status: str,
        summary: Mapping[str, Any] | None = None,
        *,
        reason: str = "",
        info: Mapping[str, Any] | None = None,
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
            value=objective(self._metric, history, summary) if history or summary else None,
            reason=reason,
            info=info or {},
        )
        self.rows.append(row)
        return row

    # The end

    def keep(self) -> None:
        """The driver is interrupted: write what was logged to the disk, wait for no server."""
        self._agents.close()

    def close(self) -> None:
        """Give the sweep's agents back, once everything is sent.

        Raises:
            TrackingError: if W&B refused the agents; the runs have ended by then.
        """
        self._agents.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._agents.error is not None:
            raise self._agents.error

    def _notify_of_giving_up(self) -> None:
        if self._failing and not self._taken:
            self._notify("every run so far has failed; the agent stops")
