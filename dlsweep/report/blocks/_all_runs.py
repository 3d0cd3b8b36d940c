"""A block: every run in a table that sorts, searches and follows the selection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import metric_words, other_results, result, which_epochs
from dlsweep.report._markdown import cell, grid, label, metric_label
from dlsweep.report._runs import level
from dlsweep.report._words import amount
from dlsweep.report.blocks._block import Block

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable
    from dlsweep.sweep import Row

MOST = 500


@dataclass(frozen=True)
class AllRuns(Block):
    """Every run in a table that sorts, searches and follows the selection."""

    def html(self, table: RunsTable, page: Page) -> str:
        """A table that the page's script fills."""
        return page.figure(
            "All runs",
            page.widget("all_runs"),
            "A click on a heading sorts, a click on a row highlights the run everywhere. "
            + which_epochs(table),
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The metric of the best runs, over the table of all that W&B shows under it."""
        reports = panels.native()
        if not table.judged:  # the table stands under the panel before, too
            return []
        plot = reports.BarPlot(
            title=metric_words(table),
            metrics=[reports.Metric(table.metric.name)],
            max_bars_to_show=20,
        )
        return panels.grid(runsets, plot)

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A table to unfold, the best first."""
        if not table.runs:
            return "There are no runs yet.\n"
        ranked = table.ranked()
        numbers = {id(run): f"{place:,}" for place, run in enumerate(ranked, start=1)}
        runs = sorted(table.runs, key=lambda run: _order(table, run))
        names, results = table.parameters, other_results(table)
        rows = [
            [
                numbers.get(id(run), ""),
                cell(run.name),
                run.status.replace("_", " ") + (", beside the sweep" if run.beside else ""),
                *([amount(table, run.value)] if run.value is not None else [""]) * table.judged,
                *(result(table, name, run.summary.get(name), 1) for name in results),
                *(cell(level(run.config[name])) if name in run.config else "" for name in names),
            ]
            for run in runs[:MOST]
        ]
        header = [
            "",
            "run",
            "status",
            *[metric_label(table)] * table.judged,
            *(label(table, name) for name in (*results, *names)),
        ]
        more = f", the {'best' if table.judged else 'first'} {MOST:,}" if len(runs) > MOST else ""
        summary = f"<summary>{len(runs):,} runs{more}</summary>"
        right = (0, *range(3, 3 + table.judged + len(results)))
        shown = f"{grid(header, rows, right)}\n{which_epochs(table)}".rstrip()
        return f"<details>\n{summary}\n\n{shown}\n\n</details>\n"


def _order(table: RunsTable, run: Row) -> tuple[bool, float]:
    """By the metric, those beside the sweep among the others; runs without it last."""
    if run.value is None:
        return True, 0.0
    return False, -run.value if table.metric.goal == "maximize" else run.value
