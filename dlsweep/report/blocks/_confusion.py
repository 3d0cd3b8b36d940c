"""A block: what the best run takes for what, on validation and test images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._classes import classes_of, is_matrix
from dlsweep.report._data import index_of
from dlsweep.report._markdown import figure
from dlsweep.report._runs import words
from dlsweep.report._words import code
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import lead

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class ConfusionMatrices(Block):
    """What the best run takes for what, on validation and test images."""

    needs = ("own",)

    def html(self, table: RunsTable, page: Page) -> str:
        """Two matrices that the page's script draws."""
        best = lead(table)
        if best is None:
            return page.missing("No run has a result, so there is no confusion matrix to show.")
        return page.figure(
            f"What {best.name} takes for what",
            page.widget("confusion", run=index_of(table, best)),
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The two charts that the best run has logged."""
        best = lead(table)
        if best is None:
            return panels.markdown(self.markdown(table, Path()))
        fields = {name: name for name in ("Actual", "Predicted", "nPredictions")}
        charts = [
            panels.table_chart(
                f"{split}_confusion_matrix", "wandb/confusion_matrix/v1", fields, words(split)
            )
            for split in ("val", "test")
        ]
        return panels.grid(panels.chosen(table, [best], "The best run"), *charts, columns=2)

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A picture of both matrices."""
        best = lead(table)
        found = {
            words(split): best.summary[f"{split}_confusion"]
            for split in ("val", "test")
            if best is not None and is_matrix(best.summary.get(f"{split}_confusion"))
        }
        if best is None or not found:
            return "The best run has no confusion matrix.\n"
        from dlsweep.report import drawings

        size = len(next(iter(found.values())))
        found = {split: matrix for split, matrix in found.items() if len(matrix) == size}
        names = classes_of([best])
        classes = names if len(names) == size else [str(i) for i in range(size)]
        picture = drawings.save(
            drawings.confusion(found, classes), folder, "confusion", "Confusion matrices"
        )
        return figure(f"What {code(best.name)} takes for what", picture)
