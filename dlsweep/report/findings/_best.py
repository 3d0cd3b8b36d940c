"""The best configuration, and which others cannot be told from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import stats

from dlsweep.report._runs import RunsTable
from dlsweep.report.findings._chance import images
from dlsweep.report.findings._effects import within
from dlsweep.report.findings._types import Best
from dlsweep.report.statistics import (
    FEWEST,
    Configuration,
    mean_interval,
    remembered,
    repeated,
    share_interval,
)
from dlsweep.sweep import Row

ENOUGH_FREE = 10
"""Degrees of freedom that the spread over seeds is known from: five configurations of three seeds
have ten."""


@remembered
def best(table: RunsTable) -> Best | None:
    """The configuration with the best mean; of those that were repeated, where some were.

    A configuration that was run once is chosen over one that was repeated only where it is better
    beyond what chance gives a single run.
    """
    found = repeated(table) if table.judged else ()
    if not found:
        return None
    sign = 1 if table.metric.goal == "maximize" else -1
    first = max(found, key=lambda c: sign * c.value)
    spread, free = _spread(found, _of_images(table, first))
    often = [c for c in found if len(c.runs) >= FEWEST]
    if often and len(first.runs) < FEWEST:
        steady = max(often, key=lambda c: sign * c.value)
        ahead = abs(first.value - steady.value)
        if ahead <= _quantile(free, len(found)) * _error(table, first, steady, spread):
            first = steady
    group: tuple[Configuration, ...] = ()
    low, high, by = _interval(table, first)
    if by or spread is not None:
        others = sorted(found, key=lambda c: -sign * c.value)
        quantile = _quantile(free, len(found))
        group = (
            first,
            *(
                c
                for c in others
                if c is not first
                and sign * (first.value - c.value) <= quantile * _error(table, first, c, spread)
            ),
        )
    return Best(
        configuration=first,
        run=_shown(first),
        value=first.value,
        low=low,
        high=high,
        by=by,
        images=images(first.runs[0], _split(table)) if table.is_share() else 0,
        group=group,
        of=len(found),
        simplest=_simplest(table, group),
    )


def lead(table: RunsTable) -> Row | None:
    """The run that stands for the best configuration; None without one."""
    found = best(table)
    return None if found is None else found.run


def _shown(configuration: Configuration) -> Row:
    """The run nearest to the mean, one of the sweep itself where there is one."""
    swept = [run for run in configuration.runs if not run.beside] or list(configuration.runs)
    return min(swept, key=lambda run: abs((run.value or 0.0) - configuration.value))


def _split(table: RunsTable) -> str:
    return table.metric.name.removeprefix("best_").partition("_")[0]


def _of_images(table: RunsTable, configuration: Configuration) -> float:
    """The standard deviation of an accuracy by which images there happen to be; 0 if unknown."""
    of = images(configuration.runs[0], _split(table)) if table.is_share() else 0
    share = min(max(configuration.value, 0.5 / of), 1 - 0.5 / of) if of else 0.0
    return math.sqrt(share * (1 - share) / of) if of else 0.0


def _spread(found: Sequence[Configuration], least: float) -> tuple[float | None, int | None]:
    """The standard deviation of one run over seeds, of all configurations; None where unknown.

    Known from few runs, it is taken to be no less than that of the images, and is then as good as
    known: a quantile of so few degrees of freedom would let everything pass for the best.

    Returns:
        The deviation and its degrees of freedom; None of these where it is as good as known.
    """
    often = [c for c in found if len(c.runs) > 1]
    free = sum(len(c.runs) - 1 for c in often)
    if not any(len(c.runs) >= FEWEST for c in often):
        return None, None
    squares = sum(float(((c.values - c.value) ** 2).sum()) for c in often)
    found_spread = math.sqrt(squares / free)
    if free < ENOUGH_FREE and least:
        return max(found_spread, least), None
    return found_spread, free


def _quantile(free: int | None, of: int) -> float:
    """How many errors of a difference the truly best of so many may be behind the one that seems
    best, in 95 % of all cases (Gupta's subset selection, with Bonferroni's inequality)."""
    tail = 0.05 / max(of - 1, 1)
    return float(stats.norm.isf(tail) if free is None else stats.t.isf(tail, free))


def _error(
    table: RunsTable, one: Configuration, other: Configuration, spread: float | None
) -> float:
    """The standard error of the difference of two configurations."""
    if spread is not None:
        return spread * math.sqrt(1 / len(one.runs) + 1 / len(other.runs))
    mine, its = _of_images(table, one), _of_images(table, other)
    return math.hypot(mine, its or mine)


def _interval(
    table: RunsTable, first: Configuration
) -> tuple[float, float, Literal["seeds", "images", ""]]:
    low, high = mean_interval(first.values, within(table))
    if math.isfinite(low):
        return low, high, "seeds"
    of = images(first.runs[0], _split(table)) if table.is_share() else 0
    if not of or len(first.runs) > 1:
        return math.nan, math.nan, ""
    return *share_interval(first.value, of), "images"


def _simplest(table: RunsTable, group: Sequence[Configuration]) -> Configuration | None:
    """The fewest parameters, then the fewest epochs; None where they are not known of all."""
    sizes = [c.runs[0].summary.get("parameters") for c in group]
    if len(group) < 2 or not table.own or not all(isinstance(n, int | float) for n in sizes):
        return None
    epochs = [c.get("epochs") or 0 for c in group]
    order = np.lexsort((np.arange(len(group)), np.array(epochs, float), np.array(sizes, float)))
    return group[int(order[0])]
