"""A block: the heading of a section."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report._panels import native
from dlsweep.report.blocks._block import Block

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class Heading(Block):
    """The heading of a section, best a question that the section answers.

    Attributes:
        text: the heading.
        short: what the page's table of contents calls it; the heading itself if empty.
    """

    text: str
    short: str = ""

    def html(self, table: RunsTable, page: Page) -> str:
        """The heading, with an entry in the table of contents."""
        return page.heading(self.text, self.short or self.text)

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """A heading of the second level."""
        return [native().H2(self.text)]

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A heading of the second level."""
        return f"## {self.text}\n"
