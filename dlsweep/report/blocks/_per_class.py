"""A block: precision, recall, F1 and support of each class, of the best run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dlsweep.report import _panels as panels
from dlsweep.report._classes import classes_of, is_matrix
from dlsweep.report._markdown import cell, grid
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import lead

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable
    from dlsweep.sweep import Row


@dataclass(frozen=True)
class PerClass(Block):
    """Precision, recall, F1 and support of each class, of the best run."""

    needs = ("own",)

    def html(self, table: RunsTable, page: Page) -> str:
        """A table that the page's script makes of the confusion matrices."""
        best = lead(table)
        if best is None:
            return page.missing("No run has a result, so nothing is known about the classes.")
        found = {split: _scores(best, split) for split in ("val", "test")}
        scores = {split: rows for split, rows in found.items() if rows}
        totals = {split: _totals(best, split) for split in scores}
        return page.figure(
            f"{best.name}, class by class",
            page.widget("per_class", scores=scores, totals=totals),
            f"{_WHAT} {_ALL}",
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The same table as text."""
        return panels.markdown(self.markdown(table, Path()))

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A table of the classes, from the best run's test matrix."""
        best = lead(table)
        scores = _scores(best, "test") if best is not None else []
        if best is None or not scores:
            return "The best run has no confusion matrix, so nothing is known of its classes.\n"
        names = classes_of([best])
        rows = [
            [
                cell(names[i] if len(names) == len(scores) else i),
                *("–" if x is None else f"{100 * x:.1f} %" for x in shares),
                f"{support:,}",
            ]
            for i, (*shares, support) in enumerate(scores)
        ]
        for name, *shares, support in _totals(best, "test"):
            texts = ("" if x == "" else f"{100 * float(x):.1f} %" for x in shares)
            rows.append([f"**{name}**", *texts, f"{support:,}"])
        header = ["class (test images)", "precision", "recall", "F1", "images"]
        return f"{grid(header, rows, range(1, 5))}\n{_ALL}\n"


_WHAT = (
    "Precision is the share of images taken for a class that are of it; recall the share of the "
    "class's images that were found; F1 their harmonic mean."
)
_ALL = "Macro means count each class once, weighted means each as often as it has images."


def _totals(run: Row, split: str) -> list[tuple[str, float | str, float | str, float, int]]:
    """Accuracy, and the macro and weighted means over the classes, as scikit-learn's report has it.

    Classes without images or predictions do not count; a share of nothing is 0.
    """
    counts = np.array(run.summary[f"{split}_confusion"], dtype=float)
    right, true, taken = counts.diagonal(), counts.sum(1), counts.sum(0)
    images = int(true.sum())
    if not images:
        return []
    shares = [right / np.maximum(taken, 1), right / np.maximum(true, 1)]
    shares.append(2 * right / np.maximum(true + taken, 1))
    there = true + taken > 0
    macro, weighted = (
        [float(np.average(share[there], weights=w[there])) for share in shares]
        for w in (np.ones_like(true), true)
    )
    accuracy = float(right.sum() / images)
    return [
        ("accuracy", "", "", accuracy, images),
        ("macro mean", macro[0], macro[1], macro[2], images),
        ("weighted mean", weighted[0], weighted[1], weighted[2], images),
    ]


def _scores(run: Row, split: str) -> list[tuple[float | None, float | None, float | None, int]]:
    """Precision, recall, F1 and support of every class; none without a confusion matrix."""
    counts = run.summary.get(f"{split}_confusion")
    if not is_matrix(counts):
        return []
    from dlsweep.figures import per_class  # it imports torch

    return [(c.precision, c.recall, c.f1, c.support) for c in per_class(np.array(counts))]
