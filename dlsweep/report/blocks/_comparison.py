"""A block: two values of one setting, everything else equal: curves, matrices, one table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report.blocks._block import Block

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class Comparison(Block):
    """Two values of one setting, everything else equal: curves, matrices, one table.

    Attributes:
        setting: what differs.
        first: a value of it.
        second: another value of it.
    """

    setting: str = "loss"
    first: Any = "cross_entropy"
    second: Any = "mean_squared_error"

    def html(self, table: RunsTable, page: Page) -> str:
        """A place that the page's script fills."""
        return page.widget("comparison")

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Nothing yet."""
        return []

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """Nothing yet."""
        return ""
