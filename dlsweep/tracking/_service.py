"""The client of W&B's sweep service.

It sends the three GraphQL operations of `wandb agent`: describe a sweep, register an agent, and an
agent's heartbeat, whose answer has commands.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import wandb
import yaml

from dlsweep.config import ConfigError
from dlsweep.tracking._errors import TrackingError
from dlsweep.tracking._mode import api_key
from dlsweep.tracking._server import NotThere, Server

_SWEEP = """query Sweep($entity: String, $project: String, $sweep: String!) {
  project(name: $project, entityName: $entity) {
    sweep(sweepName: $sweep) { id name state config runCount runCountExpected }
  }
}"""
_CREATE = """mutation CreateAgent(
  $host: String!, $projectName: String, $entityName: String, $sweep: String!
) {
  createAgent(
    input: {host: $host, projectName: $projectName, entityName: $entityName, sweep: $sweep}
  ) { agent { id } }
}"""
_HEARTBEAT = """mutation Heartbeat($id: ID!, $metrics: JSONString, $runState: JSONString) {
  agentHeartbeat(input: {id: $id, metrics: $metrics, runState: $runState}) {
    agent { id } commands
  }
}"""


class SweepGone(TrackingError):
    """W&B does not know the sweep, or the agent, any more."""


@dataclass(frozen=True)
class Command:
    """A command of W&B to an agent.

    Attributes:
        kind: "run", "stop" or "exit".
        run_id: of the run to train or to stop.
        settings: of a run to train, as the sweep names and spells them.
    """

    kind: str
    run_id: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SweepFacts:
    """A W&B sweep.

    Attributes:
        state: RUNNING, PAUSED, FINISHED, CANCELED …
        config: the sweep file.
        expected: how many runs it has in all; None if it has no end, or that is not known.
        runs: how many it has had.
    """

    state: str
    config: Mapping[str, Any]
    expected: int | None
    runs: int


def parse_sweep_id(text: str) -> tuple[str | None, str | None, str]:
    """Entity, project and id of a sweep, from ID, PROJECT/ID, ENTITY/PROJECT/ID or its address.

    Raises:
        ConfigError: in one line, if it is none of these.
    """
    if text.endswith((".yaml", ".yml")) or Path(text).is_file():
        hint = f"`wandb sweep {text}` makes a sweep and prints its id"
        raise ConfigError([f"sweep id: got {text!r}, a sweep file; {hint}"])
    address = urlsplit(text.strip())
    parts = (address.path if address.scheme else text.strip()).strip("/").split("/")
    if address.scheme in ("http", "https") and len(parts) == 4 and parts[2] == "sweeps":
        del parts[2]
    well_formed = all(part and not any(map(str.isspace, part)) for part in parts)
    if not well_formed or len(parts) > 3 or (address.scheme and len(parts) != 3):
        hint = "expected ID, PROJECT/ID or ENTITY/PROJECT/ID"
        raise ConfigError([f"sweep id: got {text!r}, {hint}"])
    entity, project, name = [None] * (3 - len(parts)) + parts
    assert name is not None
    return entity, project, name


class SweepService:
    """One sweep, as W&B's server keeps it. Its methods may be called from several threads.

    Args:
        sweep_id: ID, PROJECT/ID or ENTITY/PROJECT/ID.
        entity, project: where the sweep is, if its id does not say so; by default as
            `wandb agent` has them, from WANDB_ENTITY, WANDB_PROJECT and wandb's settings.

    Raises:
        ConfigError: if the id is malformed, or there are no credentials.
        TrackingError: if W&B cannot be reached or does not know the user.
    """

    def __init__(
        self, sweep_id: str, *, entity: str | None = None, project: str | None = None
    ) -> None:
        own_entity, own_project, self.name = parse_sweep_id(sweep_id)
        if api_key() is None:
            raise ConfigError(["agent: no W&B account is set up here; see `wandb login`"])
        settings = wandb.setup().settings
        self._server = Server()
        self.project = own_project or project or settings.project or "uncategorized"
        self.entity = own_entity or entity or settings.entity or self._server.viewer()

    @property
    def path(self) -> str:
        """ENTITY/PROJECT/ID."""
        return f"{self.entity}/{self.project}/{self.name}"

    @property
    def url(self) -> str:
        """The address of the sweep's page."""
        app = wandb.setup().settings.app_url.rstrip("/")
        return f"{app}/{self.entity}/{self.project}/sweeps/{self.name}"

    def describe(self) -> SweepFacts:
        """What the server knows of the sweep.

        Raises:
            ConfigError: if there is no such sweep.
        """
        place = {"entity": self.entity, "project": self.project, "sweep": self.name}
        try:
            project = self._ask(_SWEEP, place)["project"]
        except SweepGone:
            project = None
        sweep = (project or {}).get("sweep")
        if sweep is None:
            raise ConfigError([f"sweep id: there is no sweep {self.path} at {self._server.host}"])
        return SweepFacts(
            state=str(sweep["state"]).upper(),
            config=yaml.safe_load(sweep["config"] or "{}") or {},
            expected=sweep.get("runCountExpected"),
            runs=sweep.get("runCount") or 0,
        )

    def register(self) -> str:
        """Register an agent; returns its id."""
        place = {"projectName": self.project, "entityName": self.entity, "sweep": self.name}
        answer = self._ask(_CREATE, {"host": socket.gethostname(), **place})
        return str(answer["createAgent"]["agent"]["id"])

    def heartbeat(self, agent: str, running: Iterable[str] = ()) -> list[Command]:
        """Send an agent's heartbeat with the runs that it trains; an agent without one may get one.

        Raises:
            Unreachable: if the server does not answer.
            SweepGone: if it does not know the agent or the sweep any more.
            TrackingError: if it refuses.
        """
        states = json.dumps(dict.fromkeys(running, True))
        answer = self._ask(_HEARTBEAT, {"id": agent, "metrics": "{}", "runState": states})
        commands = json.loads(answer["agentHeartbeat"]["commands"] or "[]")
        return [_command(command) for command in commands]

    def _ask(self, query: str, variables: Mapping[str, Any]) -> Any:
        try:
            return self._server.ask(query, variables)
        except NotThere as error:
            raise SweepGone(f"W&B: the sweep {self.name} is not there any more") from error


def _command(sent: Mapping[str, Any]) -> Command:
    kind = "run" if sent.get("type") == "resume" else str(sent.get("type"))
    settings = {name: argument["value"] for name, argument in (sent.get("args") or {}).items()}
    return Command(kind, str(sent.get("run_id") or ""), settings)
