"""A block: one ROC curve per class, one against the rest, of the best run on the test images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report.blocks._block import Block

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class RocCurves(Block):
    """One ROC curve per class, one against the rest, of the best run on the test images."""

    def html(self, table: RunsTable, page: Page) -> str:
        """A place that the page's script fills."""
        return page.widget("roc")

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Nothing yet."""
        return []

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """Nothing yet."""
        return ""
