"""A block: what every run logged while it ran, overlaid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import logged
from dlsweep.report._markdown import cell, figure
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import lead

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


MOST_DRAWN = 6
MOST_PLOTS = 24
"""Of a program's metrics: in a picture, and as panels of a W&B report."""


@dataclass(frozen=True)
class Curves(Block):
    """What every run logged while it ran, overlaid.

    Attributes:
        metrics: what may be looked at of built-in networks, the first one shown at first, and
            losses of the models' own after it; of a program it is whatever its runs have logged.
    """

    metrics: tuple[str, ...] = ("val_accuracy", "train_accuracy", "val_loss", "train_loss")

    def fits(self, table: RunsTable) -> bool:
        """Where something was logged, or might have been."""
        return bool(self._names(table))

    def _names(self, table: RunsTable) -> list[str]:
        if not table.own:
            return logged(table)
        more = (name for name in logged(table) if name.startswith(("train_", "val_")))
        return list(dict.fromkeys((*self.metrics, *more)))

    def html(self, table: RunsTable, page: Page) -> str:
        """A chart that the page's script draws."""
        mark = "line" if any(len(run.history) > 1 for run in table.runs) else "dot"
        coloured = ", coloured by its rank in the end" if table.ranked() else ""
        return page.figure(
            f"Every run, {'epoch by epoch' if table.own else 'step by step'}",
            page.widget("curves", metrics=self._names(table)),
            f"A {mark} is a run{coloured}. Point at it to see which one; "
            "click it to highlight the run everywhere on this page.",
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """A line plot for each metric."""
        names = self._names(table)[:MOST_PLOTS]
        plots = [panels.lines(table, table.words(n), [n], max_runs_to_show=1000) for n in names]
        return panels.grid(runsets, *plots, columns=2, height=9)

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A picture of all curves, the best run's on top."""
        names = [
            name
            for name in self._names(table)
            if any(name in row for run in table.runs for row in run.history)
        ]
        if not names:
            return "No run has logged any epochs.\n"
        from dlsweep.report import drawings

        title = "Every run's epochs" if table.own else "Every run, step by step"
        drawn = drawings.curves(table, names[:MOST_DRAWN])
        picture = drawings.save(drawn, folder, "curves", f"{title}, overlaid")
        more = [cell(name) for name in names[MOST_DRAWN:]]
        rest = f" Also logged: {', '.join(more)}." if more else ""
        best = "Orange: the best run." if lead(table) else ""
        return figure(title, picture, f"{best}{rest}".strip())
