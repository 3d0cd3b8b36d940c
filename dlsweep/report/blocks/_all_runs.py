"""A block: every run in a table that sorts, searches and follows the selection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report.blocks._block import Block

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class AllRuns(Block):
    """Every run in a table that sorts, searches and follows the selection."""

    def html(self, table: RunsTable, page: Page) -> str:
        """A table that the page's script fills."""
        return page.figure(
            "All runs",
            page.widget("all_runs"),
            "A click on a heading sorts, a click on a row highlights the run everywhere.",
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Nothing yet."""
        return []

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """Nothing yet."""
        return ""
