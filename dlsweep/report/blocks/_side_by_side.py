"""A block: runs that the reader chooses, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report._data import index_of
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
            "At first the two best runs; choose others by name or in the table of all runs.",
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Nothing yet."""
        return []

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """Nothing yet."""
        return ""
