"""The agents that a process registers with a W&B sweep: one for each run that it trains at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dlsweep.sweep._pool import Pool
from dlsweep.tracking import Command, SweepGone, SweepService, TrackingError, Unreachable

_log = logging.getLogger("dlsweep.sweep")

HEARTBEAT_SECONDS = 5.0
"""How often each agent says that its run is alive; `wandb agent` does so every 5 s."""

_MOST_PER_SECOND = 10


@dataclass
class _Agent:
    id: str
    run_id: str = ""


class Crew:
    """Agents that are asked for runs, and say that these are alive while they train.

    W&B gives an agent one run at a time. It hears what becomes of its run in the answers to its
    heartbeats.

    Args:
        service: the sweep.
        pool: for what is asked of the server at once; nothing in it may wait for long.
        on_stop: called, in another thread, with the id of a run that is to end.
    """

    def __init__(self, service: SweepService, pool: Pool, on_stop: Callable[[str], None]) -> None:
        self._service = service
        self._pool = pool
        self._on_stop = on_stop
        self._free: list[_Agent] = []
        self._busy: dict[str, _Agent] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._heart: threading.Thread | None = None
        self.exhausted = False
        """Whether the sweep hands out no more runs."""
        self.waiting = "the sweep has not been asked yet"
        """Why there was nothing to train when runs were last asked for, or nothing."""
        self.trouble: TrackingError | None = None
        """Why nothing more can be asked for, or None."""

    def ask(self, n: int) -> list[Command]:
        """Up to ``n`` runs to train; fewer or none where the sweep has no more to give now."""
        if self._heart is None:
            self._heart = threading.Thread(target=self._beat, name="heartbeats", daemon=True)
            self._heart.start()
        given: list[Command] = []
        if self.waiting:  # one agent knocks at the door until it opens
            given = self._ask_with(1)
            if not given:
                return []
        return given + self._ask_with(n - len(given))

    def _ask_with(self, n: int) -> list[Command]:
        with self._lock:
            agents: list[_Agent | None] = [*self._free[:n]]
            del self._free[:n]
        agents += [None] * (n - len(agents))
        self.waiting = ""
        asked = [self._pool.submit(self._ask, agent) for agent in agents]
        given = [future.result() for future in asked]
        return [command for command in given if command is not None]

    def release(self, run_id: str) -> None:
        """A run is over; its agent is free again."""
        with self._lock:
            agent = self._busy.pop(run_id, None)
            if agent is not None:
                agent.run_id = ""
                self._free.append(agent)

    def close(self) -> None:
        """Say nothing more."""
        self._closing.set()

    def _ask(self, agent: _Agent | None) -> Command | None:
        """One agent asks; what it is told to train."""
        try:
            if agent is None:
                agent = _Agent(self._service.register())
            commands = self._service.heartbeat(agent.id)
        except Unreachable as error:
            self.waiting = str(error)
            commands = []
        except TrackingError as error:
            self.exhausted = True
            self.trouble = self.trouble or error
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
        self.waiting = self.waiting or "the sweep has no run to give now; it may be paused"
        if agent is not None:
            with self._lock:
                self._free.append(agent)
        return None

    def _beat(self) -> None:
        while not self._closing.wait(max(HEARTBEAT_SECONDS, len(self._busy) / _MOST_PER_SECOND)):
            with self._lock:
                busy = list(self._busy.values())
            stops = self._stops_of(busy)
            # Where the sweep was cancelled in between, those who answered before are asked again:
            # no stack of theirs begins because only its neighbours ended.
            others = [agent for agent in busy if agent.run_id not in ("", *stops)]
            if stops and (more := self._stops_of(others[:1])):
                stops += more + self._stops_of(others[1:])
            for run_id in stops:
                self._on_stop(run_id)

    def _stops_of(self, agents: Sequence[_Agent]) -> list[str]:
        """Say that the runs of these agents are alive; which runs are to end."""
        told = [self._pool.submit(self._say_alive, agent) for agent in agents]
        return [run_id for future in told for run_id in future.result()]

    def _say_alive(self, agent: _Agent) -> list[str]:
        """Which runs are to end, as W&B answers to a heartbeat."""
        run_id = agent.run_id
        if not run_id or self._closing.is_set():
            return []
        try:
            commands = self._service.heartbeat(agent.id, [run_id])
        except SweepGone as error:
            self._stop_asking(error)
            return []
        except TrackingError as error:
            _log.debug("heartbeat of %s: %s", run_id, error)
            return []
        stops = [command.run_id for command in commands if command.kind == "stop"]
        if any(command.kind == "exit" for command in commands):
            self.exhausted = True
            stops.append(run_id)
        return stops

    def _stop_asking(self, error: TrackingError) -> None:
        """The sweep was deleted: as `wandb agent`, let the runs end and ask for no others."""
        if self.trouble is None:
            self.trouble = error
            _log.warning("%s; runs that train now go on to their end", error)
        self.exhausted = True
