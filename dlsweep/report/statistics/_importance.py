"""How much each setting says about the metric: random forests and correlations, as W&B has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from dlsweep.report._runs import RunsTable
from dlsweep.report.statistics._remembered import remembered
from dlsweep.report.statistics._units import configurations, factor, settings

FEWEST = 20
"""Configurations that an importance needs at the least; and three for every setting."""
REPEATS = 40
TREES = 25
NOTHING = 0.1
"""A forest that predicts less than this share of the variance of runs it has not seen tells
nothing of its settings. Where nothing has an effect, one of twenty forests reaches it with 20
configurations, and none of 80 did with 50."""


@dataclass(frozen=True)
class Importance:
    """How much of what a random forest knows of the metric comes from one setting.

    Attributes:
        setting: its name.
        mean: over the repeats; the means of all settings add up to 1.
        low, high: 95 % of the repeats lie between them.
        levels: the mean for each word, of a setting that is no number.
    """

    setting: str
    mean: float
    low: float
    high: float
    levels: Mapping[str, float]


@dataclass(frozen=True)
class Importances:
    """The importance of every setting that was varied.

    Attributes:
        settings: the most important first; empty where there are too few configurations.
        explained: the share of the metric's variance that the forest predicts for configurations
            it has not seen (out-of-bag R²); NaN where there are too few.
        configurations: how many there were.
        needed: how many it would take.
    """

    settings: tuple[Importance, ...]
    explained: float
    configurations: int
    needed: int

    @property
    def enough(self) -> bool:
        """Whether there were enough configurations to fit anything."""
        return bool(self.settings)

    @property
    def tell(self) -> bool:
        """Whether the forest predicts the metric at all: else the importances mean nothing."""
        return self.enough and self.explained >= NOTHING


def importances(table: RunsTable, repeats: int | None = None, seed: int = 0) -> Importances:
    """Random-forest importance of every varied setting, with its spread.

    As W&B computes it: a forest learns the metric from the settings, numbers as they are, words as
    one 0/1 column each, and the importance is the mean decrease of impurity, here added up over a
    setting's columns. Each repeat fits a forest to a bootstrap sample of the configurations, so
    the spread shows what another such sweep might have said. Runs that differ in their seed only
    are one configuration, with their mean.

    Args:
        table: the runs.
        repeats: how many forests; 40 by default.
        seed: of the bootstrap samples and the forests.
    """
    return _importances(table, REPEATS if repeats is None else repeats, seed)


@remembered
def _importances(table: RunsTable, repeats: int, seed: int) -> Importances:
    found, names = configurations(table), settings(table)
    needed = max(FEWEST, 3 * len(names))
    target = np.array([c.value for c in found])
    if len(found) < needed or not names or np.ptp(target) == 0:
        return Importances((), math.nan, len(found), needed)
    columns: list[np.ndarray] = []
    owners: list[tuple[str, str]] = []
    for name in names:
        levels, values = factor(found, name).columns()
        columns.append(values)
        owners += [(name, text) for text in levels]
    inputs = np.concatenate(columns, axis=1)
    weights = _bootstrap(inputs, target, repeats, seed)
    result = []
    for name in names:
        mine = [i for i, (owner, _) in enumerate(owners) if owner == name]
        share = weights[:, mine].sum(axis=1)
        low, high = np.quantile(share, (0.025, 0.975))
        parts = {owners[i][1]: float(weights[:, i].mean()) for i in mine if owners[i][1]}
        result.append(Importance(name, float(share.mean()), float(low), float(high), parts))
    result.sort(key=lambda item: -item.mean)
    return Importances(tuple(result), _explained(inputs, target, seed), len(found), needed)


def _bootstrap(inputs: np.ndarray, target: np.ndarray, repeats: int, seed: int) -> np.ndarray:
    """Importances of the columns for every repeat, (repeats, columns); rows add up to 1."""
    from sklearn.ensemble import RandomForestRegressor

    generator = np.random.default_rng(seed)
    weights = []
    for repeat in range(repeats):
        chosen = generator.integers(len(target), size=len(target))
        forest = RandomForestRegressor(TREES, random_state=seed + repeat)
        forest.fit(inputs[chosen], target[chosen])
        weights.append(forest.feature_importances_)
    found = np.array(weights)
    total = found.sum(axis=1, keepdims=True)
    shares: np.ndarray = np.divide(found, total, out=np.zeros_like(found), where=total > 0)
    return shares


def _explained(inputs: np.ndarray, target: np.ndarray, seed: int) -> float:
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(100, oob_score=True, random_state=seed)
    forest.fit(inputs, target)
    return float(forest.oob_score_)


@dataclass(frozen=True)
class Correlation:
    """Pearson's correlation of a setting, or of one of its words, with the metric.

    Attributes:
        setting: its name.
        level: the word whose presence (0 or 1) was correlated; "" for a number.
        r: the coefficient.
        low, high: its 95 % interval, by Fisher's transformation; NaN below four configurations.
        configurations: how many there were.
    """

    setting: str
    level: str
    r: float
    low: float
    high: float
    configurations: int


def correlations(table: RunsTable) -> tuple[Correlation, ...]:
    """The correlation with the metric of every number and of every word, setting by setting.

    What does not vary, or does so with a metric that does not, has none and is left out.
    """
    found = configurations(table)
    target = np.array([c.value for c in found])
    result = []
    for name in settings(table):
        levels, columns = factor(found, name).columns()
        for text, values in zip(levels, columns.T, strict=True):
            if len(found) < 3 or np.ptp(values) == 0 or np.ptp(target) == 0:
                continue
            r = float(np.clip(np.corrcoef(values, target)[0, 1], -1, 1))
            result.append(Correlation(name, text, r, *_fisher(r, len(found)), len(found)))
    return tuple(result)


def _fisher(r: float, n: int) -> tuple[float, float]:
    if n < 4:
        return math.nan, math.nan
    if abs(r) == 1:
        return r, r
    half = float(stats.norm.ppf(0.975)) / math.sqrt(n - 3)
    return math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)
