"""A block: figures as they were published, beside those of runs, and why they differ."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from dlsweep.report import _panels as panels
from dlsweep.report._data import result
from dlsweep.report._markdown import grid
from dlsweep.report._measure_words import gain, in_brackets, mean_and_interval
from dlsweep.report._measures import Measured, over
from dlsweep.report._where import Where
from dlsweep.report.blocks._block import Block
from dlsweep.report.statistics import grouped

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable
    from dlsweep.sweep import Row


@dataclass(frozen=True)
class Claim:
    """A figure as it was published, and the runs that are ours.

    Attributes:
        what: what was measured, as the publication says it.
        published: the figure, in the metric's own unit (0.918 for 91.8 %); or text such as
            "about 10 %", which has no difference.
        runs: our runs; None where nothing of ours is beside it.
        metric: what is measured of them; see ``RunsTable``. ``test_accuracy`` and the like are of
            the model that a run keeps; after ``final:`` they are of the last epoch.
        reason: why they differ, or why not.
        best: whether of several configurations the best is meant; else they are averaged.
    """

    what: str
    published: float | str
    runs: Where | None = None
    metric: str = "test_accuracy"
    reason: str = ""
    best: bool = False


@dataclass(frozen=True)
class Published(Block):
    """Figures as they were published, beside those of runs, and why they differ.

    Attributes:
        rows: the figures.
        title: of the table.
    """

    rows: tuple[Claim, ...] = ()
    title: str = "As published, and here"

    def html(self, table: RunsTable, page: Page) -> str:
        """A table; the runs of each figure are named where a reader asks for them."""
        if not self.rows:
            return page.missing(_NOTHING)
        rows = []
        for claim in self.rows:
            *numbers, count = self._cells(table, claim)
            names = ", ".join(run.name for run in _runs(table, claim))
            counted = Markup('<span title="{}">{}</span>').format(names, count[0])
            published = _as_published(table, claim)
            rows.append(
                [page.prose(claim.what), published, *numbers, counted, page.prose(claim.reason)]
            )
        body = page.render("numbers.html", columns=_HEADER, groups=[("", rows)], words=(5,))
        return page.figure(self.title, page.scroll(self.title, body), _note(table), "sans")

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The same table as text."""
        return panels.markdown(self.markdown(table, Path()))

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A table."""
        if not self.rows:
            return f"{_NOTHING}\n"
        rows = []
        for claim in self.rows:
            numbers = [in_brackets(*pair) for pair in self._cells(table, claim)]
            what, reason = (text.replace("|", "\\|") for text in (claim.what, claim.reason))
            rows.append(
                [
                    what,
                    _as_published(table, claim).replace("|", "\\|"),
                    *numbers,
                    reason,
                ]
            )
        return f"**{self.title}**\n\n{grid(_HEADER, rows, (1, 2, 3, 4))}\n{_note(table)}\n"

    def _cells(self, table: RunsTable, claim: Claim) -> list[tuple[str, str]]:
        """Ours, the difference, each with its interval, and of how many runs."""
        if claim.runs is None:
            return [("", "")] * 3
        found = over(table, _runs(table, claim), claim.metric)
        if not found.values:
            return [("–", ""), ("", ""), ("0", "")]
        return [
            mean_and_interval(table, claim.metric, found),
            _difference(table, claim, found),
            (f"{len(found.values):,}", ""),
        ]


_HEADER = ["", "published", "here", "difference", "runs", "why"]
_NOTHING = "No published figure is named, so there is nothing to compare."


def _runs(table: RunsTable, claim: Claim) -> list[Row]:
    """The runs that a figure is beside."""
    if claim.runs is None:
        return []
    chosen = claim.runs.of(table)
    if not claim.best:
        return chosen
    metric = table.metric.name or claim.metric
    sign = -1 if table.metric.goal == "minimize" else 1
    known = [g for g in grouped(table, chosen) if over(table, g, metric).values]
    return max(known, key=lambda g: sign * over(table, g, metric).mean, default=[])


def _as_published(table: RunsTable, claim: Claim) -> str:
    if isinstance(claim.published, str):
        return claim.published
    return result(table, claim.metric, claim.published)


def _difference(table: RunsTable, claim: Claim, found: Measured) -> tuple[str, str]:
    if isinstance(claim.published, str):
        return "", ""
    low, high = (end - claim.published for end in (found.low, found.high))
    return gain(table, claim.metric, found.mean - claim.published, low, high)


def _note(table: RunsTable) -> str:
    points = " of accuracies in percentage points" if table.own else ""
    return (
        "Ours are means over runs with 95 % intervals, from three runs on; "
        f"differences are ours less what was published,{points or ' in the unit of the metric'}."
    )
