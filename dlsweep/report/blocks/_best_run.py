"""A block: the best run: its numbers, its configuration and the command that reproduces it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report.blocks._block import Block

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class BestRun(Block):
    """The best run: its numbers, its configuration and the command that reproduces it."""

    def html(self, table: RunsTable, page: Page) -> str:
        """A place that the page's script fills."""
        return page.widget("best_run")

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Nothing yet."""
        return []

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """Nothing yet."""
        return ""
