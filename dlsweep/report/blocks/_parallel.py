"""A block: every run as a line through its settings and the metric; brushing selects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._markdown import figure
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import find
from dlsweep.report.statistics import settings

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class ParallelCoordinates(Block):
    """Every run as a line through its settings and the metric; brushing selects."""

    needs = ("judged",)

    def html(self, table: RunsTable, page: Page) -> str:
        """A chart that the page's script draws; the most important setting next to the result."""
        if len(table.runs) < 2 or not settings(table):
            return page.missing(
                "Parallel coordinates need at least two runs that differ in a setting."
            )
        ranked = [effect.setting for effect in reversed(find(table).effects) if effect.known]
        order = [*(name for name in settings(table) if name not in ranked), *ranked]
        red = f" Red lines are runs that {table.broken}." if table.failed() else ""
        place = " The most important settings stand next to the result." if ranked else ""
        return page.figure(
            "From settings to results",
            page.widget("parallel", order=order),
            "A line is a run. Drag along an axis to select the runs that pass there; every figure "
            f"and the table follow. A click on an axis lifts its selection.{place}{red}",
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Parallel coordinates: every varied setting, then the metric."""
        reports = panels.native()
        columns = [panels.setting(name) for name in settings(table)]
        plot = reports.ParallelCoordinatesPlot(
            columns=[
                reports.ParallelCoordinatesPlotColumn(column)
                for column in (*columns, panels.metric(table))
            ]
        )
        return panels.grid(runsets, plot, height=14) if columns else []

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A picture, dark where runs are good."""
        if not table.finished() or not settings(table):
            return "The runs differ in no setting, or none has a result.\n"
        from dlsweep.report import drawings

        title = "Every run as a line through its settings"
        picture = drawings.save(drawings.parallel(table), folder, "parallel", title)
        return figure(title, picture, "The darker a line, the better the run.")
