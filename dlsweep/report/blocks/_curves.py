"""A block: every run's epochs, overlaid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        return page.figure(
            "Every run, epoch by epoch",
            page.widget("curves", metrics=self.metrics),
            "A line is a run, coloured by its rank in the end. Point at a line to see what it is; "
            "click it to highlight the run everywhere on this page.",
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Nothing yet."""
        return []

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """Nothing yet."""
        return ""
