"""A picture of many confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dlsweep.report.drawings._style import FAINT, INK, figure, ramp

_COLUMNS = 3


def confusion_grid(matrices: Mapping[str, Sequence[Sequence[int]]], classes: Sequence[str]) -> Any:
    """Matrices in rows: rows of each are true classes, columns what they were taken for."""
    columns = min(_COLUMNS, len(matrices))
    rows = -(-len(matrices) // columns)
    with figure(3.1 * rows, rows, columns) as (drawn, grid):
        for axes in list(grid.flat)[len(matrices) :]:
            axes.set_visible(False)
        for axes, (title, counts) in zip(grid.flat, matrices.items(), strict=False):
            found = np.array(counts, dtype=float)
            total = found.sum(axis=1, keepdims=True)
            shares = np.divide(found, total, out=np.zeros_like(found), where=total > 0)
            axes.imshow(np.sqrt(shares), cmap=ramp(FAINT), vmin=0, vmax=1)
            for (row, column), number in np.ndenumerate(found):
                if number:
                    colour = "white" if shares[row, column] > 0.15 else INK
                    place = {"ha": "center", "va": "center", "fontsize": 4.5, "color": colour}
                    text = axes.text(column, row, f"{number:.0f}", **place)
                    text.set_in_layout(False)  # which is slow to make of thousands
            axes.set_xticks(range(len(classes)), classes, fontsize=6)
            axes.set_yticks(range(len(classes)), classes, fontsize=6)
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
            axes.set_title(title, fontsize=8)
    return drawn
