"""A block: sentences, fixed or written from the runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report.blocks._block import Block

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class Text(Block):
    """Sentences, fixed or written from the runs.

    The text may hold `code` between backticks and **strong words**; nothing else is markup.

    Attributes:
        write: the paragraphs, or what makes them from the runs.
        listed: as a list of points instead of paragraphs.
    """

    write: str | Callable[[RunsTable], Sequence[str]]
    listed: bool = False

    def paragraphs(self, table: RunsTable) -> list[str]:
        """The paragraphs, for any face."""
        return [self.write] if isinstance(self.write, str) else list(self.write(table))

    def fits(self, table: RunsTable) -> bool:
        """Where there is something to say."""
        return bool(self.paragraphs(table))

    def html(self, table: RunsTable, page: Page) -> str:
        """Paragraphs, or a list."""
        texts = [page.prose(text) for text in self.paragraphs(table)]
        if not texts:
            return ""
        if self.listed:
            return '<ul class="prose">' + "".join(f"<li>{text}</li>" for text in texts) + "</ul>"
        return '<div class="prose">' + "".join(f"<p>{text}</p>" for text in texts) + "</div>"

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Paragraphs, or a list."""
        return panels.markdown(self.markdown(table, Path()))

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """Paragraphs, or a list."""
        texts = self.paragraphs(table)
        return "".join(f"- {text}\n" if self.listed else f"{text}\n\n" for text in texts)
