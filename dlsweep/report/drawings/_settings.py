"""Pictures of the settings: how important each is, and the mean of the metric for each value."""

from __future__ import annotations

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
from dlsweep.report.findings import find


def importance(table: RunsTable) -> Any:
    """The share of the metric's variance that goes with each setting that matters."""
    found = [effect for effect in find(table).effects if effect.share > 0]
    with figure(0.9 + 0.26 * max(len(found), 1)) as (drawn, [[axes]]):
        places = np.arange(len(found))[::-1]
        axes.barh(places, [e.share for e in found], height=0.62, color=DATA, alpha=0.85)
        for place, e in zip(places, found, strict=True):
            axes.plot([e.share_low, e.share_high], [place, place], color=SOFT, linewidth=1.2)
        axes.set_yticks(places, [table.words(e.setting) for e in found])
        axes.set_xlabel("share of the variance; lines: 95 % intervals")
        axes.set_xlim(left=0)
        percent(axes, "x")
    return drawn


def marginal(table: RunsTable) -> Any:
    """The mean of the metric for every value of every setting, with its 95 % interval."""
    found = find(table).effects
    columns = 3
    rows = -(-len(found) // columns)
    with figure(0.3 + 1.75 * rows, rows, columns, sharey=True) as (drawn, grid):
        for axes, effect in zip(grid.flat, found, strict=False):
            places = np.arange(len(effect.levels))
            color = ACCENT if effect.known else SOFT
            for place, mean in zip(places, effect.levels, strict=True):
                ends = [finite(mean.low), finite(mean.high)]
                axes.plot([place, place], ends, color=color, linewidth=1.4, alpha=0.6)
                axes.plot([place], [mean.mean], "o", markersize=5, color=color)
            long = max(len(mean.level) for mean in effect.levels) * len(places) > 26
            axes.set_xticks(
                places,
                [mean.level for mean in effect.levels],
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
