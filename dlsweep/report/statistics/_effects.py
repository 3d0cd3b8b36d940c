"""What each value of a setting goes with: means with intervals, and whether they differ at all."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from dlsweep.report._runs import Run, RunsTable, level
from dlsweep.report.statistics._units import configurations, factor, grouped, holm, settings

FEWEST_OF_A_LEVEL = 3
"""Configurations that a value needs for being compared with others."""
FEWEST_PAIRS = 5
CLEAR = 0.05


@dataclass(frozen=True)
class Mean:
    """The mean of the metric over the configurations with one value of a setting.

    Attributes:
        level: the value, as text.
        configurations: how many.
        mean: of the metric.
        low, high: its 95 % interval (Student's t); NaN for a single configuration.
    """

    level: str
    configurations: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Effect:
    """What a setting's values go with.

    Attributes:
        setting: its name.
        means: one for each value, in the values' order.
        p: the chance of ranks as different as these if the setting did nothing (Kruskal-Wallis
            over the configurations, Holm's correction over the settings); None where fewer than
            two values have three configurations.
        best, worst: the values with the best and the worst mean among those compared.
        difference: best minus worst, in the metric.
        low, high: its interval (Welch's t), wide enough that the best and the worst were chosen
            from all values: 95 % after Bonferroni's correction over all pairs.
    """

    setting: str
    means: tuple[Mean, ...]
    p: float | None = None
    best: Mean | None = None
    worst: Mean | None = None
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan

    @property
    def clear(self) -> bool:
        """Whether the values differ beyond chance."""
        return self.p is not None and self.p < CLEAR


def interval(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """The 95 % interval of a mean (Student's t); NaNs for fewer than two values."""
    found = np.asarray(values, dtype=float)
    if len(found) < 2:
        return math.nan, math.nan
    half = float(stats.t.ppf(0.975, len(found) - 1) * stats.sem(found))
    return float(found.mean()) - half, float(found.mean()) + half


def effects(table: RunsTable) -> tuple[Effect, ...]:
    """The effect of every varied setting, in the order of the table.

    Over all other settings as the sweep drew them: their variation widens the intervals. Runs
    that differ in their seed only are one configuration, with their mean.
    """
    found = configurations(table)
    target = np.array([c.value for c in found])
    raw: list[tuple[str, list[tuple[str, np.ndarray]], float | None]] = []
    for name in settings(table):
        codes, levels = (f := factor(found, name)).codes, f.levels
        groups = [(text, target[codes == code]) for code, text in enumerate(levels)]
        groups = [(text, values) for text, values in groups if len(values)]
        raw.append((name, groups, _kruskal([v for _, v in _compared(groups)])))
    corrected = iter(holm([p for *_, p in raw if p is not None]))
    sign = 1 if table.metric.goal == "maximize" else -1
    return tuple(
        _effect(name, groups, None if p is None else next(corrected), sign)
        for name, groups, p in raw
    )


def _compared(groups: list[tuple[str, np.ndarray]]) -> list[tuple[str, np.ndarray]]:
    return [(text, values) for text, values in groups if len(values) >= FEWEST_OF_A_LEVEL]


def _kruskal(groups: list[np.ndarray]) -> float | None:
    if len(groups) < 2:
        return None
    if np.ptp(np.concatenate(groups)) == 0:
        return 1.0
    return float(stats.kruskal(*groups).pvalue)


def _effect(name: str, groups: list[tuple[str, np.ndarray]], p: float | None, sign: int) -> Effect:
    means = tuple(
        Mean(text, len(values), float(values.mean()), *interval(values)) for text, values in groups
    )
    if p is None:
        return Effect(name, means)
    by_level = dict(_compared(groups))
    compared = sorted((m for m in means if m.level in by_level), key=lambda m: -sign * m.mean)
    best, worst = compared[0], compared[-1]
    pairs = len(compared) * (len(compared) - 1) // 2
    low, high = _welch(by_level[best.level], by_level[worst.level], 1 - 0.05 / pairs)
    return Effect(name, means, p, best, worst, best.mean - worst.mean, low, high)


def _welch(one: np.ndarray, other: np.ndarray, confidence: float) -> tuple[float, float]:
    """The interval of the difference of two means, with variances of their own."""
    if np.ptp(one) == 0 and np.ptp(other) == 0:
        difference = float(one.mean() - other.mean())
        return difference, difference
    with warnings.catch_warnings():
        # One group's values are all equal: its variance is 0 and rightly counts as that.
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)
        found = stats.ttest_ind(one, other, equal_var=False).confidence_interval(confidence)
    return float(found.low), float(found.high)


@dataclass(frozen=True)
class Comparison:
    """Two values of one setting, all else equal, the seed included.

    Attributes:
        setting: what differs.
        first, second: its two values.
        pairs: runs that differ in nothing else, the pair with the best run first.
        over: what the difference is a mean over: "configurations", each of them the mean of its
            seeds, where there are five or more; else "pairs", which are seeds then.
        units: how many of those there are.
        difference: the mean of second minus first; NaN without a pair.
        low, high: its 95 % interval over the units (Student's t); NaN below two.
    """

    setting: str
    first: Any
    second: Any
    pairs: tuple[tuple[Run, Run], ...]
    over: str
    units: int
    difference: float
    low: float
    high: float

    @property
    def enough(self) -> bool:
        """Whether there are units enough to tell chance: fewer may all agree by luck."""
        return self.units >= FEWEST_PAIRS

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0, with units enough."""
        return self.enough and (self.low > 0 or self.high < 0)


def comparison(table: RunsTable, setting: str, first: Any, second: Any) -> Comparison:
    """Compare two values of a setting where everything else is equal.

    Args:
        table: the runs.
        setting: such as loss.
        first: a value of it.
        second: another value of it.
    """
    sign = -1 if table.metric.goal == "maximize" else 1
    pairs: list[tuple[Run, Run]] = []
    for group in grouped(table, table.finished(), without=setting):
        by_level = {level(run.config.get(setting)): run for run in reversed(group)}
        if level(first) in by_level and level(second) in by_level:
            pairs.append((by_level[level(first)], by_level[level(second)]))
    pairs.sort(key=lambda pair: min(sign * (run.value or 0.0) for run in pair))
    gains = {id(a): (b.value or 0.0) - (a.value or 0.0) for a, b in pairs}
    differences, over = list(gains.values()), "pairs"
    alike = grouped(table, [a for a, _ in pairs])  # one group for each configuration
    if len(alike) >= FEWEST_PAIRS:
        # Seeds of one configuration tell much the same: they are no units of their own.
        differences = [float(np.mean([gains[id(run)] for run in group])) for group in alike]
        over = "configurations"
    mean = float(np.mean(differences)) if differences else math.nan
    found = (tuple(pairs), over, len(differences), mean, *interval(differences))
    return Comparison(setting, first, second, *found)
