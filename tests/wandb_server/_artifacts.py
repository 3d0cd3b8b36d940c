"""Operations of artifacts: `wandb.Table`, `wandb.plot.*` and `log_artifact` all go through them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from ._graphql import GraphQLError, Variables, connection, operation
from ._runs import project_node
from ._state import Artifact, State


@operation("ArtifactType")
def artifact_type(state: State, variables: Variables) -> dict[str, Any]:
    """Answer of which type an artifact of that name already is; null where there is none."""
    project = project_node(state.project(variables.get("entity"), variables.get("project")))
    name = variables["name"].split("/")[-1].split(":")[0]
    types = [artifact.type for artifact in state.artifacts.values() if artifact.name == name]
    found = {"artifactType": {"name": types[-1]}} if types else None
    return {"project": project | {"artifact": found}}


@operation("FetchArtifactDigestAlgorithm")
def digest_algorithm(state: State, variables: Variables) -> dict[str, Any]:
    project = state.project(variables.get("entityName"), variables.get("projectName"))
    return {"project": project_node(project) | {"artifactType": None}}


@operation("CreateArtifact")
def create_artifact(state: State, variables: Variables) -> dict[str, Any]:
    given = variables.get("input") or variables
    names = given.get("artifactCollectionNames") or [given.get("artifactCollectionName")]
    for known in list(state.artifacts.values()):
        same = (known.name, known.digest) == (names[0], given.get("digest"))
        if same and known.state == "COMMITTED":  # as W&B: what is there is not made again
            return _created(known)
        if same and known.run in state.runs:  # one that never came to its end is not a version
            state.runs[known.run].artifacts.remove(known)
            del state.artifacts[known.id]
    artifact = Artifact(
        id=f"artifact{state.number():03d}",
        type=given["artifactTypeName"],
        name=names[0] or "",
        run=given.get("runName"),
        digest=given.get("digest") or "",
        aliases=[alias["alias"] for alias in given.get("aliases") or []],
        metadata=json.loads(given.get("metadata") or "{}"),
    )
    state.artifacts[artifact.id] = artifact
    if artifact.run in state.runs:
        state.runs[artifact.run].artifacts.append(artifact)
    return _created(artifact)


def _created(artifact: Artifact) -> dict[str, Any]:
    node = _artifact_node(artifact)
    return {"createArtifact": {"artifact": node | {"artifactSequence": {"latestArtifact": None}}}}


@operation("CreateArtifactManifest", "UpdateArtifactManifest")
def artifact_manifest(state: State, variables: Variables) -> dict[str, Any]:
    known = str(variables.get("artifactManifestID") or "").removeprefix("Manifest:")
    artifact = find_artifact(state, known or variables["artifactID"])
    manifest = {
        "id": f"Manifest:{artifact.id}",
        "file": {
            "id": f"ManifestFile:{artifact.id}",
            "uploadUrl": f"{state.url}/storage/manifest/{artifact.id}/wandb_manifest.json",
            "uploadHeaders": [],
        },
    }
    name = "updateArtifactManifest" if known else "createArtifactManifest"
    return {name: {"artifactManifest": manifest}}


@operation("CreateArtifactFiles")
def create_artifact_files(state: State, variables: Variables) -> dict[str, Any]:
    given = variables.get("input") or variables
    nodes = []
    for file in given["artifactFiles"]:
        artifact = find_artifact(state, file["artifactID"])
        nodes.append(
            {
                "storagePath": f"{artifact.id}/{file['name']}",
                "uploadUrl": f"{state.url}/storage/artifact/{artifact.id}/{quote(file['name'])}",
                "uploadHeaders": [],
                "uploadMultipartUrls": None,
                "artifact": _artifact_node(artifact),
            }
        )
    return {"createArtifactFiles": {"files": connection(nodes)}}


@operation("CommitArtifact")
def commit_artifact(state: State, variables: Variables) -> dict[str, Any]:
    artifact = find_artifact(state, variables["artifactID"])
    artifact.state = "COMMITTED"
    return {"commitArtifact": {"artifact": _artifact_node(artifact)}}


def find_artifact(state: State, artifact_id: str) -> Artifact:
    """Return the artifact, or raise what W&B answers for one it does not know."""
    if artifact_id not in state.artifacts:
        raise GraphQLError(f"artifact {artifact_id} not found", status=404)
    return state.artifacts[artifact_id]


def _artifact_node(artifact: Artifact) -> dict[str, Any]:
    return {
        "__typename": "Artifact",
        "id": artifact.id,
        "state": artifact.state,
        "digest": artifact.digest,
    }
