"""Pictures of the settings: how important each is, and the mean of the metric for each value."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from dlsweep.report._runs import RunsTable
from dlsweep.report.drawings._style import (
    ACCENT,
    DATA,
    RULE,
    SOFT,
    figure,
    finite,
    percent,
)
from dlsweep.report.statistics import correlations, effects, importances


def importance(table: RunsTable) -> Any:
    """Random-forest importance with its spread, and beside it the correlations."""
    found = importances(table)
    related = correlations(table)
    order = [item.setting for item in found.settings]
    related = tuple(sorted(related, key=lambda c: order.index(c.setting)))
    labels = [
        f"{table.words(c.setting)} = {c.level}" if c.level else table.words(c.setting)
        for c in related
    ]
    height = 0.9 + 0.2 * max(len(labels), 1.3 * len(order))
    with figure(height, 1, 2) as (drawn, [[left, right]]):
        places = np.arange(len(order))[::-1]
        left.barh(places, [i.mean for i in found.settings], height=0.62, color=DATA, alpha=0.85)
        for place, item in zip(places, found.settings, strict=True):
            left.plot([item.low, item.high], [place, place], color=SOFT, linewidth=1.2)
        left.set_yticks(places, [table.words(name) for name in order])
        left.set_title("importance")
        left.set_xlabel("of a random forest; lines: 95 % of its repeats")
        left.set_xlim(left=0)
        percent(left, "x")
        places = np.arange(len(labels))[::-1]
        for place, c in zip(places, related, strict=True):
            clear = c.low > 0 or c.high < 0
            right.plot(
                [c.low, c.high], [place, place], color=SOFT if clear else RULE, linewidth=1.2
            )
            right.plot([c.r], [place], "o", markersize=4, color=ACCENT if clear else SOFT)
        right.set_yticks(places, labels, fontsize=7)
        right.set_ylim(-0.8, len(labels) - 0.2)
        right.axvline(0, color=SOFT, linewidth=0.8)
        right.set_xlim(-1, 1)
        right.set_xticks([-1, -0.5, 0, 0.5, 1])
        right.set_title("correlation")
        right.set_xlabel("Pearson's r; lines: its 95 % interval")
    return drawn


def marginal(table: RunsTable) -> Any:
    """The mean of the metric for every value of every setting, with its 95 % interval."""
    found = effects(table)
    # Accuracies end at 0 and 1, whatever a wide interval says.
    ends = partial(np.clip, a_min=0.0, a_max=1.0) if table.is_share() else np.asarray
    columns = 3
    rows = -(-len(found) // columns)
    with figure(0.3 + 1.75 * rows, rows, columns, sharey=True) as (drawn, grid):
        for axes, effect in zip(grid.flat, found, strict=False):
            places = np.arange(len(effect.means))
            color = ACCENT if effect.clear else SOFT
            for place, mean in zip(places, effect.means, strict=True):
                low, high = ends([finite(mean.low), finite(mean.high)])
                axes.plot([place, place], [low, high], color=color, linewidth=1.4, alpha=0.6)
                axes.plot([place], [mean.mean], "o", markersize=5, color=color)
            long = max(len(mean.level) for mean in effect.means) * len(places) > 26
            axes.set_xticks(
                places,
                [mean.level for mean in effect.means],
                rotation=35 if long else 0,
                ha="right" if long else "center",
            )
            axes.set_xlim(-0.6, len(places) - 0.4)
            axes.set_title(table.words(effect.setting))
            axes.grid(axis="y", color=RULE, linewidth=0.6)
            if table.is_share():
                percent(axes)
        for axes in list(grid.flat)[len(found) :]:
            axes.set_visible(False)
    return drawn
