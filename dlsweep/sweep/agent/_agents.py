"""The agents that a process registers with a W&B sweep: one for each run that it trains at once.

W&B hands an agent one run at a time. An agent sends a heartbeat with the id of its run every few
seconds; the answer may be that the run is to stop, or that the sweep has ended.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dlsweep.tracking import Command, Pool, SweepGone, SweepService, TrackingError, Unreachable

_log = logging.getLogger("dlsweep.sweep")

HEARTBEAT_SECONDS = 5.0
"""The time between two heartbeats of an agent, as in `wandb agent`."""

_MOST_PER_SECOND = 10
_THREADS = 25


@dataclass
class _Agent:
    id: str
    run_id: str = ""


class Agents:
    """Asks a W&B sweep for runs, and keeps those that train alive with heartbeats.

    Args:
        service: the sweep.
        on_stop: called, in another thread, with the id of a run that is to stop.
    """

    def __init__(self, service: SweepService, on_stop: Callable[[str], None]) -> None:
        self._service = service
        self._pool = Pool(_THREADS)
        self._on_stop = on_stop
        self._free: list[_Agent] = []
        self._busy: dict[str, _Agent] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._heart: threading.Thread | None = None
        self.exhausted = False
        """Whether the sweep hands out no more runs."""
        self.waiting = "the sweep has not been asked yet"
        """Why the last request brought no run, or "" if it did."""
        self.error: TrackingError | None = None
        """Why W&B refuses further requests, or None."""

    def ask(self, n: int) -> list[Command]:
        """Up to ``n`` runs to train; fewer or none if the sweep has no more to hand out now."""
        if self._heart is None:
            self._heart = threading.Thread(target=self._beat, name="heartbeats", daemon=True)
            self._heart.start()
        commands: list[Command] = []
        if self.waiting:  # a single agent asks until the sweep has a run again
            commands = self._ask_with(1)
            if not commands:
                return []
        return commands + self._ask_with(n - len(commands))

    def _ask_with(self, n: int) -> list[Command]:
        with self._lock:
            agents: list[_Agent | None] = [*self._free[:n]]
            del self._free[:n]
        agents += [None] * (n - len(agents))
        self.waiting = ""
        answers = [self._pool.submit(self._ask, agent) for agent in agents]
        return [command for answer in answers if (command := answer.result()) is not None]

    def release(self, run_id: str) -> None:
        """Free the agent of a run that has ended."""
        with self._lock:
            agent = self._busy.pop(run_id, None)
            if agent is not None:
                agent.run_id = ""
                self._free.append(agent)

    def close(self) -> None:
        """Send no more heartbeats."""
        self._closing.set()

    def _ask(self, agent: _Agent | None) -> Command | None:
        """Ask for a run with one agent, a new one for None."""
        try:
            if agent is None:
                agent = _Agent(self._service.register())
            commands = self._service.heartbeat(agent.id)
        except Unreachable as error:
            self.waiting = str(error)
            commands = []
        except TrackingError as error:
            self.exhausted = True
            self.error = self.error or error
            return None
        run = next((command for command in commands if command.kind == "run"), None)
        if run is not None and agent is not None:
            agent.run_id = run.run_id
            with self._lock:
                self._busy[run.run_id] = agent
            return run
        if any(command.kind == "exit" for command in commands):
            self.exhausted = True
            return None
        self.waiting = self.waiting or (
            "the sweep has no run to hand out now; it may be paused, or wait for its scheduler"
        )
        if agent is not None:
            with self._lock:
                self._free.append(agent)
        return None

    def _beat(self) -> None:
        """Send heartbeats until closed."""
        while not self._closing.wait(max(HEARTBEAT_SECONDS, len(self._busy) / _MOST_PER_SECOND)):
            with self._lock:
                busy = list(self._busy.values())
            stops = self._stops_of(busy)
            # If the sweep was cancelled between two heartbeats, the first agents do not know it:
            # they ask again, so that no stack starts in between and all end together.
            others = [agent for agent in busy if agent.run_id not in ("", *stops)]
            if stops and (more := self._stops_of(others[:1])):
                stops += more + self._stops_of(others[1:])
            for run_id in stops:
                self._on_stop(run_id)

    def _stops_of(self, agents: Sequence[_Agent]) -> list[str]:
        """Send a heartbeat of each agent; the runs that are to stop."""
        answers = [self._pool.submit(self._heartbeat, agent) for agent in agents]
        return [run_id for answer in answers for run_id in answer.result()]

    def _heartbeat(self, agent: _Agent) -> list[str]:
        """The runs that are to stop, as W&B answers to one agent."""
        run_id = agent.run_id
        if not run_id or self._closing.is_set():
            return []
        try:
            commands = self._service.heartbeat(agent.id, [run_id])
        except SweepGone as error:
            if self.error is None:  # like `wandb agent`, let the runs end and ask for no others
                self.error = error
                _log.warning("%s; runs in training go on to their end", error)
            self.exhausted = True
            return []
        except TrackingError as error:
            _log.debug("heartbeat of %s: %s", run_id, error)
            return []
        stops = [command.run_id for command in commands if command.kind == "stop"]
        if any(command.kind == "exit" for command in commands):
            self.exhausted = True
            stops.append(run_id)
        return stops
