"""Operations of reports: saving one, reading it back, and links that share it."""

from __future__ import annotations

import base64
import json
from typing import Any

from ._graphql import GraphQLError, Variables, operation
from ._runs import created_at, project_node
from ._state import Report, State


@operation("upsertView")
def upsert_view(state: State, variables: Variables) -> dict[str, Any]:
    known = variables.get("id")
    if known:
        report = find_report(state, known)
    else:
        project = state.project(variables.get("entityName"), variables.get("projectName"))
        report_id = base64.b64encode(f"View:{state.number()}".encode()).decode()
        report = Report(report_id, project.entity, project.name, "", "", "", {})
        state.reports[report_id] = report
    report.name = variables.get("name") or report.name
    report.display_name = variables.get("displayName") or report.display_name
    report.description = variables.get("description") or report.description
    report.type = variables.get("type") or report.type
    report.spec = json.loads(variables["spec"])
    report.saves += 1
    return {"upsertView": {"view": _report_node(state, report), "inserted": not known}}


@operation("SpecificReport")
def specific_report(state: State, variables: Variables) -> dict[str, Any]:
    return {"view": _report_node(state, find_report(state, variables["reportId"]))}


@operation("deleteView")
def delete_view(state: State, variables: Variables) -> dict[str, Any]:
    report = find_report(state, variables["id"])
    del state.reports[report.id]
    return {"deleteView": {"success": True, "pendingDrafts": 0, "__typename": "DeleteViewPayload"}}


@operation("ViewAccessTokens")
def view_access_tokens(state: State, variables: Variables) -> dict[str, Any]:
    report = find_report(state, variables["reportId"])
    projects = [{"entityName": report.entity, "name": report.project}]
    tokens = [
        {"token": token, "type": "PUBLIC", "revokedAt": None, "projects": projects}
        for token in report.tokens
    ]
    return {"view": {"accessTokens": tokens}}


@operation("createAccessToken")
def create_access_token(state: State, variables: Variables) -> dict[str, Any]:
    report = find_report(state, variables["viewId"])
    token = f"token{state.number():03d}"
    report.tokens.append(token)
    return {"createAccessToken": {"accessToken": {"token": token, "type": "PUBLIC"}}}


@operation("updateAccessTokenProjects")
def update_access_token(state: State, variables: Variables) -> dict[str, Any]:
    return {"updateAccessTokenProjects": {"success": True}}


@operation("revokeAccessToken")
def revoke_access_token(state: State, variables: Variables) -> dict[str, Any]:
    for report in state.reports.values():
        if variables["token"] in report.tokens:
            report.tokens.remove(variables["token"])
    return {"revokeAccessToken": {"success": True}}


def find_report(state: State, report_id: str) -> Report:
    """Return the report; addresses leave out the padding of its id."""
    for report in state.reports.values():
        if report.id.rstrip("=") == report_id.rstrip("="):
            return report
    raise GraphQLError(f"report {report_id} not found", status=404)


def _report_node(state: State, report: Report) -> dict[str, Any]:
    return {
        "id": report.id,
        "type": report.type,
        "name": report.name,
        "displayName": report.display_name,
        "description": report.description,
        "project": project_node(state.project(report.entity, report.project)),
        "spec": json.dumps(report.spec),
        "createdAt": created_at(0),
        "updatedAt": created_at(report.saves),
    }
