"""A block: runs that the reader chooses, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import index_of, other_results, result, which_epochs
from dlsweep.report._markdown import cell, grid, label, metric_label
from dlsweep.report._runs import level
from dlsweep.report._words import amount
from dlsweep.report.blocks._block import Block

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class SideBySide(Block):
    """Runs that the reader chooses, side by side."""

    def html(self, table: RunsTable, page: Page) -> str:
        """A comparison that the page's script makes of the runs that the reader chooses."""
        if len(table.runs) < 2:
            return page.missing("A comparison needs at least two runs.")
        ranked = table.ranked()
        first = [index_of(table, run) for run in ranked[:2]] if len(ranked) > 1 else []
        return page.figure(
            "Runs side by side",
            page.widget("side_by_side", runs=first),
            ("At first the two best runs; choose others" if first else "Choose runs")
            + " by name or in the table of all runs. "
            + which_epochs(table),
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """W&B's comparer, in which the reader chooses runs."""
        reports = panels.native()
        return panels.grid(runsets, reports.RunComparer(diff_only="split"), height=14)

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """The three best runs side by side: a page without a script has no choice."""
        best = table.ranked()[:3]
        if not table.judged:
            return ""
        if len(best) < 2:
            return "There are no two runs with results to compare.\n"
        rows = [[metric_label(table), *(amount(table, run.value) for run in best)]]
        rows += [
            [label(table, name), *(result(table, name, run.summary.get(name), 1) for run in best)]
            for name in other_results(table)
        ]
        rows += [
            [label(table, name), *(cell(level(run.config.get(name))) for run in best)]
            for name in table.parameters
        ]
        table_of_them = grid(["", *(cell(run.name) for run in best)], rows)
        return f"{table_of_them}\n{which_epochs(table)}\n"
