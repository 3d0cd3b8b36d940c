"""Runs tables made by hand, in which the truth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from dlsweep.config import RunConfig
from dlsweep.report import RunsTable
from dlsweep.report._runs import varied
from dlsweep.sweep import Metric, Row

MADE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def run(number: int, value: float | None = None, status: str = "", **settings: Any) -> Row:
    """A run with this value; without one it failed."""
    status = status or ("finished" if value is not None else "failed")
    return Row(
        number=number,
        run_id=f"id{number}",
        name=f"run-{number}",
        status=status,
        config=RunConfig(**settings).as_dict(),
        history=[] if value is None else [{"epoch": 1, "val_accuracy": value}],
        summary={} if value is None else {"best_val_accuracy": value},
        value=value,
        reason="it broke" if status == "failed" else "",
        started=MADE + timedelta(minutes=number),
        finished=MADE + timedelta(minutes=number, seconds=30),
    )


def table(runs: Sequence[Row], metric: Metric | None = None, **more: Any) -> RunsTable:
    """A table of these runs."""
    given: dict[str, Any] = {
        "title": "toy",
        "source": "a table made by hand",
        "metric": metric or Metric(),
        "runs": tuple(runs),
        "parameters": varied([r.config for r in runs]),
        "versions": {"dlsweep": "0"},
        "made": MADE,
        "name": "toy-1",
    }
    return RunsTable(**{**given, **more})


def of_values(points: Sequence[tuple[Mapping[str, Any], float | None]]) -> RunsTable:
    """A table of runs with these settings and values."""
    return table([run(i, value, **settings) for i, (settings, value) in enumerate(points)])
