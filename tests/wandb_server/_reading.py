"""Operations of `wandb.Api()`: projects, sweeps, runs, their histories and their files."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from ._filters import matches, ordered
from ._graphql import Variables, connection, operation
from ._runs import created_at, file_url, project_node, run_node
from ._state import Run, State
from ._sweeps import sweep_node


@operation("GetProject", "Project")
def get_project(state: State, variables: Variables) -> dict[str, Any]:
    entity = variables.get("entity") or variables.get("entityName")
    name = variables.get("name") or variables.get("project") or variables.get("projectName")
    return {"project": project_node(state.project(entity, name))}


@operation("ProjectInternalId")
def project_internal_id(state: State, variables: Variables) -> dict[str, Any]:
    return get_project(state, variables)


@operation("GetProjects")
def get_projects(state: State, variables: Variables) -> dict[str, Any]:
    nodes = [
        project_node(project)
        for project in state.projects.values()
        if project.entity == variables.get("entity")
    ]
    return {"models": connection(nodes, variables.get("perPage"), variables.get("cursor"))}


@operation("CreateProject")
def create_project(state: State, variables: Variables) -> dict[str, Any]:
    given = variables.get("input") or variables
    known = len(state.projects)
    node = project_node(state.project(given.get("entityName"), given.get("name")))
    inserted = len(state.projects) > known
    return {"result": {"project": node, "model": node, "inserted": inserted}}


@operation("GetSweeps")
def get_sweeps(state: State, variables: Variables) -> dict[str, Any]:
    project = state.project(variables["entity"], variables["project"])
    nodes = [
        sweep_node(state, sweep)
        for sweep in state.sweeps.values()
        if (sweep.entity, sweep.project) == (project.entity, project.name)
    ]
    page = connection(nodes, variables.get("perPage"), variables.get("cursor"))
    return {"project": project_node(project) | {"totalSweeps": len(nodes), "sweeps": page}}


@operation("Runs")
def get_runs(state: State, variables: Variables) -> dict[str, Any]:
    project = state.project(variables["entity"], variables["project"])
    filters = json.loads(variables.get("filters") or "{}")
    runs = [
        run
        for run in state.runs.values()
        if (run.entity, run.project) == (project.entity, project.name) and matches(run, filters)
    ]
    nodes = [run_node(state, run) for run in ordered(runs, variables.get("order"))]
    page = connection(nodes, variables.get("perPage", 50), variables.get("cursor"))
    return {"project": project_node(project) | {"runCount": len(nodes), "runs": page}}


@operation("Run", "RunState", "QueryRunInfo", "RunHistoryKeys")
def get_run(state: State, variables: Variables) -> dict[str, Any]:
    return _answer(state, variables, {})


@operation("RunFullHistory")
def full_history(state: State, variables: Variables) -> dict[str, Any]:
    run = _run(state, variables)
    samples = variables.get("samples") or 500
    return _answer(
        state,
        variables,
        {
            "history": [json.dumps(row) for row in _sampled(run.history if run else [], samples)],
            "events": [json.dumps(row) for row in _sampled(run.events if run else [], samples)],
        },
    )


@operation("RunSampledHistory", "SampledHistoryPage")
def sampled_history(state: State, variables: Variables) -> dict[str, Any]:
    run = _run(state, variables)
    specs = variables.get("specs") or [variables["spec"]]
    answers = []
    for spec in map(json.loads, specs):
        keys = spec["keys"]
        rows = [row for row in (run.history if run else []) if all(key in row for key in keys)]
        rows = [{key: row[key] for key in keys} for row in rows]
        answers.append(_sampled(rows, spec.get("samples") or 500))
    return _answer(state, variables, {"sampledHistory": answers})


@operation("RunParquetHistory")
def parquet_history(state: State, variables: Variables) -> dict[str, Any]:
    # Nothing has been exported: the client goes on with HistoryPage.
    return _answer(state, variables, {"parquetHistory": {"parquetUrls": [], "liveData": []}})


@operation("HistoryPage")
def history_page(state: State, variables: Variables) -> dict[str, Any]:
    run = _run(state, variables)
    steps = range(int(variables["minStep"]), int(variables["maxStep"]))
    rows = [row for row in (run.history if run else []) if row.get("_step") in steps]
    page = [json.dumps(row) for row in rows[: int(variables["pageSize"])]]
    return _answer(state, variables, {"history": page})


@operation("RunFiles")
def run_files(state: State, variables: Variables) -> dict[str, Any]:
    run = _run(state, variables)
    wanted = variables.get("fileNames")
    nodes = []
    for name, data in (run.files if run else {}).items():
        if run is not None and (not wanted or name in wanted):
            url = file_url(state, run, name)
            nodes.append(
                {
                    "id": f"File:{run.id}:{name}",
                    "name": name,
                    "url": url,
                    "directUrl": url,
                    "sizeBytes": len(data),
                    "mimetype": "application/octet-stream",
                    "updatedAt": created_at(run.number),
                    "md5": base64.b64encode(hashlib.md5(data).digest()).decode(),
                }
            )
    page = connection(nodes, variables.get("fileLimit") or 50, variables.get("fileCursor"))
    return _answer(state, variables, {"files": page})


def _run(state: State, variables: Variables) -> Run | None:
    """Find the run that a query means: under its name, in its project."""
    name = variables.get("name") or variables.get("runName") or variables.get("run")
    run = state.runs.get(str(name))
    project = state.project(variables.get("entity"), variables.get("project"))
    same = run is not None and (run.entity, run.project) == (project.entity, project.name)
    return run if same else None


def _answer(state: State, variables: Variables, fields: dict[str, Any]) -> dict[str, Any]:
    project = state.project(variables.get("entity"), variables.get("project"))
    run = _run(state, variables)
    node = None if run is None else run_node(state, run) | fields
    return {"project": project_node(project) | {"run": node}}


def _sampled(rows: list[Any], samples: int) -> list[Any]:
    """Thin out to about `samples` rows, evenly, as W&B does for charts."""
    step = max(1, -(-len(rows) // samples))
    return rows[::step]
