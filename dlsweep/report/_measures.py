"""What is measured of runs, by name: of the model that a run keeps, or of its last epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dlsweep.report._runs import RunsTable
from dlsweep.report.statistics import mean_interval
from dlsweep.sweep import Row

FINAL = "final:"
"""Before a metric's name: of the last epoch, where otherwise it is of the best."""


@dataclass(frozen=True)
class Measured:
    """What some runs came to.

    Attributes:
        values: one for each run that has it.
        mean: NaN without any.
        low, high: the 95 % interval of the mean (Student's t); NaN for fewer than three.
    """

    values: tuple[float, ...]
    mean: float
    low: float
    high: float


def measured(table: RunsTable, run: Row, name: str) -> float | None:
    """A number that a run came to; None where it has none, or none that is finite.

    Args:
        table: the run's.
        run: any run.
        name: a metric. That of an epoch is of the best one, whose model a built-in run keeps; of a
            program, and after ``final:``, it is what was logged last.
    """
    key = name.removeprefix(FINAL)
    if name.startswith(FINAL):
        return _finite(_last(run, key))
    if key in run.summary and not (table.own and key == table.metric.name):
        return _finite(run.summary[key])
    best = run.summary.get("best_epoch") if table.own else None
    if best is not None:
        for row in run.history:
            if row.get("epoch") == best and key in row:
                return _finite(row[key])
    if key == table.metric.name and run.value is not None:
        return _finite(run.value)
    return _finite(_last(run, key))


def over(table: RunsTable, runs: Sequence[Row], name: str) -> Measured:
    """A number over several runs, which differ in their seed."""
    values = [v for run in runs if (v := measured(table, run, name)) is not None]
    least = 0.0 if table.own and name.endswith("loss") else -math.inf
    share = (0.0, 1.0) if table.is_share(name) else (least, math.inf)
    mean = math.fsum(values) / len(values) if values else math.nan
    return Measured(tuple(values), mean, *mean_interval(values, share))


def _last(run: Row, name: str) -> Any:
    for row in reversed(run.history):
        if name in row:
            return row[name]
    return run.summary.get(name)


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
