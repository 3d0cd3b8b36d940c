"""What the server knows: plain dataclasses that a test reads after the client has spoken."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from . import _points

ENTITY = "tester"
PROJECT = "uncategorized"


@dataclass
class Project:
    """A project; `id` is the number W&B calls internalId."""

    id: int
    entity: str
    name: str


@dataclass
class Run:
    """One run as the server received it.

    `config` and `summary` are plain values: the wrapping {"value": v} and wandb's own `_wandb` are
    taken off. `history` rows keep wandb's `_step`, `_timestamp` and `_runtime`.
    """

    id: str
    entity: str
    project: str
    number: int
    display_name: str = ""
    notes: str | None = None
    group: str | None = None
    job_type: str | None = None
    program: str | None = None
    tags: list[str] = field(default_factory=list)
    sweep: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    state: str = "running"
    exit_code: int | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    artifacts: list[Artifact] = field(default_factory=list)
    upserts: int = 0
    stop_requested: bool = False
    stopped: bool = False
    preempting: bool = False

    @property
    def complete(self) -> bool:
        """Whether the client said that the run has ended."""
        return self.exit_code is not None

    def column(self, key: str) -> list[Any]:
        """Return the logged values of one history key, in the order of the rows that have it."""
        return [row[key] for row in self.history if key in row]


@dataclass
class Artifact:
    """A logged artifact; `files` maps each path of the manifest to the bytes uploaded for it."""

    id: str
    type: str
    name: str
    run: str | None
    digest: str = ""
    state: str = "PENDING"
    aliases: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Sweep:
    """A sweep; `handed_out` maps the run ids given to agents, in order, to their points.

    `preempted` are those of them that are to be handed out again.
    """

    id: str
    entity: str
    project: str
    number: int
    config: dict[str, Any]
    config_text: str
    state: str = "RUNNING"
    display_name: str | None = None
    handed_out: dict[str, dict[str, Any]] = field(default_factory=dict)
    preempted: list[str] = field(default_factory=list)
    points: Iterator[dict[str, Any]] = field(default=iter(()), repr=False)
    scheduled: bool = False
    """Whether a scheduler proposes its points: `proposed` are those that wait for an agent."""
    proposed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def runs(self) -> list[str]:
        """The ids of the runs handed out, in order."""
        return list(self.handed_out)

    @property
    def run_count_expected(self) -> int | None:
        """How many points the sweep has; None when it has no end."""
        return _points.count(self.config)


@dataclass
class Agent:
    """A registered agent; `heartbeats` holds the run states of each heartbeat."""

    id: str
    sweep: str
    host: str
    runs: list[str] = field(default_factory=list)
    heartbeats: list[dict[str, bool]] = field(default_factory=list)
    exited: bool = False


@dataclass
class Report:
    """A saved report; `spec` is the parsed JSON that W&B's pages draw; drafts are "runs/draft"."""

    id: str
    entity: str
    project: str
    name: str
    display_name: str
    description: str
    spec: dict[str, Any]
    type: str = "runs"
    saves: int = 0
    tokens: list[str] = field(default_factory=list)


class State:
    """Everything in memory, and the knobs that a test turns.

    All changes happen under `changed`, a condition that is notified after every request, so that a
    test waits for an event (`wait_for`) and never sleeps.
    """

    def __init__(self, seed: int = 0) -> None:
        self.url = ""
        self.projects: dict[tuple[str, str], Project] = {}
        self.runs: dict[str, Run] = {}
        self.sweeps: dict[str, Sweep] = {}
        self.agents: dict[str, Agent] = {}
        self.artifacts: dict[str, Artifact] = {}
        self.reports: dict[str, Report] = {}
        self.requests: list[str] = []
        self.unknown: list[str] = []
        self.changed = threading.Condition(threading.RLock())
        self.seed = seed
        self._numbers = itertools.count(1)

    def number(self) -> int:
        """Return a number not given before: ids and creation times are made from it."""
        return next(self._numbers)

    def project(self, entity: str | None, name: str | None) -> Project:
        """Return the project of that name, made on first use as W&B does."""
        key = (entity or ENTITY, name or PROJECT)
        if key not in self.projects:
            self.projects[key] = Project(self.number(), *key)
        return self.projects[key]

    def add_sweep(
        self,
        config: dict[str, Any],
        *,
        text: str = "",
        entity: str | None = None,
        project: str | None = None,
    ) -> Sweep:
        """Create a sweep from a parsed sweep file; its points come from `seed` and its number."""
        home = self.project(entity, project)
        number = self.number()
        sweep = Sweep(f"sweep{number:03d}", home.entity, home.name, number, config, text)
        sweep.scheduled = config.get("scheduler") is not None
        if not sweep.scheduled:
            sweep.points = _points.points(config, random.Random(self.seed * 1000 + number))
        self.sweeps[sweep.id] = sweep
        return sweep

    def hand_out(self, sweep: Sweep, agent: Agent) -> str | None:
        """Give a preempted run or the next point to the agent; None when there is no other."""
        if sweep.preempted:
            agent.runs.append(sweep.preempted[0])
            return sweep.preempted.pop(0)
        if sweep.scheduled or sweep.proposed:
            point = sweep.proposed.pop(0) if sweep.proposed else None
        else:
            point = next(sweep.points, None)
        if point is None:
            return None
        run_id = f"run{self.number():05d}"
        sweep.handed_out[run_id] = point
        agent.runs.append(run_id)
        return run_id

    def stop_run(self, run_id: str, by: Literal["agent", "stream"] = "agent") -> None:
        """Ask for the end of a run.

        By agent: the next heartbeat that names the run is answered with one `stop` command. By
        stream: every answer to the run's own file stream says `stopped`, and its client then calls
        `Settings(stop_fn=)`, by default an interrupt of the main thread. W&B's server does both.
        """
        with self.changed:
            run = self.runs.get(run_id)
            if run is None:
                raise KeyError(f"no run {run_id!r} has reached the server: {sorted(self.runs)}")
            if by == "agent":
                run.stop_requested = True
            else:
                run.stopped = True

    def pause_sweep(self, sweep_id: str) -> None:
        """Hand out nothing until `resume_sweep`; running runs go on."""
        self._set_sweep(sweep_id, "PAUSED")

    def resume_sweep(self, sweep_id: str) -> None:
        """Hand out points again."""
        self._set_sweep(sweep_id, "RUNNING")

    def finish_sweep(self, sweep_id: str) -> None:
        """Hand out nothing more; agents exit when their runs have ended."""
        self._set_sweep(sweep_id, "FINISHED")

    def cancel_sweep(self, sweep_id: str) -> None:
        """Stop the running runs; agents exit."""
        self._set_sweep(sweep_id, "CANCELED")

    def delete_sweep(self, sweep_id: str) -> None:
        """Forget the sweep: its agents' heartbeats are answered with 404."""
        with self.changed:
            del self.sweeps[sweep_id]

    def _set_sweep(self, sweep_id: str, state: str) -> None:
        with self.changed:
            self.sweeps[sweep_id].state = state

    def wait_for(self, condition: Callable[[], bool], timeout: float = 30.0) -> None:
        """Wait until the condition holds, looking after every request; raise TimeoutError."""
        with self.changed:
            if not self.changed.wait_for(condition, timeout):
                raise TimeoutError(f"not true within {timeout} s; requests: {self.requests[-20:]}")
