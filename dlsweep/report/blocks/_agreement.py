"""A block: on which settings several studies agree, and on which they do not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._markdown import grid, label, plain
from dlsweep.report._studies import Studies
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import AGREEMENTS, CommonSetting, compare

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable

MOST_VALUES = 4
_COLUMNS = ("setting", "varied in", "matters in", "best value", "agreement", "in the best", "ruins")
_TITLE = "On which settings the studies agree"
_NOTHING = "None of the studies varies a setting."


@dataclass(frozen=True)
class AgreementTable(Block):
    """On which settings several studies agree, and on which they do not.

    Attributes:
        studies: the studies.
    """

    studies: Studies

    def html(self, table: RunsTable, page: Page) -> str:
        """A row for each setting, the one that matters in most studies first."""
        found = compare(self.studies).settings
        if not found:
            return page.missing(_NOTHING)
        rows = [(table.words(c.setting), _cells(c)) for c in found]
        body = page.render("agreement.html", columns=_COLUMNS, rows=rows)
        return page.figure(_TITLE, page.scroll(_TITLE, body), _note())

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The table as text."""
        return panels.markdown(self.markdown(table, Path()))

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """The table."""
        found = compare(self.studies).settings
        if not found:
            return f"{_NOTHING}\n"
        rows = [[label(table, c.setting), *map(plain, _cells(c))] for c in found]
        return f"{grid(_COLUMNS, rows)}\n{_note()}\n"


def _cells(common: CommonSetting) -> list[str]:
    matters = f"{common.matters:,} of {common.varied:,}"
    best, chosen, ruins = map(_values, (common.best, common.chosen, common.ruins))
    agreement = AGREEMENTS[common.agreement] if common.varied > 1 else "varied in one alone"
    return [f"{common.varied:,}", matters, best, agreement, chosen, ruins]


def _values(counts: tuple[tuple[str, int], ...]) -> str:
    told = [f"{text} ({n:,})" for text, n in counts[:MOST_VALUES]]
    return ", ".join(told) + (", …" if len(counts) > MOST_VALUES else "")


def _note() -> str:
    return (
        "In brackets: the number of studies. A best value is one that is best beyond chance within "
        "its study; what the best configuration has may be chance."
    )
