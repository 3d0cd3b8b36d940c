"""A block: the mean of the metric for every pair of values of two settings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import metric_words, result
from dlsweep.report._markdown import cell, figure, grid, label, metric_label
from dlsweep.report._runs import plain_numbers
from dlsweep.report._words import amount
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import Pair, strongest_pair

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class HeatMap(Block):
    """The mean of the metric for every pair of values of two settings: of the strongest pair."""

    needs = ("judged",)

    def fits(self, table: RunsTable) -> bool:
        """Where two settings are known to matter, and the runs carry both at once."""
        return super().fits(table) and strongest_pair(table) is not None

    def html(self, table: RunsTable, page: Page) -> str:
        """A table whose cells are the darker the better."""
        pair = strongest_pair(table)
        if pair is None:
            return page.missing(_NONE)
        shares = _shares(table, pair)
        lines = [
            (
                plain_numbers(level),
                [
                    (
                        result(table, table.metric.name, c.mean) if c.configurations else "",
                        c.configurations,
                        share,
                    )
                    for c, share in zip(line, ranks, strict=True)
                ],
            )
            for level, line, ranks in zip(pair.row_levels, pair.cells, shares, strict=True)
        ]
        body = page.render(
            "heat_map.html",
            rows=table.words(pair.rows),
            columns=table.words(pair.columns),
            levels=[plain_numbers(level) for level in pair.column_levels],
            lines=lines,
        )
        return page.figure(_title(table, pair), body, _note(pair, "In small letters"))

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The same table as text."""
        return panels.markdown(self.markdown(table, Path()))

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A table."""
        pair = strongest_pair(table)
        if pair is None:
            return f"{_NONE}\n"
        rows = [
            [
                cell(level),
                *(
                    f"{amount(table, c.mean)} ({c.configurations})" * (c.configurations > 0)
                    for c in line
                ),
            ]
            for level, line in zip(pair.row_levels, pair.cells, strict=True)
        ]
        corner = f"{label(table, pair.rows)} ↓ {label(table, pair.columns)} →"
        width = len(pair.column_levels)
        shown = grid([corner, *map(cell, pair.column_levels)], rows, range(1, width + 1))
        title = f"The mean {metric_label(table)} for {label(table, pair.rows)} and "
        return figure(f"{title}{label(table, pair.columns)}", shown, _note(pair, "In brackets"))


_NONE = "No two settings are known to matter of which enough pairs of values were run."


def _title(table: RunsTable, pair: Pair) -> str:
    both = f"{table.words(pair.rows)} and {table.words(pair.columns)}"
    return f"The mean {metric_words(table)} for {both}"


def _note(pair: Pair, where: str) -> str:
    told = (
        "The two settings act together: their effects do not add up."
        if pair.together
        else "Their effects add up, as far as these runs can tell."
    )
    return f"{where}, how many configurations each mean is of. {told}"


def _shares(table: RunsTable, pair: Pair) -> list[list[float]]:
    """Of each cell, how good it is from 0, the worst, to 1; 0 without a run."""
    means = [c.mean for line in pair.cells for c in line if c.configurations]
    low, high = min(means), max(means)
    spread = high - low or 1.0

    def good(mean: float) -> float:
        if math.isnan(mean):
            return 0.0
        share = (mean - low) / spread
        return share if table.metric.goal == "maximize" else 1 - share

    return [[good(c.mean) for c in line] for line in pair.cells]
