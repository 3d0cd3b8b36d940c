"""Pictures of classes: confusion matrices, ROC curves, and the images themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlsweep.report._runs import RunsTable, words
from dlsweep.report.drawings._runs import by_loss, loss_axis
from dlsweep.report.drawings._style import (
    ACCENT,
    DATA,
    FAINT,
    INK,
    RULE,
    figure,
    finite,
    percent,
    ramp,
    whole_numbers,
)
from dlsweep.sweep import Row


def confusion(matrices: Mapping[str, Sequence[Sequence[int]]], classes: Sequence[str]) -> Any:
    """Confusion matrices side by side: rows are true classes, columns what they were taken for."""
    with figure(4.6, 1, max(2, len(matrices))) as (drawn, [grid]):
        long = max((len(name) for name in classes), default=0) > 3
        for axes in grid[len(matrices) :]:
            axes.set_visible(False)
        for axes, (title, counts) in zip(grid, matrices.items(), strict=False):
            found = np.array(counts, dtype=float)
            total = found.sum(axis=1, keepdims=True)
            shares = np.divide(found, total, out=np.zeros_like(found), where=total > 0)
            # The eye shall find the mistakes: a square root lifts what is rare.
            axes.imshow(np.sqrt(shares), cmap=ramp(FAINT), vmin=0, vmax=1)
            for (row, column), count in np.ndenumerate(found):
                if count:
                    dark = shares[row, column] > 0.15
                    axes.text(
                        column,
                        row,
                        f"{count:.0f}",
                        ha="center",
                        va="center",
                        fontsize=6,
                        color="white" if dark else INK,
                    )
            axes.set_xticks(range(len(classes)), classes, fontsize=7)
            if long:
                axes.tick_params("x", labelrotation=55)
            axes.set_yticks(range(len(classes)), classes, fontsize=7)
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
            axes.set_title(title)
            axes.set_xlabel("taken for")
        grid[0].set_ylabel("is")
    return drawn


def roc(curves: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> Any:
    """One ROC curve per class, one class against the rest."""
    with figure(4.0, 1, 2) as (drawn, [[whole, corner]]):
        for axes in (whole, corner):
            for i, (curve, name) in enumerate(zip(curves, classes, strict=True)):
                shade = ramp()(0.25 + 0.75 * i / max(len(classes) - 1, 1))
                axes.plot(curve["fpr"], curve["tpr"], color=shade, linewidth=1.2, label=name)
            axes.set_xlabel("false positive rate")
            axes.grid(color=RULE, linewidth=0.6)
        whole.set_ylabel("true positive rate")
        whole.set_title("all of it")
        corner.set_title("the corner")
        corner.set_xlim(0, 0.2)
        corner.set_ylim(0.8, 1.003)
        corner.legend(fontsize=7, frameon=False, loc="lower right")
    return drawn


def examples(rows: Mapping[str, Sequence[tuple[np.ndarray, str]]]) -> Any:
    """Rows of images with a caption each; images are (H, W) or (H, W, 3)."""
    columns = max(len(row) for row in rows.values())
    with figure(1.75 * len(rows), len(rows), columns) as (drawn, grid):
        for line, (title, row) in zip(grid, rows.items(), strict=True):
            for axes, (image, caption) in zip(line, row, strict=False):
                axes.imshow(image, cmap="gray", interpolation="nearest")
                axes.set_title(caption, fontsize=7, loc="center")
            line[0].set_ylabel(title)
            for axes in line:
                axes.set_xticks([])
                axes.set_yticks([])
                axes.spines[:].set_visible(False)
    return drawn


def side_by_side(table: RunsTable, pair: tuple[Row, Row], labels: tuple[str, str]) -> Any:
    """The curves of two runs: accuracies, and losses, of training (dashed) and validation.

    Two losses of different kinds have an axis each.
    """
    panels = [
        (measure, loss, runs)
        for measure in ("accuracy", "loss")
        for loss, runs in by_loss(table, measure, pair)
    ]
    with figure(2.8, 1, len(panels)) as (drawn, [grid]):
        for axes, (measure, loss, runs) in zip(grid, panels, strict=True):
            for run, label, color in zip(pair, labels, (DATA, ACCENT), strict=True):
                if run in runs:
                    _train_and_val(axes, run, measure, label, color)
            axes.set_title(f"{measure}{f', {words(loss)}' if loss else ''}")
            loss_axis(axes, table, f"val_{measure}", runs)
            axes.set_xlabel("epoch")
            axes.grid(axis="y", color=RULE, linewidth=0.6)
            whole_numbers(axes)
        percent(grid[0])
        grid[0].legend(fontsize=7, frameon=False)
    return drawn


def _train_and_val(axes: Any, run: Row, measure: str, label: str, color: str) -> None:
    for split, style in (("train", "--"), ("val", "-")):
        epochs = [finite(r.get("epoch", i)) for i, r in enumerate(run.history, 1)]
        logged = [finite(row.get(f"{split}_{measure}")) for row in run.history]
        said = f"{label}, {words(split)}"
        axes.plot(epochs, logged, style, color=color, linewidth=1.4, label=said)
