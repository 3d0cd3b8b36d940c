"""A block: every run's epochs, overlaid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import words
from dlsweep.report._markdown import figure
from dlsweep.report.blocks._block import Block

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class Curves(Block):
    """Every run's epochs, overlaid.

    Attributes:
        metrics: what may be looked at, the first one shown at first.
    """

    metrics: tuple[str, ...] = ("val_accuracy", "train_accuracy", "val_loss", "train_loss")

    def html(self, table: RunsTable, page: Page) -> str:
        """A chart that the page's script draws."""
        mark = "line" if any(len(run.history) > 1 for run in table.runs) else "dot"
        return page.figure(
            "Every run, epoch by epoch",
            page.widget("curves", metrics=self.metrics),
            f"A {mark} is a run, coloured by its rank in the end. Point at it to see which one; "
            "click it to highlight the run everywhere on this page.",
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """A line plot for each metric."""
        reports = panels.native()
        plots = [
            reports.LinePlot(
                title=words(name),
                x=reports.Metric(panels.name_at(table, "epoch")),
                y=[reports.Metric(panels.name_at(table, name))],
                max_runs_to_show=1000,
                smoothing_factor=0,
            )
            for name in self.metrics
        ]
        return panels.grid(runsets, *plots, columns=2, height=9)

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A picture of all curves, the best run's on top."""
        logged = [
            name
            for name in self.metrics
            if any(name in row for run in table.runs for row in run.history)
        ]
        if not logged:
            return "No run has logged any epochs.\n"
        from dlsweep.report import drawings

        drawn = drawings.curves(table, logged)
        picture = drawings.save(drawn, folder, "curves", "Every run's epochs, overlaid")
        return figure("Every run's epochs", picture, "Orange: the best run.")
