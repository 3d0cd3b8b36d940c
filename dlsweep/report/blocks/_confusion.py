"""A block: what the best run takes for what, on validation and test images."""

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
class ConfusionMatrices(Block):
    """What the best run takes for what, on validation and test images."""

    def html(self, table: RunsTable, page: Page) -> str:
        """Two matrices that the page's script draws."""
        best = table.best()
        if best is None:
            return page.missing("No run has a result, so there is no confusion matrix to show.")
        return page.figure(
            f"What {best.name} takes for what",
            page.widget("confusion", run=index_of(table, best)),
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Nothing yet."""
        return []

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """Nothing yet."""
        return ""
