"""What some runs have in common: values that are more frequent among them than among all."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from scipy import stats

from dlsweep.report._runs import RunsTable
from dlsweep.report.statistics._effects import CLEAR
from dlsweep.report.statistics._units import (
    Configuration,
    configurations,
    factor,
    grouped,
    holm,
    settings,
)

THRESHOLD = 0.65
"""Below this accuracy a run is a poor one (study S1)."""
TOP = 0.1
FEWEST_TOP = 5
"""Of the best tenth, at the least."""
FEWEST = 20
"""Configurations that it takes to say what some have in common."""
FEWEST_OF_A_KIND = 3
"""So many of them must be such, and so many others."""


@dataclass(frozen=True)
class Trait:
    """A value that is more frequent among some configurations than chance allows.

    Attributes:
        setting: its name.
        level: the value, as text.
        have, of: so many of the chosen configurations have it.
        have_all, of_all: so many of all do.
        p: the chance that as many of the chosen have it if they were drawn at random from all
            (hypergeometric, one-sided; Holm's correction over all values of all settings).
    """

    setting: str
    level: str
    have: int
    of: int
    have_all: int
    of_all: int
    p: float


@dataclass(frozen=True)
class Group:
    """Some configurations, and what they have in common.

    Attributes:
        members: the configurations.
        of: how many there are in all.
        traits: what is more frequent among them, the clearest first.
        enough: whether there were enough of both kinds to say anything.
        threshold: the metric that divides them from the others; NaN where something else does.
    """

    members: tuple[Configuration, ...]
    of: int
    traits: tuple[Trait, ...]
    enough: bool
    threshold: float = math.nan


def low_runs(table: RunsTable, threshold: float | None = None) -> Group:
    """The configurations whose metric is worse than the threshold.

    Args:
        table: the runs.
        threshold: in the metric; by default 0.65 for an accuracy, and for any other metric what
            divides the worst tenth from the others.
    """
    found = configurations(table)
    if threshold is None and not table.is_share():
        share = TOP if table.metric.goal == "maximize" else 1 - TOP
        threshold = float(np.quantile([c.value for c in found], share)) if found else math.nan
    elif threshold is None:
        threshold = THRESHOLD
    poor = [i for i, c in enumerate(found) if table.metric.better(threshold, c.value)]
    return _group(table, found, poor, threshold)


def top_runs(table: RunsTable, share: float = TOP) -> Group:
    """The best tenth of the configurations, five at the least; more where the last are equal."""
    found = configurations(table)
    if not found:
        return Group((), 0, (), False)
    wanted = min(len(found), max(FEWEST_TOP, math.ceil(share * len(found))))
    sign = -1 if table.metric.goal == "maximize" else 1
    threshold = sign * sorted(sign * c.value for c in found)[wanted - 1]
    top = [i for i, c in enumerate(found) if not table.metric.better(threshold, c.value)]
    return _group(table, found, top, threshold)


def diverged_runs(table: RunsTable) -> Group:
    """The configurations that diverged, among all that were trained to an end."""
    swept = [run for run in table.runs if not run.beside]
    ended = [run for run in swept if run.value is not None or run.status == "diverged"]
    found = [Configuration(tuple(runs)) for runs in grouped(table, ended)]
    chosen = [i for i, c in enumerate(found) if any(run.status == "diverged" for run in c.runs)]
    return _group(table, found, chosen, math.nan)


def _group(
    table: RunsTable, found: list[Configuration], chosen: list[int], threshold: float
) -> Group:
    members = tuple(found[i] for i in chosen)
    enough = len(found) >= FEWEST and min(len(chosen), len(found) - len(chosen)) >= FEWEST_OF_A_KIND
    traits = _traits(table, found, chosen) if enough else ()
    return Group(members, len(found), traits, enough, threshold)


def _traits(
    table: RunsTable, found: list[Configuration], chosen: Collection[int]
) -> tuple[Trait, ...]:
    inside = np.zeros(len(found), dtype=bool)
    inside[list(chosen)] = True
    tested: list[Trait] = []
    for name in settings(table):
        f = factor(found, name)
        known = f.codes >= 0
        for code, text in enumerate(f.levels):
            has = f.codes == code
            have, of = int((has & inside).sum()), int((known & inside).sum())
            have_all, of_all = int(has.sum()), int(known.sum())
            p = float(stats.hypergeom.sf(have - 1, of_all, have_all, of))
            tested.append(Trait(name, text, have, of, have_all, of_all, p))
    corrected = holm([trait.p for trait in tested])
    clear = [
        Trait(t.setting, t.level, t.have, t.of, t.have_all, t.of_all, p)
        for t, p in zip(tested, corrected, strict=True)
        if p < CLEAR
    ]
    return tuple(sorted(clear, key=lambda trait: trait.p))
