"""A block: two values of one setting, everything else equal: curves, matrices, one table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import (
    classes_of,
    index_of,
    is_matrix,
    metric_words,
    other_results,
    rounded,
)
from dlsweep.report._markdown import cell, figure, grid, label
from dlsweep.report._runs import level
from dlsweep.report._text import compared
from dlsweep.report._words import code, four_digits
from dlsweep.report.blocks._block import Block
from dlsweep.report.statistics import comparison

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class Comparison(Block):
    """Two values of one setting, everything else equal: curves, matrices, one table.

    Attributes:
        setting: what differs.
        first: a value of it.
        second: another value of it.
    """

    setting: str = "loss"
    first: Any = "cross_entropy"
    second: Any = "mean_squared_error"

    def fits(self, table: RunsTable) -> bool:
        """For built-in networks, and where a program's runs have both values."""
        tried = {level(run.config.get(self.setting)) for run in table.runs}
        both = {level(self.first), level(self.second)} <= tried
        return table.judged and (table.own or both)

    def html(self, table: RunsTable, page: Page) -> str:
        """The pair, side by side; or what to train to have one."""
        found = comparison(table, self.setting, self.first, self.second)
        one, other = level(self.first), level(self.second)
        title = f"{table.words(one)} against {table.words(other)}"
        title = title[:1].upper() + title[1:] if table.own else title
        if not found.pairs:
            return page.figure(title, self._none(table, page))
        metric = metric_words(table)
        note = (
            f"Two runs that differ in nothing but the {table.words(self.setting)}: of "
            f"{len(found.pairs)} such pairs, the one with the best run in it."
            if len(found.pairs) > 1
            else f"The only two runs that differ in nothing but the {table.words(self.setting)}."
        )
        if len(found.pairs) > 1:
            low, mean, high = (
                (f"{100 * x:+.2f}" if table.is_share() else f"{x:+.3g}").replace("-", "−")
                for x in (found.low, found.difference, found.high)
            )
            unit = " percentage points" if table.is_share() else ""
            note += (
                f" Over all pairs {table.words(other)} changes the {metric} by {mean}{unit} "
                f"(95 % interval {low} to {high})."
            )
        if self.setting == "loss" and table.own:
            note += " Their losses are of two kinds: their values cannot be compared."
        runs = [index_of(table, run) for run in found.pairs[0]]
        return page.figure(title, page.widget("comparison", runs=runs), note)

    def _none(self, table: RunsTable, page: Page) -> str:
        """Why there is no such pair, and how to have one."""
        text = f"No two runs of this table differ in {table.words(self.setting)} alone."
        best = table.best()
        if best is None or best.config.get(self.setting) not in (self.first, self.second):
            return page.missing(text)
        value = self.second if best.config[self.setting] == self.first else self.first
        command = table.command({**best.config, self.setting: value})
        if command is None:
            return page.missing(text)
        said = f"{text} The best run's counterpart would be:"
        return page.missing(said) + page.command(command)

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Curves of the pair and W&B's comparer over it; the numbers over all pairs as text."""
        found = comparison(table, self.setting, self.first, self.second)
        text = panels.markdown("\n\n".join(compared(table, self.setting, self.first, self.second)))
        if not found.pairs:
            return text
        reports = panels.native()
        runsets = panels.chosen(table, found.pairs[0], f"The pair that differs in {self.setting}")
        plots = [
            panels.lines(table, table.words(name), [name])
            for name in (("val_accuracy", "val_loss") if table.own else (table.metric.name,))
        ]
        return (
            text
            + panels.grid(runsets, *plots, columns=2, height=8)
            + panels.grid(runsets, reports.RunComparer(diff_only="split"))
        )

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """The numbers over all pairs, and of the best pair curves, a table and both matrices."""
        found = comparison(table, self.setting, self.first, self.second)
        text = "\n\n".join(compared(table, self.setting, self.first, self.second)) + "\n"
        if not found.pairs:
            return text
        from dlsweep.report import drawings

        pair, labels = found.pairs[0], (level(self.first), level(self.second))
        stem = "comparison-" + re.sub(r"\W", "", self.setting)
        alt = f"Curves of {labels[0]} and {labels[1]}"
        parts = [text]
        if table.own and any(run.history for run in pair):
            drawn = drawings.side_by_side(table, pair, labels)
            parts.append(figure("Their curves", drawings.save(drawn, folder, stem, alt)))
        names = ["best_val_accuracy", "test_accuracy", "test_loss", "best_epoch"]
        names = names if table.own else other_results(table)
        rows = [
            [label(table, name), *("–" if v is None else four_digits(v) for v in values)]
            for name in names
            if any(values := [rounded(run.summary.get(name)) for run in pair])
        ]
        parts.append(grid(["", *map(cell, labels)], rows, (1, 2)))
        matrices = {
            value: run.summary["test_confusion"]
            for value, run in zip(labels, pair, strict=True)
            if table.own and is_matrix(run.summary.get("test_confusion"))
        }
        if len(matrices) == 2 and len({len(matrix) for matrix in matrices.values()}) == 1:
            size = len(next(iter(matrices.values())))
            known = classes_of(pair)
            classes = known if len(known) == size else [str(i) for i in range(size)]
            drawn = drawings.confusion(matrices, classes)
            picture = drawings.save(drawn, folder, f"{stem}-confusion", "Both confusion matrices")
            parts.append(figure(f"What each takes for what: {code(self.setting)}", picture))
        return "\n".join(parts)
