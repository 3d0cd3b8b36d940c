"""What is counted: configurations, each with its repeats over seeds, and their settings' levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from dlsweep.config.relations import is_idle
from dlsweep.report._runs import PLACES, RunsTable, exact, level
from dlsweep.report.statistics._remembered import remembered
from dlsweep.sweep import Row

SEEDS = ("seed", "random_seed", "random_state")
"""Settings of these names, nested ones too, are the chance of a run: no question asked of a run."""
MOST_LEVELS = 8
"""A number with more values than this is looked at in four ranges, each with as many runs."""
RANGES = 4


@dataclass(frozen=True)
class Configuration:
    """Runs that differ at most in their seed. They are one observation: seeds are not settings.

    Attributes:
        runs: at least one.
        idle: settings that had no effect beside the others.
    """

    runs: tuple[Row, ...]
    idle: frozenset[str] = frozenset()

    @cached_property
    def values(self) -> np.ndarray:
        """The metric of every run, (runs,)."""
        return np.array([run.value for run in self.runs], dtype=float)

    @property
    def value(self) -> float:
        """The mean of the metric over the seeds."""
        return float(self.values.mean())

    def get(self, name: str) -> Any:
        """A setting's value."""
        return self.runs[0].config.get(name)

    def says(self, name: str) -> bool:
        """Whether the setting had a value, and an effect beside the others."""
        return name in self.runs[0].config and name not in self.idle


def settings(table: RunsTable) -> list[str]:
    """The settings whose effect can be asked for: those that vary, but for the seed."""
    return [name for name in table.parameters if not is_seed(name)]


def is_seed(name: str) -> bool:
    """Whether a setting is a seed, by its name."""
    return name.rpartition(".")[2] in SEEDS


@remembered
def configurations(table: RunsTable) -> tuple[Configuration, ...]:
    """The sweep's runs that have a value, those that differ in their seed only taken together."""
    return together(table, [run for run in table.finished() if not run.beside])


FEWEST_NEW = 3
"""Runs beside the sweep that a configuration is judged by alone."""


@remembered
def repeated(table: RunsTable) -> tuple[Configuration, ...]:
    """The configurations of the sweep, each with its runs beside the sweep as well.

    Where there are three of these they alone count: the sweep's own run is why the configuration
    was repeated, so its luck is part of its value.
    """
    found = []
    for c in together(table, table.finished()):
        new = tuple(run for run in c.runs if run.beside)
        if len(new) < len(c.runs):
            found.append(replace(c, runs=new) if len(new) >= FEWEST_NEW else c)
    return tuple(found)


@remembered
def count_of_configurations(table: RunsTable) -> int:
    """How many configurations the sweep has, whatever became of their runs."""
    return len(grouped(table, [run for run in table.runs if not run.beside]))


def together(table: RunsTable, runs: Sequence[Row]) -> tuple[Configuration, ...]:
    """Runs as configurations, in their order.

    A built-in run is a function of its configuration and its seed: two that are equal in what had
    an effect, and in their result, are one.
    """
    found = []
    for group in grouped(table, runs):
        if table.own:
            different: dict[str, Row] = {}
            for run in group:
                different.setdefault(exact([run.config.get("seed"), run.status, run.value]), run)
            group = list(different.values())
        idle = group[0].config.keys() - heeded(table, group[0])
        found.append(Configuration(tuple(group), frozenset(idle)))
    return tuple(found)


def grouped(table: RunsTable, runs: Sequence[Row], without: str | None = None) -> list[list[Row]]:
    """The runs in groups whose configurations differ in one setting only, in their order.

    Args:
        table: the table that they are of.
        runs: any runs of it. One of which too little is known is a group of its own: a built-in one
            that says nothing of the setting, and a program's without any settings.
        without: the setting; by default the seed.
    """
    groups: dict[str, list[Row]] = {}
    for run in runs:
        left = [k for k in run.config if (is_seed(k) if without is None else k == without)]
        out = {*left, *(PLACES if table.own else ())}
        config = {k: v for k, v in heeded(table, run).items() if k not in out}
        known = left if table.own or without is not None else run.config
        groups.setdefault(exact(["" if known else run.id, config]), []).append(run)
    return list(groups.values())


def heeded(table: RunsTable, run: Row) -> dict[str, Any]:
    """A run's settings without those that had no effect beside the others.

    Two runs that differ in nothing else are of one configuration. Of a program nothing is known.
    """
    if not table.own:
        return dict(run.config)
    varied = [name for name in table.parameters if name in run.config]
    idle = {name for name in varied if is_idle(name, run.config)}
    return {name: value for name, value in run.config.items() if name not in idle}


@dataclass(frozen=True)
class Factor:
    """A setting over a list of configurations.

    Attributes:
        name: the setting.
        levels: its values as text, in order; ranges such as "0.001 to 0.01" where a number has
            very many values.
        codes: the index into ``levels`` of every configuration, (n,); -1 where it says nothing.
        numbers: the values themselves, float64, (n,); None where they are not all numbers.
    """

    name: str
    levels: tuple[str, ...]
    codes: np.ndarray
    numbers: np.ndarray | None

    def columns(self) -> tuple[list[str], np.ndarray]:
        """The setting as W&B gives it to a model: a number as it is, one 0/1 column a word.

        Returns:
            The level of each column ("" for a number) and the columns, (n, columns).
        """
        if self.numbers is not None:
            return [""], self.numbers[:, None]
        one_hot = self.codes[:, None] == np.arange(len(self.levels))
        return list(self.levels), one_hot.astype(float)


def factor(found: Sequence[Configuration], name: str) -> Factor:
    """A setting's levels over configurations."""
    values = [c.get(name) for c in found]
    known = [c.says(name) for c in found]
    distinct = {level(v): v for v, is_known in zip(values, known, strict=True) if is_known}
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in distinct.values()):
        order = sorted(distinct, key=lambda text: distinct[text])
        complete = bool(found) and all(known)
        numbers = np.array(values, dtype=float) if complete else None
        if numbers is not None and len(order) > MOST_LEVELS:
            return _in_ranges(name, numbers)
    else:
        order, numbers = sorted(distinct), None
    index = {text: i for i, text in enumerate(order)}
    pairs = zip(values, known, strict=True)
    codes = np.array([index[level(v)] if is_known else -1 for v, is_known in pairs], dtype=int)
    return Factor(name, tuple(order), codes, numbers)


def _in_ranges(name: str, numbers: np.ndarray) -> Factor:
    edges = np.unique(np.quantile(numbers, np.arange(1, RANGES) / RANGES))
    codes = np.searchsorted(edges, numbers, side="left")
    # A range is called by the values in it, not by its edges.
    present, codes = np.unique(codes, return_inverse=True)
    levels = []
    for code in range(len(present)):
        inside = numbers[codes == code]
        low, high = float(f"{inside.min():.3g}"), float(f"{inside.max():.3g}")
        levels.append(f"{level(low)} to {level(high)}")
    return Factor(name, tuple(levels), codes, numbers)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction: with these, the chance of any false claim among them stays below 5 %.

    Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    corrected = [0.0] * len(p_values)
    so_far = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        so_far = max(so_far, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = so_far
    return corrected


def training_seconds(table: RunsTable, run: Row) -> float | None:
    """How long a run was trained, its share of the stack that it was trained in; None if unknown.

    Of a program it is the time from its start to its end.
    """
    if table.own:
        told = run.summary.get("training_seconds")
        if isinstance(told, int | float):
            return float(told)
        logged = [row.get("seconds") for row in run.history]
        known = [float(s) for s in logged if isinstance(s, int | float)]
        if known:
            return sum(known)
    if run.started is None or run.finished is None:
        return None
    return (run.finished - run.started).total_seconds()
