"""A block: one ROC curve per class, one against the rest, of the best run on the test images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._classes import classes_of, rounded
from dlsweep.report._markdown import figure
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import lead

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class RocCurves(Block):
    """One ROC curve per class, one against the rest, of the best run on the test images."""

    needs = ("own",)

    def html(self, table: RunsTable, page: Page) -> str:
        """A chart that the page's script draws."""
        best = lead(table)
        stored = best.summary.get("test_roc") if best else None
        curves = [curve for curve in stored if _is_curve(curve)] if stored else []
        if best is None or not curves or len(curves) != len(stored or ()):
            return page.missing("The best run has no ROC curves, so none are shown.")
        auc = list(best.summary.get("test_auc") or [])
        auc = [rounded(area) for area in auc] if len(auc) == len(curves) else [None] * len(curves)
        return page.figure(
            f"How well {best.name} tells each class from the rest",
            page.widget("roc", curves=curves, auc=auc),
            "ROC curves on the test images, one class against the rest: the true positive rate "
            "upwards. Choose a class in the list to see its curve.",
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The chart that the best run has logged."""
        best = lead(table)
        if best is None:
            return panels.markdown(self.markdown(table, Path()))
        chart = panels.table_chart(
            "test_roc_curve",
            "wandb/area-under-curve/v0",
            {"x": "fpr", "y": "tpr", "class": "class"},
            "ROC on the test images",
        )
        return panels.grid(panels.chosen(table, [best], "The best run"), chart)

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A picture of all curves."""
        best = lead(table)
        stored = best.summary.get("test_roc") if best is not None else None
        if best is None or not stored or not all(map(_is_curve, stored)):
            return "The best run has no ROC curves.\n"
        from dlsweep.report import drawings

        names = classes_of([best])
        classes = names if len(names) == len(stored) else [str(i) for i in range(len(stored))]
        picture = drawings.save(drawings.roc(stored, classes), folder, "roc", "ROC curves")
        return figure("ROC on the test images, each class against the rest", picture)


def _is_curve(curve: Any) -> bool:
    """Whether this is a curve as a summary holds it, drawable or empty."""
    return (
        isinstance(curve, Mapping)
        and isinstance(curve.get("fpr"), list | tuple)
        and isinstance(curve.get("tpr"), list | tuple)
        and len(curve["fpr"]) == len(curve["tpr"])
        and all(rounded(rate) is not None for rate in (*curve["fpr"], *curve["tpr"]))
    )
