"""A block: the confusion matrices of many runs, each with its accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._classes import classes_of, is_matrix
from dlsweep.report._groups import differing, label_of
from dlsweep.report._markdown import cell, figure, grid
from dlsweep.report._runs import words
from dlsweep.report._where import ALL, Where
from dlsweep.report._words import count
from dlsweep.report.blocks._block import Block
from dlsweep.report.statistics import grouped

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable
    from dlsweep.sweep import Row

_NOTHING = "None of the chosen runs has a confusion matrix of this split, so none is shown."
_MOST_ONLINE = 4
_LONG = 4  # characters of a class's name beside a matrix


@dataclass(frozen=True)
class ConfusionGrid(Block):
    """The confusion matrices of many runs, each with its accuracy.

    Attributes:
        where: which runs; of each configuration the first is shown.
        split: ``test`` or ``val``.
        by: the settings that name a matrix; by default those in which the runs differ.
        most: so many are shown, in the order of the runs.
    """

    where: Where = ALL
    split: str = "test"
    by: tuple[str, ...] = ()
    most: int = 12

    needs = ("own",)

    def html(self, table: RunsTable, page: Page) -> str:
        """Small tables side by side: rows are true classes, columns what they were taken for."""
        found = self._found(table)
        if not found:
            return page.missing(_NOTHING)
        runs = [run for _, run in found]
        classes = _names(runs, len(self._matrix(runs[0])))
        matrices = [
            (title, _accuracy(self._matrix(run)), [_shares(row) for row in self._matrix(run)])
            for title, run in found[: self.most]
        ]
        names = [_short(classes, i) for i in range(len(classes))]
        body = page.render("confusion_grid.html", matrices=matrices, names=names)
        return page.figure(self._title(), body, self._note(table, found, classes))

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The charts of the first runs, and the accuracy of every one."""
        found = self._found(table)
        if not found:
            return panels.markdown(f"{_NOTHING}\n")
        fields = {name: name for name in ("Actual", "Predicted", "nPredictions")}
        blocks = panels.markdown(self._table(found))
        for title, run in found[:_MOST_ONLINE]:
            chart = panels.table_chart(
                f"{self.split}_confusion_matrix", "wandb/confusion_matrix/v1", fields, title
            )
            blocks += panels.grid(panels.chosen(table, [run], title), chart)
        return blocks

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A picture of all of them."""
        found = self._found(table)
        if not found:
            return f"{_NOTHING}\n"
        from dlsweep.report import drawings

        runs = [run for _, run in found]
        classes = _names(runs, len(self._matrix(runs[0])))
        matrices = {
            f"{title}\n{_accuracy(self._matrix(run))}": self._matrix(run)
            for title, run in found[: self.most]
        }
        drawn = drawings.confusion_grid(matrices, [_short(classes, i) for i in range(len(classes))])
        picture = drawings.save(drawn, folder, f"confusion-grid-{self.split}", self._title())
        return figure(self._title(), picture, self._note(table, found, classes))

    def _found(self, table: RunsTable) -> list[tuple[str, Row]]:
        """Titles and runs: the first with a matrix of each configuration, all of one size."""
        chosen = self.where.of(table)
        names = self.by or differing(table, chosen)
        found: list[Row] = []
        for group in grouped(table, chosen):
            run = next((run for run in group if is_matrix(self._matrix(run))), None)
            if run is not None and len(self._matrix(run)) == len(self._matrix((found or [run])[0])):
                found.append(run)
        return [(label_of(table, run, names), run) for run in found]

    def _matrix(self, run: Row) -> Any:
        return run.summary.get(f"{self.split}_confusion")

    def _title(self) -> str:
        return f"What each configuration takes for what: {words(self.split)} images"

    def _note(
        self, table: RunsTable, found: Sequence[tuple[str, Row]], classes: Sequence[str]
    ) -> str:
        note = "Rows are true classes, columns what they were taken for."
        if any(len(name) > _LONG for name in classes):
            named = (f"{i} {name}" for i, name in enumerate(classes))
            note += f" Classes: {', '.join(named)}."
        left_out = len(found) - self.most
        return note + (f" {count(left_out, 'more')} left out." if left_out > 0 else "")

    def _table(self, found: Sequence[tuple[str, Row]]) -> str:
        rows = [[cell(title), _accuracy(self._matrix(run))] for title, run in found]
        return grid(["configuration", f"{words(self.split)} accuracy"], rows, (1,))


def _shares(counts: Sequence[int]) -> list[tuple[int, int]]:
    """A row's counts, each with how dark it is in percent: a square root lifts rare mistakes."""
    total = sum(counts)
    return [(n, round(90 * math.sqrt(n / total)) if total else 0) for n in counts]


def _accuracy(matrix: Sequence[Sequence[int]]) -> str:
    total = sum(map(sum, matrix))
    right = sum(row[i] for i, row in enumerate(matrix))
    return f"{100 * right / total:.1f} %" if total else "–"


def _names(runs: Sequence[Row], size: int) -> list[str]:
    known = classes_of(runs)
    return known if len(known) == size else [str(i) for i in range(size)]


def _short(classes: Sequence[str], index: int) -> str:
    """A class's name beside a matrix: its number where names are long."""
    return str(index) if any(len(name) > _LONG for name in classes) else classes[index]
