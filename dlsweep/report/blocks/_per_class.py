"""A block: precision, recall, F1 and support of each class, of the best run."""

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
class PerClass(Block):
    """Precision, recall, F1 and support of each class, of the best run."""

    def html(self, table: RunsTable, page: Page) -> str:
        """A table that the page's script makes of the confusion matrices."""
        best = table.best()
        if best is None:
            return page.missing("No run has a result, so nothing is known about the classes.")
        return page.figure(
            f"{best.name}, class by class",
            page.widget("per_class", run=index_of(table, best)),
            "Precision is the share of images taken for a class that are of it; recall the share "
            "of the class's images that were found; F1 their harmonic mean.",
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Nothing yet."""
        return []

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """Nothing yet."""
        return ""
