"""Operations of a sweep: creating it, registering agents, handing out points."""

from __future__ import annotations

import json
from typing import Any

import yaml

from ._graphql import GraphQLError, Variables, connection, operation
from ._runs import created_at, project_node, run_node
from ._state import Agent, State, Sweep


@operation("UpsertSweep")
def upsert_sweep(state: State, variables: Variables) -> dict[str, Any]:
    known = str(variables.get("id") or "").removeprefix("Sweep:")
    if known:
        sweep = find_sweep(state, known)
    else:
        text = variables.get("config") or ""
        sweep = state.add_sweep(
            yaml.safe_load(text),
            text=text,
            entity=variables.get("entityName"),
            project=variables.get("projectName"),
        )
    if variables.get("state"):
        sweep.state = variables["state"]
    if variables.get("displayName"):
        sweep.display_name = variables["displayName"]
    return {"upsertSweep": {"sweep": sweep_node(state, sweep), "configValidationWarnings": []}}


@operation("UpsertSweepState")
def upsert_sweep_state(state: State, variables: Variables) -> dict[str, Any]:
    return upsert_sweep(state, variables)


@operation("SweepWithRuns", "Sweep", "GetSweep", "GetSweepLegacy", "GetSweepState", "SweepConfig")
def get_sweep(state: State, variables: Variables) -> dict[str, Any]:
    name = variables.get("sweep") or variables.get("name") or variables.get("sweepName")
    sweep = state.sweeps.get(str(name).removeprefix("Sweep:"))
    if sweep is None:
        return {"project": {"sweep": None}}
    project = project_node(state.project(sweep.entity, sweep.project))
    return {"project": project | {"sweep": sweep_node(state, sweep)}}


@operation("CreateAgent")
def create_agent(state: State, variables: Variables) -> dict[str, Any]:
    sweep = find_sweep(state, variables["sweep"])
    agent = Agent(f"agent{state.number():03d}", sweep.id, variables.get("host", ""))
    state.agents[agent.id] = agent
    return {"createAgent": {"agent": {"id": agent.id}}}


@operation("Heartbeat")
def heartbeat(state: State, variables: Variables) -> dict[str, Any]:
    agent = state.agents.get(variables["id"])
    if agent is None:
        raise GraphQLError(f"agent {variables['id']} not found", status=404)
    sweep = find_sweep(state, agent.sweep)
    run_states = json.loads(variables.get("runState") or "{}")
    agent.heartbeats.append(run_states)
    commands = _commands(state, sweep, agent, [run for run, alive in run_states.items() if alive])
    return {"agentHeartbeat": {"agent": {"id": agent.id}, "commands": json.dumps(commands)}}


def _commands(state: State, sweep: Sweep, agent: Agent, running: list[str]) -> list[dict[str, Any]]:
    """Decide what an agent is to do now.

    `exit` only goes to an agent that runs nothing: `wandb agent` kills its processes on it.
    """
    stops = []
    for run_id in running:
        run = state.runs.get(run_id)
        wanted = run is not None and run.stop_requested
        if run is not None:
            run.stop_requested = False
        if wanted or sweep.state == "CANCELED":
            stops.append({"type": "stop", "run_id": run_id})
    if stops or running or sweep.state == "PAUSED":
        return stops
    run_id = state.hand_out(sweep, agent) if sweep.state in ("RUNNING", "PENDING") else None
    if run_id is None and sweep.scheduled and sweep.state in ("RUNNING", "PENDING"):
        return []
    if run_id is None:
        if sweep.state in ("RUNNING", "PENDING"):
            sweep.state = "FINISHED"
        agent.exited = True
        return [{"type": "exit"}]
    args = {name: {"value": value} for name, value in sweep.handed_out[run_id].items()}
    program = sweep.config.get("program")
    kind = "resume" if run_id in state.runs else "run"
    return [{"type": kind, "run_id": run_id, "program": program, "args": args}]


def find_sweep(state: State, sweep_id: str) -> Sweep:
    """Return the sweep, or raise what W&B answers for a sweep it does not know."""
    if sweep_id not in state.sweeps:
        raise GraphQLError(f"sweep {sweep_id} not found", status=404)
    return state.sweeps[sweep_id]


def sweep_node(state: State, sweep: Sweep) -> dict[str, Any]:
    """Return a sweep with every field that the client's queries for sweeps ask for."""
    runs = [run for run in state.runs.values() if run.sweep == sweep.id]
    return {
        "__typename": "Sweep",
        "id": f"Sweep:{sweep.id}",
        "name": sweep.id,
        "displayName": sweep.display_name,
        "method": sweep.config.get("method"),
        "state": sweep.state,
        "description": sweep.config.get("description"),
        "config": sweep.config_text or yaml.safe_dump(sweep.config),
        "createdAt": created_at(sweep.number),
        "updatedAt": created_at(sweep.number),
        "heartbeatAt": created_at(sweep.number),
        "earlyStopJobRunning": False,
        "bestLoss": None,
        "controller": None,
        "scheduler": None,
        "runCount": len(runs),
        "runCountExpected": sweep.run_count_expected,
        "project": project_node(state.project(sweep.entity, sweep.project)),
        "runs": connection([run_node(state, run) for run in runs]),
    }
