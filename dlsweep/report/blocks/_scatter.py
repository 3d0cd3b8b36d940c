"""A block: the metric of every run against a setting, its training time or its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import metric_words
from dlsweep.report._markdown import figure, metric_label
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import find

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable

TIME, ORDER = "time", "order"
"""What may stand in place of a setting."""


@dataclass(frozen=True)
class Scatter(Block):
    """The metric of every run against a setting, its training time or its place in their order.

    Attributes:
        against: what is on the horizontal axis at first: a setting, time, or order; the most
            important setting if empty.
    """

    against: str = ""

    needs = ("judged",)

    def html(self, table: RunsTable, page: Page) -> str:
        """A chart that the page's script draws."""
        return page.figure(f"The {metric_words(table)} of every run", self.widget(table, page))

    def widget(self, table: RunsTable, page: Page, compact: bool = False) -> str:
        """The chart alone; a compact one is lower, and offers no colours."""
        order = [effect.setting for effect in find(table).effects]
        return page.widget("scatter", against=self.across(table), order=order, compact=compact)

    def across(self, table: RunsTable) -> str:
        """What is on the horizontal axis: the order of the runs where they differ in nothing."""
        found = find(table).effects
        return self.against or (found[0].setting if found else ORDER)

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """A scatter plot; time and order are those of W&B's own clock."""
        reports = panels.native()
        against = self.across(table)
        clock = {TIME: "_runtime", ORDER: "_timestamp"}.get(against)
        plot = reports.ScatterPlot(
            title=f"{metric_words(table)} against {table.words(against)}",
            x=reports.SummaryMetric(clock) if clock else panels.setting(against),
            y=panels.metric(table),
        )
        return panels.grid(runsets, plot)

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A picture of all runs, the best one marked."""
        if not table.finished():
            return f"No run has a value of {metric_label(table)} to show.\n"
        from dlsweep.report import drawings

        against = self.across(table)
        drawn = drawings.scatter(table, against)
        alt = f"The {metric_words(table)} of every run"
        title = f"The {metric_label(table)} of every run"
        name = re.sub(r"\W", "", against)
        return figure(title, drawings.save(drawn, folder, f"scatter-{name}", alt))
