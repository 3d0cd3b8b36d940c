"""A block: what the best run takes for what, on validation and test images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report.blocks._block import Block

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class ConfusionMatrices(Block):
    """What the best run takes for what, on validation and test images."""

    def html(self, table: RunsTable, page: Page) -> str:
        """A place that the page's script fills."""
        return page.widget("confusion")

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Nothing yet."""
        return []

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """Nothing yet."""
        return ""
