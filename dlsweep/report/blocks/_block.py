"""What a block is: one part of a report, written once, with a rendering for each face."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


class Block(ABC):
    """One part of a report: a heading, some text, a figure or a table.

    A block holds what it shall show as plain attributes and reads the runs only when it is
    rendered, so that the same report serves any sweep. Where the runs do not hold what it shows
    (no epochs, no matrices, no runs at all) it says so in a sentence and never raises.

    Attributes:
        needs: what a table must be for a report to show the block: ``own``, ``judged``.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    def fits(self, table: RunsTable) -> bool:
        """Whether a report of this table shows the block."""
        return all(getattr(table, need) for need in self.needs)

    @abstractmethod
    def html(self, table: RunsTable, page: Page) -> str:
        """The block as HTML; every text of the runs in it is escaped.

        Args:
            table: the runs.
            page: makes what all blocks share: escaped text, figures, places for the page's script.
        """

    @abstractmethod
    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The block as blocks of ``wandb_workspaces.reports.v2``.

        Args:
            table: the runs.
            runsets: the run sets that panels of this report read.
        """

    @abstractmethod
    def markdown(self, table: RunsTable, folder: Path) -> str:
        """The block as Markdown; pictures are written as files into ``folder``."""
