"""A block: the opening of a report: a few sentences, the next command and one figure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report import text
from dlsweep.report._data import metric_words
from dlsweep.report.blocks._block import Block
from dlsweep.report.blocks._scatter import Scatter

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class Answer(Block):
    """The opening of a report: a few sentences, the next command and one figure.

    Attributes:
        against: what the figure has on its horizontal axis, as ``Scatter`` takes it.
    """

    against: str = ""

    def html(self, table: RunsTable, page: Page) -> str:
        """Sentences beside the metric of every run."""
        shown = self._drawn(table)
        figure = ""
        if shown:
            title = f"The {metric_words(table)} of every run"
            figure = page.figure(title, shown.widget(table, page, compact=True))
        lead, *others = [page.prose(line) for line in text.sentences(table)]
        step = text.first_step(table)
        return page.render(
            "answer.html", lead=lead, others=others, step=step, figure=figure, alone=not figure
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The sentences, and the scatter plot."""
        shown = self._drawn(table)
        plot = shown.wandb(table, runsets) if shown else []
        return panels.markdown(self._text(table)) + plot

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """The sentences, and the picture."""
        shown = self._drawn(table)
        return self._text(table) + (f"\n{shown.markdown(table, folder)}" if shown else "")

    def _drawn(self, table: RunsTable) -> Scatter | None:
        """The figure; None where there are no two runs to draw."""
        return Scatter(self.against) if table.judged and len(table.finished()) > 1 else None

    @staticmethod
    def _text(table: RunsTable) -> str:
        return "".join(f"{line}\n\n" for line in text.answer(table)).rstrip("\n") + "\n"
