"""A picture of the best compromises between two metrics, among all runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlsweep.report._runs import RunsTable
from dlsweep.report.drawings._style import ACCENT, DATA, DECADES, RULE, percent, plain_ticks
from dlsweep.sweep import Metric


def draw_front(
    axes: Any,
    table: RunsTable,
    metrics: tuple[Metric, Metric],
    values: Sequence[tuple[float, float]],
    front: Sequence[int],
) -> None:
    """Draw every configuration by two metrics, and a line through the best compromises.

    Args:
        axes: of a picture.
        table: the runs.
        metrics: up and across.
        values: of each configuration both.
        front: the places of the best compromises.
    """
    up, across = np.array(values, dtype=float).reshape(-1, 2).T
    axes.scatter(across, up, s=16, color=DATA, alpha=0.55, linewidth=0)
    order = sorted(front, key=lambda place: across[place])
    axes.plot(across[order], up[order], marker="o", markersize=5, color=ACCENT, linewidth=1)
    if across.min() > 0 and across.max() / across.min() > DECADES:
        axes.set_xscale("log")
        plain_ticks(axes.xaxis)
    axes.set_ylabel(table.words(metrics[0].name))
    axes.set_xlabel(table.words(metrics[1].name))
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    for metric, which in zip(metrics, "yx", strict=True):
        if table.is_share(metric.name):
            percent(axes, which)
