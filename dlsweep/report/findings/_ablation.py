"""What changes where one setting alone changes: a base, and the configurations one step from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlsweep.config import RunConfig
from dlsweep.config.relations import HEEDING, is_idle
from dlsweep.report._groups import SHOWN_ONLY
from dlsweep.report._measures import measured
from dlsweep.report._runs import RunsTable, level, varied
from dlsweep.report._where import Where, together
from dlsweep.report.statistics import (
    FEWEST,
    difference_interval,
    grouped,
    is_seed,
    mean_interval,
)
from dlsweep.sweep import Row


@dataclass(frozen=True)
class Step:
    """The base, or a configuration that differs from it in one setting alone.

    Attributes:
        text: the setting's value; what comes with it alone stands after it.
        runs: with different seeds.
        difference: of the metric's mean from the base's; over pairs of equal seeds where there are
            any. NaN for the base.
        low, high: its 95 % interval: of pairs (Student's t), or of both means (Welch's); NaN for
            fewer than three seeds.
        is_base: whether it is the base.
    """

    text: str
    runs: tuple[Row, ...]
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    is_base: bool = False


@dataclass(frozen=True)
class Ablated:
    """A base and what differs from it in one setting.

    Attributes:
        base: its runs.
        factors: for each such setting the base and the steps, in the order of their values.
    """

    base: tuple[Row, ...]
    factors: Mapping[str, tuple[Step, ...]]


@dataclass(frozen=True)
class _Configuration:
    """Runs with equal settings but for the seed; the settings as text, where they have an effect.

    ``values`` are the settings themselves.
    """

    runs: tuple[Row, ...]
    texts: Mapping[str, str]
    values: Mapping[str, Any]


def ablation(
    table: RunsTable, metric: str, base: Where | None = None, settings: Sequence[str] = ()
) -> Ablated | None:
    """The base of a table and the configurations that differ from it in one setting alone.

    Args:
        table: any runs; those beside the sweep count.
        metric: what differences are of.
        base: which runs are the base; of several configurations, and where none is named, it is
            that with most neighbours, of equals the best.
        settings: which are looked at, in this order; by default all that vary.

    Returns:
        None where no configuration differs from another in one setting alone.
    """
    found = _configurations(table)
    names = [n for n in varied([c.values for c in found], own=table.own) if not is_seed(n)]
    names = [name for name in names if not (table.own and name in SHOWN_ONLY)]
    buckets = {name: _buckets(table, found, name, names) for name in names}
    start = _base(table, found, buckets, metric, base)
    if start is None:
        return None
    factors = {}
    for name in settings or names:
        near = buckets.get(name, {}).get(_without(table, start, name, names), [])
        steps = [c for c in near if _one_step(table, start, c, name)]
        if steps:
            ordered = _ordered([start, *steps], name)
            factors[name] = tuple(_step(table, metric, start, c, name, names) for c in ordered)
    return Ablated(start.runs, factors) if factors else None


def _configurations(table: RunsTable) -> list[_Configuration]:
    found = []
    for runs in grouped(table, [run for run in table.runs if run.config]):
        values = together(runs[0].config)
        if table.own and isinstance(values.get("hidden_size"), list | tuple):
            values.pop("num_layers", None)  # the list says it
        heeded = {k: v for k, v in values.items() if not (table.own and is_idle(k, values))}
        texts = {k: level(v) for k, v in heeded.items() if not is_seed(k)}
        found.append(_Configuration(tuple(runs), texts, values))
    return found


def _dependent(table: RunsTable, name: str) -> set[str]:
    """The settings that only some values of a setting heed."""
    if not table.own:
        return set()
    off = {"dropout": {"dropout_at"}, "num_layers": {"hidden_size"}, "hidden_size": {"num_layers"}}
    return {n for n, (other, _) in HEEDING.items() if other == name} | off.get(name, set())


def _without(
    table: RunsTable, configuration: _Configuration, name: str, names: Sequence[str]
) -> tuple[str | None, ...]:
    """A configuration but for one setting, and for what only some values of that heed."""
    out = {name, *_dependent(table, name)}
    return tuple(configuration.texts.get(n) for n in names if n not in out)


def _one_step(table: RunsTable, start: _Configuration, other: _Configuration, name: str) -> bool:
    """Whether a configuration that is equal in all but these settings differs in this one alone."""
    if other.texts.get(name) == start.texts.get(name):
        return False
    if table.own and not (name in other.texts and name in start.texts):
        return False
    both = _dependent(table, name) & start.texts.keys() & other.texts.keys()
    return all(start.texts[n] == other.texts[n] for n in both)


def _buckets(
    table: RunsTable, found: Sequence[_Configuration], name: str, names: Sequence[str]
) -> dict[tuple[str | None, ...], list[_Configuration]]:
    buckets: dict[tuple[str | None, ...], list[_Configuration]] = {}
    for configuration in found:
        key = _without(table, configuration, name, names)
        buckets.setdefault(key, []).append(configuration)
    return buckets


def _base(
    table: RunsTable,
    found: Sequence[_Configuration],
    buckets: Mapping[str, Mapping[tuple[str | None, ...], list[_Configuration]]],
    metric: str,
    base: Where | None,
) -> _Configuration | None:
    """The configuration that is meant, or the one with most neighbours."""
    names = list(buckets)
    sign = -1 if metric.endswith("loss") else 1
    if metric == table.metric.name:
        sign = -1 if table.metric.goal == "minimize" else 1

    def rank(configuration: _Configuration) -> tuple[int, float]:
        near = 0
        for name in names:
            same = buckets[name].get(_without(table, configuration, name, names), [])
            near += len(
                {c.texts.get(name) for c in same if _one_step(table, configuration, c, name)}
            )
        values = [
            v for run in configuration.runs if (v := measured(table, run, metric)) is not None
        ]
        return near, sign * math.fsum(values) / len(values) if values else -math.inf

    meant = [c for c in found if base is None or any(base.has(run) for run in c.runs)]
    return max(meant, key=rank, default=None)


def _ordered(steps: Sequence[_Configuration], name: str) -> list[_Configuration]:
    values = [c.values.get(name) for c in steps]
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return sorted(steps, key=lambda c: c.values[name])
    return sorted(steps, key=lambda c: (c is not steps[0], c.texts.get(name, "")))


def _step(
    table: RunsTable,
    metric: str,
    start: _Configuration,
    configuration: _Configuration,
    name: str,
    names: Sequence[str],
) -> Step:
    text = _text(table, start, configuration, name, names)
    if configuration is start:
        return Step(text, configuration.runs, is_base=True)
    return Step(text, configuration.runs, *_difference(table, metric, start, configuration))


def _text(
    table: RunsTable,
    start: _Configuration,
    configuration: _Configuration,
    name: str,
    names: Sequence[str],
) -> str:
    """A value, with what has an effect beside this value only and is not the default."""
    defaults = {k: level(v) for k, v in RunConfig().as_dict().items()} if table.own else {}
    text = configuration.texts.get(name, "–")
    more = [
        f"{table.words(n)} {configuration.texts[n]}"
        for n in sorted(_dependent(table, name) & set(names))
        if n in configuration.texts
        and configuration.texts[n] != start.texts.get(n, defaults.get(n))
    ]
    return ", ".join([text, *more])


def _difference(
    table: RunsTable, metric: str, start: _Configuration, other: _Configuration
) -> tuple[float, float, float]:
    """The mean difference with its interval: over equal seeds, or of the two means."""
    one, two = (
        {_seed(r): v for r in c.runs if (v := measured(table, r, metric)) is not None}
        for c in (start, other)
    )
    if not one or not two:
        return math.nan, math.nan, math.nan
    gains = [two[seed] - one[seed] for seed in two if seed in one]
    if gains and (len(gains) >= FEWEST or min(len(one), len(two)) < FEWEST):
        return (math.fsum(gains) / len(gains), *mean_interval(gains))
    first, second = (np.array([*side.values()]) for side in (one, two))
    difference = float(second.mean() - first.mean())
    if min(len(first), len(second)) < FEWEST:
        return difference, math.nan, math.nan
    return (difference, *difference_interval(second, first))


def _seed(run: Row) -> str:
    """What tells a run from others of its configuration; without a seed, itself."""
    seeds = {name: value for name, value in run.config.items() if is_seed(name)}
    return str(sorted(seeds.items())) if seeds else run.id
