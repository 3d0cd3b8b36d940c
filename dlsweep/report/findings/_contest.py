"""Two values of a setting, each with the configuration that is best for it, over equal seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlsweep.report._runs import RunsTable, exact, level
from dlsweep.report.statistics import (
    FEWEST,
    Configuration,
    is_seed,
    mean_interval,
    remembered,
    together,
)
from dlsweep.sweep import Row


@dataclass(frozen=True)
class Contest:
    """Two values of a setting, side by side.

    Attributes:
        setting: what differs.
        first, second: its two values.
        configurations: the best configuration with each; None for one that no run has.
        tried: how many configurations were tried with each.
        pairs: runs of the two with the same seed.
        difference: the mean of second minus first over the pairs; NaN without one.
        low, high: its 95 % interval (Student's t); NaN for fewer than three pairs.
        missing: the settings of the runs that it takes to have three pairs.
    """

    setting: str
    first: Any
    second: Any
    configurations: tuple[Configuration | None, Configuration | None]
    tried: tuple[int, int]
    pairs: tuple[tuple[Row, Row], ...]
    difference: float
    low: float
    high: float
    missing: tuple[Mapping[str, Any], ...]

    @property
    def enough(self) -> bool:
        """Whether there are pairs enough to tell chance."""
        return len(self.pairs) >= FEWEST

    @property
    def clear(self) -> bool:
        """Whether the difference is beyond chance."""
        return self.enough and (self.low > 0 or self.high < 0)


@remembered
def contest(table: RunsTable, setting: str, first: Any, second: Any) -> Contest:
    """Compare two values of a setting fairly.

    Args:
        table: the runs; those beside the sweep count.
        setting: such as loss.
        first: a value of it.
        second: another value of it.
    """
    groups = together(table, table.finished())
    sides = [[c for c in groups if level(c.get(setting)) == level(v)] for v in (first, second)]
    best = tuple(_best(table, side) for side in sides)
    pairs = _pairs(*best)
    gains = [(b.value or 0.0) - (a.value or 0.0) for a, b in pairs]
    return Contest(
        setting,
        first,
        second,
        (best[0], best[1]),
        (len(sides[0]), len(sides[1])),
        pairs,
        float(np.mean(gains)) if gains else math.nan,
        *mean_interval(gains),
        _missing(table, setting, (first, second), best),
    )


def _best(table: RunsTable, side: list[Configuration]) -> Configuration | None:
    """The best by its mean: of those with seeds enough, where there are any."""
    sign = 1 if table.metric.goal == "maximize" else -1
    often = [c for c in side if len(c.runs) >= FEWEST]
    return max(often or side, key=lambda c: sign * c.value, default=None)


def _seed(run: Row) -> str:
    return exact({name: value for name, value in run.config.items() if is_seed(name)})


def _pairs(
    first: Configuration | None, second: Configuration | None
) -> tuple[tuple[Row, Row], ...]:
    if first is None or second is None:
        return ()
    other = {_seed(run): run for run in second.runs}
    return tuple((run, other[_seed(run)]) for run in first.runs if _seed(run) in other)


def _missing(
    table: RunsTable,
    setting: str,
    values: tuple[Any, Any],
    best: tuple[Configuration | None, ...],
) -> tuple[Mapping[str, Any], ...]:
    """The runs that are missing: of built-in networks alone, whose seed is a setting."""
    known = [c for c in best if c is not None]
    if not table.own or not known:
        return ()
    there = [{run.config.get("seed") for run in c.runs} if c else set() for c in best]
    counted = sorted((there[0] | there[1]) - {None}, key=lambda s: (-(s in there[0] & there[1]), s))
    seeds = counted[:FEWEST]
    seeds += [s for s in range(FEWEST + len(counted)) if s not in counted][: FEWEST - len(seeds)]
    if len(there[0] & there[1]) >= FEWEST:
        return ()
    wanted = []
    for configuration, value, have in zip(best, values, there, strict=True):
        config = (configuration or known[0]).runs[0].config
        wanted += [{**config, setting: value, "seed": s} for s in seeds if s not in have]
    return tuple(wanted)
