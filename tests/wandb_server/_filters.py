"""Filters and orders of runs as `wandb.Api().runs(filters=..., order=...)` sends them.

Filters are MongoDB's: {"$and": [...]}, {"config.lr": {"$gt": 0.1}}, {"state": "finished"}.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from ._state import Run

MISSING = object()


def _compare(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(value: Any, wanted: Any) -> bool:
        try:
            return value is not MISSING and value is not None and compare(value, wanted)
        except TypeError:
            return False

    return test


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(value, list) and not isinstance(wanted, list):
        return wanted in value  # tags
    return value is not MISSING and value == wanted


TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": _equal,
    "$ne": lambda value, wanted: not _equal(value, wanted),
    "$gt": _compare(operator.gt),
    "$gte": _compare(operator.ge),
    "$lt": _compare(operator.lt),
    "$lte": _compare(operator.le),
    "$in": lambda value, wanted: any(_equal(value, item) for item in wanted),
    "$nin": lambda value, wanted: not any(_equal(value, item) for item in wanted),
    "$exists": lambda value, wanted: (value is not MISSING) == wanted,
    "$regex": lambda value, wanted: isinstance(value, str) and bool(re.search(wanted, value)),
}

ATTRIBUTES = {
    "name": "id",
    "display_name": "display_name",
    "displayName": "display_name",
    "state": "state",
    "sweep": "sweep",
    "group": "group",
    "job_type": "job_type",
    "jobType": "job_type",
    "tags": "tags",
    "created_at": "number",
    "createdAt": "number",
}


def matches(run: Run, filters: dict[str, Any]) -> bool:
    """Whether the run passes the filters; an unknown operator or field raises KeyError."""
    return all(_matches_one(run, key, wanted) for key, wanted in filters.items())


def _matches_one(run: Run, key: str, wanted: Any) -> bool:
    if key == "$and":
        return all(matches(run, part) for part in wanted)
    if key == "$or":
        return any(matches(run, part) for part in wanted)
    if key == "$nor":
        return not any(matches(run, part) for part in wanted)
    if key == "$not":
        return not matches(run, wanted)
    value = lookup(run, key)
    if isinstance(wanted, dict) and any(name.startswith("$") for name in wanted):
        return all(TESTS[name](value, operand) for name, operand in wanted.items())
    return _equal(value, wanted)


def lookup(run: Run, key: str) -> Any:
    """Return the field of the run that a filter or an order names, or MISSING."""
    head, _, rest = key.partition(".")
    if head == "config":
        return _walk(run.config, rest.removesuffix(".value").split("."))
    if head in ("summary_metrics", "summaryMetrics"):
        return _walk(run.summary, rest.split("."))
    return getattr(run, ATTRIBUTES[key])


def _walk(value: Any, path: list[str]) -> Any:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return MISSING
        value = value[name]
    return value


def ordered(runs: list[Run], order: str | None) -> list[Run]:
    """Sort by `+key` or `-key`; runs without the key come last either way."""
    key = (order or "+created_at").lstrip("+-")
    descending = (order or "").startswith("-")
    have = [run for run in runs if lookup(run, key) not in (MISSING, None)]
    rest = [run for run in runs if lookup(run, key) in (MISSING, None)]
    return sorted(have, key=lambda run: lookup(run, key), reverse=descending) + rest
