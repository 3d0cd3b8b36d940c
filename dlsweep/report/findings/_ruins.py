"""Values that ruin runs by themselves: they are found first, for they hide everything else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from dlsweep.report._runs import ENDED, RunsTable, level
from dlsweep.report.findings._chance import chance
from dlsweep.report.findings._types import Ruin
from dlsweep.report.statistics import (
    FEWEST_OF_A_LEVEL,
    Configuration,
    factor,
    remembered,
    settings,
    together,
)

ALPHA = 0.01
"""The chance of a false claim that is allowed; so that with that of all other findings together a
report of a sweep in which nothing matters is wrong in one of twenty."""
ALL = 0.9
"""Such a share of the runs with a value that ruins them is ruined."""
AT_CHANCE = "at chance"


@dataclass(frozen=True, eq=False)
class Ruins:
    """The values that ruin runs, and the configurations that have one.

    Attributes:
        ruins: the clearest first.
        by: of each configuration that has such a value, by the id of its first run, the setting.
    """

    ruins: tuple[Ruin, ...]
    by: dict[int, str]

    def of(self, configuration: Configuration) -> str | None:
        """The setting whose value ruins a configuration; None for others."""
        return next((self.by[id(r)] for r in configuration.runs if id(r) in self.by), None)


@remembered
def ruins(table: RunsTable) -> Ruins:
    """Find them, one after the other, each among the configurations without those before."""
    ended = [r for r in table.runs if r.status in (*ENDED, "failed") and not r.beside]
    found = together(table, ended)
    hows = [_how(table, c) for c in found]
    ruined = np.array([how is not None for how in hows], dtype=bool)
    left = np.ones(len(found), dtype=bool)
    named: list[Ruin] = []
    by: dict[int, str] = {}
    while (ruined & left).sum() >= FEWEST_OF_A_LEVEL and not ruined[left].all():
        tested = list(_values(table, found, left))
        best: tuple[float, int, str, str, np.ndarray] | None = None
        for name, text, has in tested:
            n, k = int(has.sum()), int((has & ruined).sum())
            if n < FEWEST_OF_A_LEVEL or k < ALL * n or has.sum() == left.sum():
                continue
            p = float(stats.hypergeom.sf(k - 1, left.sum(), (ruined & left).sum(), n))
            if best is None or (p, -n) < best[:2]:
                best = (p, -n, name, text, has)
        if best is None or best[0] * len(tested) > ALPHA:
            break
        p, _, name, text, has = best
        kinds = Counter(how for how, one in zip(hows, has, strict=True) if one and how)
        told = tuple(how for how, _ in kinds.most_common())
        named.append(Ruin(name, text, sum(kinds.values()), int(has.sum()), told, p * len(tested)))
        by |= {id(run): name for c, one in zip(found, has, strict=True) if one for run in c.runs}
        left &= ~has
    return Ruins(tuple(named), by)


def _how(table: RunsTable, configuration: Configuration) -> str | None:
    """What became of a configuration that came to nothing; None of one that did not."""
    for status in ("diverged", "failed"):
        if all(run.status == status for run in configuration.runs):
            return status
    guessing = chance(table)
    poor = {id(run) for run in guessing.runs} if guessing else set()
    nothing = [id(r) in poor or r.status in ("diverged", "failed") for r in configuration.runs]
    return AT_CHANCE if all(nothing) else None


def _values(
    table: RunsTable, found: tuple[Configuration, ...], left: np.ndarray
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Every value of every setting, and both ends of numbers with many values."""
    for name in settings(table):
        f = factor(found, name)
        if f.numbers is None or len(np.unique(f.numbers)) == len(f.levels):
            for code, text in enumerate(f.levels):
                yield name, text, (f.codes == code) & left
            continue
        for cut in np.unique(f.numbers[left])[1:]:
            shown = level(float(f"{cut:.3g}"))
            yield name, f"{shown} or more", (f.numbers >= cut) & left
            yield name, f"less than {shown}", (f.numbers < cut) & left
