"""Two settings together: the metric for every pair of their values, where the runs carry it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dlsweep.report._runs import RunsTable
from dlsweep.report.findings._effects import effects
from dlsweep.report.statistics import configurations, factor, remembered

FILLED = 0.75
"""Of the pairs of values so many must have been run, or there is little to see."""
FEWEST_OF_A_PAIR = 2
"""Configurations of a pair, in the middle of all pairs: one alone is mostly the other settings."""


@dataclass(frozen=True)
class Cell:
    """The configurations that have one value of each of two settings.

    Attributes:
        configurations: how many they are.
        mean: of the metric over them; NaN without any.
    """

    configurations: int
    mean: float


@dataclass(frozen=True)
class Pair:
    """Two settings together, over all configurations that have a result.

    Attributes:
        rows, columns: the two settings.
        row_levels, column_levels: their values as text, in order.
        cells: one line for each value of ``rows``.
        together: whether their effects are known not to add up.
    """

    rows: str
    columns: str
    row_levels: tuple[str, ...]
    column_levels: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]
    together: bool


@remembered
def strongest_pair(table: RunsTable) -> Pair | None:
    """The two settings to look at together; None where no pair is known to matter.

    It is the pair whose effects are known not to add up, else the two settings that matter most of
    which nearly every pair of values was run more than once.
    """
    found = effects(table)
    for pair in found.interactions:
        return _pair(table, pair.first, pair.second, together=True)
    known = [e.setting for e in found.effects if e.known]
    for i, second in enumerate(known):
        for first in known[:i]:
            pair_of_both = _pair(table, first, second, together=False)
            if _carried(pair_of_both):
                return pair_of_both
    return None


def _pair(table: RunsTable, first: str, second: str, together: bool) -> Pair:
    found = configurations(table)
    one, other = factor(found, first), factor(found, second)
    if len(one.levels) > len(other.levels):  # the longer one goes across
        one, other = other, one
    values = np.array([c.value for c in found])
    cells = []
    for row in range(len(one.levels)):
        line = []
        for column in range(len(other.levels)):
            inside = values[(one.codes == row) & (other.codes == column)]
            line.append(Cell(len(inside), float(inside.mean()) if len(inside) else math.nan))
        cells.append(tuple(line))
    return Pair(one.name, other.name, one.levels, other.levels, tuple(cells), together)


def _carried(pair: Pair) -> bool:
    """Whether there are runs enough to see both settings at once."""
    counts = [cell.configurations for line in pair.cells for cell in line]
    filled = sum(n > 0 for n in counts) >= FILLED * len(counts)
    return filled and bool(np.median(counts) >= FEWEST_OF_A_PAIR)
