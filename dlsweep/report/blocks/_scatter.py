"""A block: the metric of every run against a setting or against time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report._data import words
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

    def html(self, table: RunsTable, page: Page) -> str:
        """A chart that the page's script draws."""
        return page.figure(
            f"The {words(table.metric.name)} of every run",
            page.widget("scatter", against=self.against),
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Nothing yet."""
        return []

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """Nothing yet."""
        return ""
