"""A picture of several studies: the best configuration of each with its interval."""

from __future__ import annotations

from typing import Any

from dlsweep.report._data import metric_words
from dlsweep.report._runs import RunsTable
from dlsweep.report._studies import Studies
from dlsweep.report.drawings._style import DATA, RULE, SOFT, figure, percent, whole_numbers
from dlsweep.report.findings import compare

NAMED = 40
"""So many studies have a line with their name; more are points in the order of their ranks."""


def studies(table: RunsTable, compared: Studies) -> Any:
    """The best of each study, the best first."""
    results = compare(compared).ranked
    named = len(results) <= NAMED
    with figure(0.9 + 0.24 * len(results) if named else 3.2) as (drawn, [[axes]]):
        for rank, result in enumerate(results, start=1):
            best = result.best
            assert best is not None  # it is ranked
            ends = [best.low, best.high] if best.by else []
            at, value = [rank] * len(ends), [best.value]
            if named:
                axes.plot(ends, at, color=SOFT, linewidth=1.2)
                axes.plot(value, [rank], "o", markersize=5, color=DATA)
            else:
                axes.plot(at, ends, color=SOFT, linewidth=0.8, alpha=0.7)
                axes.plot([rank], value, "o", markersize=2.5, color=DATA)
        words = f"best {metric_words(table)}"
        if named:
            axes.set_yticks(range(1, len(results) + 1), [result.label for result in results])
            axes.invert_yaxis()
            axes.set_xlabel(words)
            axes.grid(axis="x", color=RULE, linewidth=0.6)
        else:
            axes.set_xlabel("studies, the best first")
            axes.set_ylabel(words)
            axes.grid(axis="y", color=RULE, linewidth=0.6)
            whole_numbers(axes)
        if table.is_share():
            percent(axes, "x" if named else "y")
    return drawn
