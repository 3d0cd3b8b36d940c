"""A block: two values of one setting, each at its best: curves, matrices, one table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._classes import classes_of, is_matrix, rounded
from dlsweep.report._data import index_of, other_results, result
from dlsweep.report._markdown import cell, figure, grid, label
from dlsweep.report._runs import level
from dlsweep.report._words import code
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import contest
from dlsweep.report.text import compared, missing_commands, sentence

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable
    from dlsweep.sweep import Row


@dataclass(frozen=True)
class Comparison(Block):
    """Two values of one setting, each with its best configuration: curves, matrices, one table.

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
        """The best of each, side by side; and what to train for a fair comparison."""
        found = contest(table, self.setting, self.first, self.second)
        one, other = level(self.first), level(self.second)
        title = f"{table.words(one)} against {table.words(other)}"
        title = sentence(title) if table.own else title
        texts = [t for t in self._texts(table) if not t.startswith("`")]
        lines = missing_commands(table, found)
        again = page.command("\n".join(lines)) if lines else ""
        pair = self._pair(table)
        if pair is None:
            if not again:
                return page.missing(" ".join(texts))
            return page.figure(title, "".join(map(page.missing, texts)) + again)
        runs = [index_of(table, run) for run in pair]
        prose = "".join(f"<p>{page.prose(text)}</p>" for text in texts)
        body = f'<div class="prose">{prose}</div>{again}{page.widget("comparison", runs=runs)}'
        return page.figure(title, body)

    def _pair(self, table: RunsTable) -> tuple[Row, Row] | None:
        """A run of the best configuration of each, with the same seed if there are such."""
        found = contest(table, self.setting, self.first, self.second)
        first, second = found.configurations
        if first is None or second is None:
            return None
        return found.pairs[0] if found.pairs else (first.runs[0], second.runs[0])

    def _texts(self, table: RunsTable) -> list[str]:
        return compared(table, self.setting, self.first, self.second)

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Curves of the pair and W&B's comparer over it; the numbers over all pairs as text."""
        pair = self._pair(table)
        text = panels.markdown("\n\n".join(self._texts(table)))
        if pair is None:
            return text
        reports = panels.native()
        runsets = panels.chosen(table, pair, f"The best of each {self.setting}")
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
        pair, text = self._pair(table), "\n\n".join(self._texts(table)) + "\n"
        if pair is None:
            return text
        from dlsweep.report import drawings

        labels = (level(self.first), level(self.second))
        stem = "comparison-" + re.sub(r"\W", "", self.setting)
        alt = f"Curves of {labels[0]} and {labels[1]}"
        parts = [text]
        if table.own and any(run.history for run in pair):
            drawn = drawings.side_by_side(table, pair, labels)
            parts.append(figure("Their curves", drawings.save(drawn, folder, stem, alt)))
        names = ["best_val_accuracy", "test_accuracy", "best_epoch"]
        names = names if table.own else other_results(table)
        rows = [
            [label(table, name), *(result(table, name, value) for value in values)]
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
