"""The runs of a study's page as one table, in which every number of the page can be found."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlsweep import RunConfig
from dlsweep.report import RunsTable

_PLACES = {"wandb_project", "wandb_entity", "device"}


def write_csv(tables: Mapping[str, RunsTable], path: Path) -> None:
    """A row for each run: its sweep, its name, its settings and its results.

    Settings that no run has changed are left out. Metrics of every epoch are those of a run's best
    epoch, whose model is kept, and, with ``final_`` before them, of its last.
    """
    pairs = [(sweep, table, run) for sweep, table in tables.items() for run in table.runs]
    defaults = RunConfig().as_dict()
    changed = {
        name
        for _, table, run in pairs
        for name, value in run.config.items()
        if not table.own or (name not in _PLACES and value != defaults.get(name))
    }
    rows: list[dict[str, Any]] = []
    for sweep, _, run in pairs:
        seconds = run.started and run.finished and (run.finished - run.started).total_seconds()
        row = {"sweep": sweep, "run": run.name, "status": run.status, "seconds": seconds}
        settings = {name: value for name, value in run.config.items() if name in changed}
        rows.append(row | settings | _results(run))
    columns = dict.fromkeys(name for row in rows for name in row)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)


def _results(run: Any) -> dict[str, Any]:
    """The numbers that a run came to."""
    last = run.history[-1] if run.history else {}
    best = next((e for e in run.history if e.get("epoch") == run.summary.get("best_epoch")), last)
    found = {**best, **{f"final_{name}": value for name, value in last.items()}, **run.summary}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, int | float) and not name.startswith("_")
    }


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else "nan"
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value
