"""Operations of a run: who is asking, creating and updating it, its stream and its files."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from ._graphql import GraphQLError, Variables, connection, operation
from ._state import ENTITY, Project, Run, State


@operation("Viewer", "GetViewer", "GetDefaultEntity", "viewer")
def viewer(state: State, variables: Variables) -> dict[str, Any]:
    return {
        "viewer": {
            "__typename": "User",
            "id": "User:1",
            "entity": ENTITY,
            "name": ENTITY,
            "username": ENTITY,
            "email": f"{ENTITY}@example.com",
            "flags": "{}",
            "admin": False,
            "deletedAt": None,
            "teams": connection([]),
            "apiKeys": connection([]),
        }
    }


@operation("ServerFeaturesQuery")
def server_features(state: State, variables: Variables) -> dict[str, Any]:
    return {"serverInfo": {"features": []}}


@operation("OrganizationCoreWeaveOrganizationID")
def organization(state: State, variables: Variables) -> dict[str, Any]:
    # Asked when a run measures its machine; an empty id ends the matter.
    return {"entity": {"organization": {"coreWeaveOrganizationId": ""}}}


@operation("UpsertBucket")
def upsert_bucket(state: State, variables: Variables) -> dict[str, Any]:
    run_id = variables.get("name") or str(variables.get("id") or "").removeprefix("Run:")
    if not run_id:
        raise GraphQLError("a run needs a name")
    sweep = variables.get("sweep")
    if sweep and sweep not in state.sweeps:
        raise GraphQLError(f"sweep {sweep} not found", status=404)
    inserted = run_id not in state.runs
    if inserted:
        project = state.project(variables.get("entity"), variables.get("project"))
        state.runs[run_id] = Run(run_id, project.entity, project.name, state.number(), run_id)
    run = state.runs[run_id]
    if run.state == "preempted":  # trained again under the same id: what it was is overwritten
        run.state, run.exit_code, run.preempting = "running", None, False
        run.history, run.artifacts = [], []
    run.upserts += 1
    for attribute, variable in (
        ("display_name", "displayName"),
        ("notes", "notes"),
        ("group", "groupName"),
        ("job_type", "jobType"),
        ("program", "program"),
        ("tags", "tags"),
        ("sweep", "sweep"),
        ("state", "state"),
    ):
        if variables.get(variable) is not None:
            setattr(run, attribute, variables[variable])
    if variables.get("config"):
        run.config = unwrapped(json.loads(variables["config"]))
    if variables.get("summaryMetrics"):
        run.summary = plain(json.loads(variables["summaryMetrics"]))
    return {"upsertBucket": {"bucket": run_node(state, run), "inserted": inserted}}


@operation("RunResumeStatus")
def resume_status(state: State, variables: Variables) -> dict[str, Any]:
    project = state.project(variables.get("entity"), variables.get("project"))
    run = state.runs.get(variables["name"])
    bucket = None
    if run is not None:
        bucket = run_node(state, run) | {
            "logLineCount": len(run.output),
            "eventsLineCount": len(run.events),
            "historyTail": json.dumps([json.dumps(row) for row in run.history[-1:]]),
            "eventsTail": json.dumps([json.dumps(row) for row in run.events[-1:]]),
            "wandbConfig": "{}",
        }
    return {"model": project_node(project) | {"bucket": bucket}}


@operation("CreateRunFiles")
def create_run_files(state: State, variables: Variables) -> dict[str, Any]:
    run = find_run(state, variables["run"])
    files = [{"name": name, "uploadUrl": file_url(state, run, name)} for name in variables["files"]]
    return {
        "createRunFiles": {"runID": f"Run:{run.id}", "uploadHeaders": [], "files": files},
    }


@operation("MarkRunFilesUploaded")
def mark_run_files_uploaded(state: State, variables: Variables) -> dict[str, Any]:
    return {"markRunFilesUploaded": {"success": True}}


def receive_stream(state: State, run: Run, body: dict[str, Any]) -> dict[str, Any]:
    """Take in one post of the file stream and answer it. Offsets make a repeat harmless."""
    for name, chunk in body.get("files", {}).items():
        content = chunk["content"]
        if name == "wandb-summary.json":
            run.summary = plain(json.loads(content[-1]))
        elif name == "wandb-history.jsonl":
            _place_steps(run.history, [json.loads(line) for line in content])
        elif name == "wandb-events.jsonl":
            _place(run.events, chunk["offset"], [json.loads(line) for line in content])
        elif name == "output.log":
            _place(run.output, chunk["offset"], content)
    run.preempting = run.preempting or bool(body.get("preempting"))
    if body.get("complete"):
        run.exit_code = body.get("exitcode", 0)
        run.state = "finished" if run.exit_code == 0 else "failed"
        if run.exit_code != 0 and run.preempting:
            run.state = "preempted"
            if run.sweep in state.sweeps:
                state.sweeps[run.sweep].preempted.append(run.id)
    return {"exitcode": None, "limits": {}} | ({"stopped": True} if run.stopped else {})


def _place(lines: list[Any], offset: int, new: list[Any]) -> None:
    lines[offset : offset + len(new)] = new


def _place_steps(history: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    """Put each row in the place of the one with its step; the client counts on it.

    A client that begins a run anew, or syncs one of which the server has a part, has offsets that
    start behind what is there (`historyLineCount`), and steps that start at 0.
    """
    places = {row["_step"]: i for i, row in enumerate(history)}
    for row in rows:
        if row["_step"] in places:
            history[places[row["_step"]]] = row
        else:
            places[row["_step"]] = len(history)
            history.append(row)


def find_run(state: State, run_id: str) -> Run:
    """Return the run, or raise what W&B answers for a run it does not know."""
    if run_id not in state.runs:
        raise GraphQLError(f"run {run_id} not found", status=404)
    return state.runs[run_id]


def unwrapped(config: dict[str, Any]) -> dict[str, Any]:
    """Take {"value": v} and wandb's own entry off a config as it is sent."""
    return {key: item["value"] for key, item in config.items() if key != "_wandb"}


def plain(summary: dict[str, Any]) -> dict[str, Any]:
    """Take wandb's own entry off a summary."""
    return {key: value for key, value in summary.items() if key != "_wandb"}


def file_url(state: State, run: Run, name: str) -> str:
    """Return the address at which a file of a run is put and got."""
    return f"{state.url}/storage/run/{run.id}/{quote(name)}"


def created_at(number: int) -> str:
    """Turn a number of creation into a time; later numbers are later."""
    days, seconds = divmod(number, 86400)
    hours, rest = divmod(seconds, 3600)
    return f"2025-01-{1 + days:02d}T{hours:02d}:{rest // 60:02d}:{rest % 60:02d}Z"


def project_node(project: Project) -> dict[str, Any]:
    return {
        "__typename": "Project",
        "id": f"Project:{project.id}",
        "internalId": str(project.id),
        "name": project.name,
        "entityName": project.entity,
        "entity": {"id": f"Entity:{project.entity}", "name": project.entity},
        "createdAt": created_at(project.id),
        "description": None,
        "access": "PRIVATE",
        "views": "{}",
        "isBenchmark": False,
        "readOnly": False,
        "user": None,
    }


def run_node(state: State, run: Run) -> dict[str, Any]:
    """Return a run with every field that the client's queries for runs ask for."""
    return {
        "__typename": "Run",
        "id": f"Run:{run.id}",
        "projectId": state.project(run.entity, run.project).id,
        "name": run.id,
        "displayName": run.display_name,
        "description": run.notes,
        "notes": run.notes,
        "tags": run.tags,
        "sweepName": run.sweep,
        "state": run.state,
        "config": json.dumps({key: {"value": value} for key, value in run.config.items()}),
        "group": run.group,
        "jobType": run.job_type,
        "commit": None,
        "readOnly": False,
        "createdAt": created_at(run.number),
        "heartbeatAt": created_at(run.number),
        "systemMetrics": "{}",
        "summaryMetrics": json.dumps(run.summary),
        "historyLineCount": len(run.history),
        "historyKeys": history_keys(run),
        "user": {"name": ENTITY, "username": ENTITY},
        "project": project_node(state.project(run.entity, run.project)),
        "exitcode": run.exit_code,
        "shouldStop": run.stop_requested or run.stopped,
        "failed": run.state == "failed",
        "stopped": run.stopped,
        "running": run.state == "running",
        "sampledHistory": [run.history],
        "fileCount": len(run.files),
    }


def history_keys(run: Run) -> dict[str, Any]:
    """Describe the logged keys as W&B does: the types and counts of each, and the last step."""
    keys: dict[str, Any] = {}
    for row in run.history:
        for key, value in row.items():
            kind = "number" if isinstance(value, int | float) else "string"
            counts = keys.setdefault(key, {"typeCounts": [{"type": kind, "count": 0}]})
            counts["typeCounts"][0]["count"] += 1
    last = max((row.get("_step", 0) for row in run.history), default=-1)
    return {"sets": [], "keys": keys, "lastStep": last}
