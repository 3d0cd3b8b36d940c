"""GraphQL as far as a client of known queries needs it: the operation's name picks a function.

No query is parsed: an operation answers with every field that its versions of the query ask for,
and clients ignore the fields they did not ask for. What is unknown is answered with `errors`, never
with empty data: wandb-core takes empty data for an answer and crashes on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ._state import State

Variables = dict[str, Any]
Operation = Callable[[State, Variables], dict[str, Any]]

OPERATIONS: dict[str, Operation] = {}


class GraphQLError(Exception):
    """An answer of `errors` with this text; `status` is the HTTP status that carries it."""

    def __init__(self, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.status = status


def operation(*names: str) -> Callable[[Operation], Operation]:
    """Register a function as the answer to the operations of these names."""

    def register(function: Operation) -> Operation:
        for name in names:
            assert name not in OPERATIONS, name
            OPERATIONS[name] = function
        return function

    return register


def operation_name(request: dict[str, Any]) -> str:
    """Name the operation of a request: from its field, its query's text, or its first field."""
    if request.get("operationName"):
        return str(request["operationName"])
    query = request.get("query") or ""
    named = re.search(r"\b(?:query|mutation)\s+(\w+)", query)
    if named:
        return named[1]
    first_field = re.search(r"\{\s*(\w+)", query)
    return first_field[1] if first_field else "?"


def execute(state: State, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Answer a request: the HTTP status and the body."""
    name = operation_name(request)
    function = OPERATIONS.get(name)
    if function is None:
        state.unknown.append(name)
        return 200, _errors(f"the test server does not know the operation {name!r}")
    try:
        return 200, {"data": function(state, request.get("variables") or {})}
    except GraphQLError as error:
        return error.status, _errors(str(error))


def _errors(message: str) -> dict[str, Any]:
    return {"errors": [{"message": message}]}


def connection(nodes: list[dict[str, Any]], first: int | None = None, after: Any = None) -> Any:
    """Return a page of nodes as a GraphQL connection; cursors are positions."""
    start = int(after or 0)
    stop = len(nodes) if first is None else start + first
    edges = [
        {"node": node, "cursor": str(position)}
        for position, node in enumerate(nodes[start:stop], start + 1)
    ]
    return {
        "edges": edges,
        "totalCount": len(nodes),
        "pageInfo": {
            "__typename": "PageInfo",
            "endCursor": edges[-1]["cursor"] if edges else None,
            "hasNextPage": stop < len(nodes),
        },
    }
