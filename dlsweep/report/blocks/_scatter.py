"""A block: the metric of every run against a setting or against time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import metric_words
from dlsweep.report._markdown import figure, metric_label
from dlsweep.report.blocks._block import Block

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class Scatter(Block):
    """The metric of every run against a setting or against time.

    Attributes:
        against: what is on the horizontal axis at first: a setting, or time.
    """

    against: str = "time"

    needs = ("judged",)

    def html(self, table: RunsTable, page: Page) -> str:
        """A chart that the page's script draws."""
        return page.figure(
            f"The {metric_words(table)} of every run",
            page.widget("scatter", against=self.against),
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """A scatter plot; against time, of the runs' own clock."""
        reports = panels.native()
        timed = self.against == "time"
        plot = reports.ScatterPlot(
            title=f"{metric_words(table)} against {table.words(self.against)}",
            x=reports.SummaryMetric("_timestamp") if timed else panels.setting(self.against),
            y=panels.metric(table),
        )
        return panels.grid(runsets, plot)

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A picture of all runs, the best one marked."""
        if not table.finished():
            return f"No run has a value of {metric_label(table)} to show.\n"
        from dlsweep.report import drawings

        drawn = drawings.scatter(table, self.against)
        alt = f"The {metric_words(table)} of every run"
        title = f"The {metric_label(table)} of every run"
        name = re.sub(r"\W", "", self.against)
        return figure(title, drawings.save(drawn, folder, f"scatter-{name}", alt))
