"""Pictures of the settings: how important each is, and the mean of the metric for each value."""

from __future__ import annotations

from typing import Any

import numpy as np

from dlsweep.report._runs import RunsTable, plain_numbers
from dlsweep.report.drawings._style import (
    ACCENT,
    DATA,
    DECADES,
    RULE,
    SOFT,
    figure,
    finite,
    percent,
    plain_ticks,
)
from dlsweep.report.findings import Effect, find


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
    """The mean of the metric along every setting: curves with bands for numbers, dots for words."""
    found = find(table).effects
    columns = 3
    rows = -(-len(found) // columns)
    with figure(0.3 + 1.75 * rows, rows, columns, sharey=True) as (drawn, grid):
        for axes, effect in zip(grid.flat, found, strict=False):
            color = ACCENT if effect.known else SOFT
            if len(effect.curve) > 2:
                _along(axes, effect, color)
            else:
                _dots(axes, effect, color)
            axes.set_title(table.words(effect.setting))
            axes.grid(axis="y", color=RULE, linewidth=0.6)
            if table.is_share():
                percent(axes)
        for axes in list(grid.flat)[len(found) :]:
            axes.set_visible(False)
    return drawn


def _along(axes: Any, effect: Effect, color: str) -> None:
    """A number's means with their band: few values at equal distances, many where they stand."""
    curve, few = effect.curve, effect.curve == effect.levels
    places = np.arange(len(curve)) if few else np.array([level.at for level in curve])
    low, high = [finite(c.low) for c in curve], [finite(c.high) for c in curve]
    axes.fill_between(places, low, high, color=color, alpha=0.18, linewidth=0)
    axes.plot(places, [c.mean for c in curve], "o-", color=color, markersize=4, linewidth=1.4)
    if few:
        axes.set_xticks(places, [plain_numbers(c.level) for c in curve])
        axes.set_xlim(-0.3, len(places) - 0.7)
    elif places.min() > 0 and places.max() / places.min() > DECADES:
        axes.set_xscale("log")
        plain_ticks(axes.xaxis)


def _dots(axes: Any, effect: Effect, color: str) -> None:
    """A word's means with their intervals."""
    places = np.arange(len(effect.levels))
    for place, mean in zip(places, effect.levels, strict=True):
        ends = [finite(mean.low), finite(mean.high)]
        axes.plot([place, place], ends, color=color, linewidth=1.4, alpha=0.6)
        axes.plot([place], [mean.mean], "o", markersize=5, color=color)
    long = max(len(mean.level) for mean in effect.levels) * len(places) > 26
    names = [plain_numbers(mean.level) for mean in effect.levels]
    turned = {"rotation": 35, "ha": "right"} if long else {"rotation": 0, "ha": "center"}
    axes.set_xticks(places, names, **turned)
    axes.set_xlim(-0.6, len(places) - 0.4)
