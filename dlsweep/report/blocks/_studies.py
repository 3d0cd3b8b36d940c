"""A block: several studies, each with its best configuration, its interval and what matters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import metric_words
from dlsweep.report._markdown import cell, figure, grid
from dlsweep.report._runs import level
from dlsweep.report._studies import Studies
from dlsweep.report._words import amount
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import StudyResult, compare

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable

SHOWN = 25
"""Studies that are seen before the others are unfolded."""
MOST_SETTINGS = 3
MOST_RUNSETS = 10
"""Studies whose curves a W&B panel draws; each is a run set."""
_TITLE = "The best configuration of each study"
_NOTE = (
    "Dots are means over seeds where a configuration was repeated; lines are 95 % intervals, of "
    "the seeds or else of the validation images. The axis does not begin at 0."
)
_NOTHING = "No run of any of the studies has a result."


@dataclass(frozen=True)
class StudyList(Block):
    """Several studies, each with its best configuration, its interval and what matters.

    Attributes:
        studies: the studies.
    """

    studies: Studies

    def html(self, table: RunsTable, page: Page) -> str:
        """A table with a dot and a whisker for each study, the best first; many are folded."""
        results = compare(self.studies).ranked
        if not results:
            return page.missing(_NOTHING)
        ends = _scale(results)
        rows = [_row(page, table, r, ends) for r in (*results, *self._without())]
        metric = metric_words(table)
        body = page.render("studies.html", title=_TITLE, metric=metric, rows=rows, shown=SHOWN)
        return page.figure(_TITLE, body, _NOTE)

    def _without(self) -> list[StudyResult]:
        return [result for result in compare(self.studies).results if result.best is None]

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The table as text; a panel with the curves of the studies that are at W&B."""
        online = [one for one in self.studies.tables if one.online is not None][:MOST_RUNSETS]
        sets = [panels.all_runs(one, one.online) for one in online if one.online is not None]
        for one, label in zip(sets, self.studies.labels, strict=False):
            one.name = label
        curves = panels.lines(table, metric_words(table), [table.metric.name])
        return panels.markdown(self._table(table)) + panels.grid(sets, curves)

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A picture of all studies, the best first, and the table."""
        if not compare(self.studies).ranked:
            return f"{_NOTHING}\n"
        from dlsweep.report import drawings

        picture = drawings.save(drawings.studies(table, self.studies), folder, "studies", _TITLE)
        text = self._table(table)
        if len(compare(self.studies).results) > SHOWN:
            n = len(compare(self.studies).results)
            text = f"<details>\n<summary>All {n:,} studies</summary>\n\n{text}\n</details>\n"
        return f"{figure(_TITLE, picture, _NOTE)}\n{text}"

    def _table(self, table: RunsTable) -> str:
        results = [*compare(self.studies).ranked, *self._without()]
        rows = [
            [
                cell(result.label),
                amount(table, result.best.value) if result.best else "",
                interval_text(table, result),
                f"{result.runs:,}",
                f"{result.found.configurations:,}",
                cell(best_with(result)),
            ]
            for result in results
        ]
        header = ["study", f"best {metric_words(table)}", "95 % interval", "runs"]
        header += ["configurations", "best with, by what matters most"]
        return grid(header, rows, (1, 2, 3, 4))


def _scale(results: Sequence[StudyResult]) -> tuple[float, float]:
    """The least and the greatest number that is drawn."""
    bests = [result.best for result in results if result.best is not None]
    numbers = [x for b in bests for x in (b.value, b.low, b.high) if math.isfinite(x)]
    low, high = min(numbers), max(numbers)
    margin = 0.03 * (high - low) or abs(high) or 1.0
    return low - margin, high + margin


def _row(
    page: Page, table: RunsTable, result: StudyResult, ends: tuple[float, float]
) -> dict[str, Any]:
    """What the template shows of a study."""
    best, low = result.best, ends[0]
    wide = ends[1] - low
    track = ""
    if best is not None:
        whisker = ((best.low - low) / wide, (best.high - low) / wide) if best.by else None
        track = page.track(dot=(best.value - low) / wide, whisker=whisker)
    return {
        "label": result.label,
        "track": track,
        "value": amount(table, best.value) if best is not None else "",
        "interval": interval_text(table, result),
        "runs": f"{result.runs:,}",
        "configurations": f"{result.found.configurations:,}",
        "best_with": best_with(result),
    }


def interval_text(table: RunsTable, result: StudyResult) -> str:
    """The interval of a study's best, and what it is from; empty where none is known."""
    best = result.best
    if best is None or not best.by:
        return ""
    of = f"{best.seeds:,} seeds" if best.by == "seeds" else "images"
    return f"{amount(table, best.low)} to {amount(table, best.high)} ({of})"


def best_with(result: StudyResult) -> str:
    """The settings of a study's best configuration that matter, with their values."""
    best = result.best
    if best is None:
        return ""
    names = [e.setting for e in result.matters if best.configuration.says(e.setting)]
    chosen = [f"{name} = {level(best.configuration.get(name))}" for name in names]
    return ", ".join(chosen[:MOST_SETTINGS])
