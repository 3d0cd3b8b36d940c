"""What some configurations have in common: values that are more frequent among them than in all.

Only settings that are known to matter are looked at: what is said here never contradicts what is
said of a setting elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from dlsweep.report._runs import RunsTable
from dlsweep.report.findings._chance import chance
from dlsweep.report.findings._effects import effects
from dlsweep.report.findings._ruins import ruins
from dlsweep.report.findings._types import Group, Trait
from dlsweep.report.statistics import (
    Configuration,
    configurations,
    factor,
    holm,
    settings,
    together,
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
CLEAR = 0.05
CLEAR_OF_DIVERGED = 0.005
"""What diverged runs have in common is asked of all settings: no other finding speaks of them."""


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


def at_chance(table: RunsTable) -> Group:
    """The configurations at chance among those without a value that ruins runs."""
    found = tuple(c for c in configurations(table) if ruins(table).of(c) is None)
    known = chance(table)
    poor = {id(run) for run in known.runs} if known is not None else set()
    chosen = [i for i, c in enumerate(found) if all(id(run) in poor for run in c.runs)]
    return _group(table, found, chosen, math.nan)


def diverged_runs(table: RunsTable) -> Group:
    """The configurations that diverged, among all that were trained to an end."""
    swept = [run for run in table.runs if not run.beside]
    found = together(table, [r for r in swept if r.value is not None or r.status == "diverged"])
    chosen = [i for i, c in enumerate(found) if any(run.status == "diverged" for run in c.runs)]
    group = _group(table, found, chosen, math.nan, all_settings=True)
    return replace(group, traits=tuple(t for t in group.traits if t.p < CLEAR_OF_DIVERGED))


def _group(
    table: RunsTable,
    found: Sequence[Configuration],
    chosen: list[int],
    threshold: float,
    all_settings: bool = False,
) -> Group:
    members = tuple(found[i] for i in chosen)
    enough = len(found) >= FEWEST and min(len(chosen), len(found) - len(chosen)) >= FEWEST_OF_A_KIND
    known = {e.setting for e in effects(table).effects if e.known}
    names = [name for name in settings(table) if all_settings or name in known]
    traits = _traits(found, chosen, names) if enough else ()
    return Group(members, len(found), traits, enough, threshold)


def _traits(
    found: Sequence[Configuration], chosen: Collection[int], names: Sequence[str]
) -> tuple[Trait, ...]:
    inside = np.zeros(len(found), dtype=bool)
    inside[list(chosen)] = True
    tested: list[Trait] = []
    for name in names:
        f = factor(found, name)
        known = f.codes >= 0
        for code, text in enumerate(f.levels):
            has = f.codes == code
            have, of = int((has & inside).sum()), int((known & inside).sum())
            have_all, of_all = int(has.sum()), int(known.sum())
            p = float(stats.hypergeom.sf(have - 1, of_all, have_all, of))
            tested.append(Trait(name, text, have, of, have_all, of_all, p))
    corrected = holm([trait.p for trait in tested])
    clear = [replace(t, p=p) for t, p in zip(tested, corrected, strict=True) if p < CLEAR]
    return tuple(sorted(clear, key=lambda trait: trait.p))
