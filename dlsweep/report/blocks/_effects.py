"""A block: the mean of the metric for every value of every setting, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import metric_words, result
from dlsweep.report._markdown import figure, grid, metric_label
from dlsweep.report._runs import level, plain_numbers
from dlsweep.report._words import amount, code
from dlsweep.report.blocks._block import Block
from dlsweep.report.blocks._effect_pictures import Scale, curve_of, scale_of
from dlsweep.report.findings import VERDICTS, Effect, Level, find

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class Effects(Block):
    """The mean of the metric for every value of every setting, with its interval."""

    needs = ("judged",)

    def html(self, table: RunsTable, page: Page) -> str:
        """Curves of numbers and dots of words on one common scale, each with its verdict."""
        found = [effect for effect in find(table).effects if len(effect.levels) > 1]
        if not found:
            return page.missing("No setting has two values with results to compare.")
        scale = scale_of(found)

        def value(mean: float) -> str:
            return result(table, table.metric.name, mean)

        def track(one: Level) -> str:
            whisker = (scale(one.low), scale(one.high)) if math.isfinite(one.low) else None
            return page.track(zero=0, dot=scale(one.mean), whisker=whisker)

        body = page.render(
            "effects.html",
            effects=[_shown(table, effect, scale) for effect in found],
            marks=[(100 * scale(tick), _mark(table, tick)) for tick in scale.ticks(4)],
            value=value,
            number=lambda one: plain_numbers(one.level or level(float(f"{one.at:.3g}"))),
            text=plain_numbers,
            track=track,
        )
        return page.figure(
            f"The mean {metric_words(table)} for each value of each setting",
            body,
            _how(table, scale),
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """A bar plot for each setting, the runs grouped by its values; and the means as text."""
        reports = panels.native()
        plots = [
            reports.BarPlot(
                title=effect.setting,
                metrics=[reports.Metric(table.metric.name)],
                groupby=panels.setting(effect.setting),
                groupby_aggfunc="mean",
                groupby_rangefunc="stderr",
            )
            for effect in find(table).effects
        ]
        return panels.grid(runsets, *plots, columns=3, height=8) + panels.markdown(
            self._means(table)
        )

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A picture of all means with their intervals."""
        if not any(effect.levels for effect in find(table).effects):
            return self._means(table)
        from dlsweep.report import drawings

        alt = f"The mean {metric_words(table)} for every value of every setting"
        title = f"The mean {metric_label(table)} for every value of every setting"
        picture = drawings.save(drawings.marginal(table), folder, "effects", alt)
        note = f"{_which(table)} Lines: 95 % intervals. Orange: settings that matter."
        return figure(title, picture, note)

    @staticmethod
    def _means(table: RunsTable) -> str:
        """The means as text."""
        rows = [
            [
                code(e.setting),
                VERDICTS[e.verdict],
                code(m.level),
                f"{m.configurations:,}",
                amount(table, m.mean),
            ]
            for e in find(table).effects
            for m in e.levels
        ]
        if not rows:
            return "The runs differ in no setting, or none has a result.\n"
        table_of_them = grid(
            ["setting", "verdict", "value", "configurations", "mean"], rows, (3, 4)
        )
        return f"{table_of_them}\n{_which(table)}\n"


def _which(table: RunsTable) -> str:
    """What the means are over."""
    found = find(table)
    without = " without a value that ruins runs" if found.ruins else ""
    adjusted = (
        ", with the differences taken out that the other settings make"
        if sum(effect.verdict in ("matters", "together") for effect in found.effects) > 1
        else ""
    )
    return f"Means are over the {found.judged:,} configurations{without}{adjusted}."


def _how(table: RunsTable, scale: Scale) -> str:
    """How to read the figure."""
    ends = [result(table, table.metric.name, end) for end in (scale.low, scale.high)]
    begins = ", not from 0" if table.is_share() and scale.low > 0 else ""
    return (
        f"{_which(table)} Bands and lines are 95 % intervals, from three configurations on; how "
        f"many there are stands in grey. All have one scale, from {ends[0]} to {ends[1]}{begins}. "
        "A verdict heeds all settings at once: single intervals part by chance now and then."
    )


def _mark(table: RunsTable, tick: float) -> str:
    return result(table, table.metric.name, tick, 0)


def _shown(table: RunsTable, effect: Effect, scale: Scale) -> dict[str, Any]:
    """What the template shows of a setting."""
    curve = curve_of(effect, scale) if len(effect.curve) > 2 else None
    top = None
    if curve is not None and effect.known:
        sign = 1 if table.metric.goal == "maximize" else -1
        top = max(curve.dots, key=lambda dot: sign * dot[2].mean)
    return {
        "name": table.words(effect.setting),
        "known": effect.known,
        "verdict": VERDICTS[effect.verdict],
        "levels": effect.levels,
        "curve": curve,
        "top": top,
    }
