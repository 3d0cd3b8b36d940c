"""A block: the sweep in numbers: runs, the best, the middle, what failed, the time it took."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dlsweep.report import _panels as panels
from dlsweep.report._data import duration, result, words
from dlsweep.report._markdown import grid
from dlsweep.report._runs import level
from dlsweep.report._words import amount
from dlsweep.report.blocks._block import Block

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class Summary(Block):
    """The sweep in numbers: runs, the best, the middle, what failed, the time it took."""

    def html(self, table: RunsTable, page: Page) -> str:
        """Large numbers with what they mean."""
        if not table.runs:
            return page.missing("There are no runs yet.")
        metric = table.metric.name
        ranked = table.ranked()
        cells = [("runs", f"{len(table.runs):,}".replace(",", "\u202f"), _statuses(table))]
        if ranked:
            best = ranked[0]
            test = best.summary.get("test_accuracy")
            after = f"{result('test_accuracy', test)} on the test images" if test else best.name
            if test and best.summary.get("best_epoch"):
                after += ", in its best epoch"
            middle = float(np.median([run.value for run in ranked if run.value is not None]))
            cells += [
                (f"best {words(metric)}", result(metric, best.value), after),
                (f"median {words(metric)}", result(metric, middle), f"of {len(ranked)} runs"),
            ]
        failed = table.failed()
        cells.append(("failed or diverged", str(len(failed)), _share(len(failed), len(table.runs))))
        if table.parameters:
            count = len(table.parameters)
            cells.append(("settings varied", str(count), _combinations(table)))
        times = [run for run in table.runs if run.started and run.finished]
        if times:
            start = min(run.started for run in times if run.started)
            end = max(run.finished for run in times if run.finished)
            cells.append(("from first to last", duration((end - start).total_seconds()), ""))
        return (
            '<dl class="summary">'
            + "".join(
                f'<div><dt>{page.text(name)}</dt><dd class="large">{page.text(number)}</dd>'
                f'<dd class="detail">{page.text(detail)}</dd></div>'
                for name, number, detail in cells
            )
            + "</dl>"
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The same numbers as text: W&B has no panel for them."""
        return panels.markdown(self.markdown(table, Path()))

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A table of one row."""
        if not table.runs:
            return "There are no runs yet.\n"
        name, ranked = table.metric.name, table.ranked()
        cells = {"runs": f"{len(table.runs):,}"}
        if ranked:
            best = ranked[0]
            cells[f"best {words(name)}"] = f"**{amount(table, best.value)}**"
            test = best.summary.get("test_accuracy")
            if isinstance(test, int | float):
                cells["its best epoch's test accuracy"] = f"{100 * test:.1f} %"
            middle = float(np.median([run.value for run in ranked if run.value is not None]))
            cells[f"median {words(name)}"] = amount(table, middle)
        cells["failed or diverged"] = str(len(table.failed()))
        cells["settings varied"] = str(len(table.parameters))
        return grid(list(cells), [list(cells.values())], range(len(cells)))


def _statuses(table: RunsTable) -> str:
    """How many runs have each status, the most frequent first."""
    counts = Counter(run.status.replace("_", " ") for run in table.runs)
    return ", ".join(f"{count} {status}" for status, count in counts.most_common())


def _combinations(table: RunsTable) -> str:
    """How many different configurations were tried."""
    tried = {tuple(level(run.config.get(name)) for name in table.parameters) for run in table.runs}
    return f"{len(tried)} different configurations"


def _share(count: int, of: int) -> str:
    return f"{100 * count / of:.1f}\u202f% of all runs" if count else "all came through"
