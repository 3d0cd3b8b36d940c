"""A block: the sweep in numbers: runs, the best, the middle, what failed, the time it took."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dlsweep.report import _panels as panels
from dlsweep.report._data import duration, grouped_digits, metric_words, result
from dlsweep.report._markdown import grid, metric_label
from dlsweep.report._words import amount, count
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import find
from dlsweep.report.statistics import settings

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
        metric, said = table.metric.name, metric_words(table)
        ranked = table.ranked()
        n = sum(not run.beside for run in table.runs)
        runs = "run" if n == 1 else "runs"
        cells = [(runs, grouped_digits(n), _statuses(table))]
        best = find(table).best
        if best is not None:
            test = best.run.summary.get("test_accuracy") if table.own else None
            after = best.run.name
            if isinstance(test, int | float):
                after = f"{result(table, 'test_accuracy', test)} on the test images"
                if best.run.summary.get("best_epoch"):
                    after += f" after its best epoch, {best.run.summary['best_epoch']}"
            cells.append((f"{said}, {_best(table)}", result(table, metric, best.value), after))
        if len(ranked) > 1:
            middle = float(np.median([run.value for run in ranked if run.value is not None]))
            cells.append(
                (f"{said}, median", result(table, metric, middle), f"of {len(ranked):,} runs")
            )
        failed = table.failed()
        cells.append((table.broken, str(len(failed)), _share(table)))
        if names := settings(table):
            cells.append(("settings varied", str(len(names)), _combinations(table)))
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
        said, ranked = metric_label(table), table.ranked()
        beside = sum(run.beside for run in table.runs)
        cells = {"runs": f"{len(table.runs) - beside:,}"}
        if beside:
            cells["beside the sweep"] = f"{beside:,}"
        cells["configurations"] = f"{find(table).configurations:,}"
        best = find(table).best
        if best is not None:
            cells[f"{said}, {_best(table)}"] = f"**{amount(table, best.value)}**"
            test = best.run.summary.get("test_accuracy") if table.own else None
            if isinstance(test, int | float):
                cells["its test accuracy"] = f"{100 * test:.1f} %"
        if ranked:
            middle = float(np.median([run.value for run in ranked if run.value is not None]))
            cells[f"{said}, median"] = amount(table, middle)
        cells[table.broken] = str(len(table.failed()))
        cells["settings varied"] = str(len(settings(table)))
        return grid(list(cells), [list(cells.values())], range(len(cells)))


def _best(table: RunsTable) -> str:
    """What the best value is of: a run, or the mean of a configuration's runs."""
    best = find(table).best
    if best is None or best.seeds == 1:
        return "best run"
    return f"best configuration, mean of {best.seeds} runs"


def _statuses(table: RunsTable) -> str:
    """How many runs have each status, the most frequent first; and how many are beside."""
    swept = [run for run in table.runs if not run.beside]
    counts = Counter(run.status.replace("_", " ") for run in swept)
    told = [f"{count:,} {status}" for status, count in counts.most_common()]
    beside = len(table.runs) - len(swept)
    return ", ".join([*told, *([f"{beside:,} more beside the sweep"] if beside else [])])


def _combinations(table: RunsTable) -> str:
    """How many different configurations were tried."""
    return count(find(table).configurations, "configuration")


def _share(table: RunsTable) -> str:
    failed, of = len(table.failed()), len(table.runs)
    if failed:
        return f"{100 * failed / of:.1f}\u202f% of all runs"
    return "none so far" if any(r.status in ("running", "waiting") for r in table.runs) else "none"
