"""A block: the mean of the metric for every value of every setting, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import metric_words, result
from dlsweep.report._markdown import figure, grid, metric_label
from dlsweep.report._runs import plain_numbers
from dlsweep.report._words import amount, code
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import VERDICTS, Effect, Level, find

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class _Scale:
    """Where a value stands between the ends of the scale, from 0 to 1."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


@dataclass(frozen=True)
class Effects(Block):
    """The mean of the metric for every value of every setting, with its interval."""

    needs = ("judged",)

    def html(self, table: RunsTable, page: Page) -> str:
        """Small tables with dots and whiskers on one common scale, each with its verdict."""
        found = [effect for effect in find(table).effects if len(effect.levels) > 1]
        if not found:
            return page.missing("No setting has two values with results to compare.")
        levels = [level for effect in found for level in effect.levels]
        ends = [end for level in levels for end in (level.low, level.high, level.mean)]
        low, high = min(filter(math.isfinite, ends)), max(filter(math.isfinite, ends))
        scale = _Scale(low, high if high > low else low + 1)
        middle = scale(sum(m.mean * m.configurations for m in found[0].levels) / _total(found[0]))
        shown = [result(table, table.metric.name, end) for end in (low, high)]
        parts = "".join(_effect(page, table, effect, scale, middle) for effect in found)
        return page.figure(
            f"The mean {metric_words(table)} for each value of each setting",
            f'<div class="effects sans">{parts}</div>',
            f"{_which(table)} The dots are means, the lines 95 % intervals, from three "
            "configurations on; how many there are stands in grey; the dotted line is the mean of "
            f"all. All have the same scale, from {shown[0]} to {shown[1]}. A verdict heeds all "
            "settings at once: single intervals part by chance now and then.",
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


def _total(effect: Effect) -> int:
    return sum(level.configurations for level in effect.levels)


def _effect(page: Page, table: RunsTable, effect: Effect, scale: _Scale, middle: float) -> str:
    """One setting: a row for each value."""
    rows = "".join(_row(page, table, level, scale, middle) for level in effect.levels)
    kind = "clear" if effect.known else ""
    name = page.text(table.words(effect.setting))
    return (
        f'<section><h3>{name} <span class="{kind}">{VERDICTS[effect.verdict]}</span></h3>'
        f"<table><tbody>{rows}</tbody></table></section>"
    )


def _row(page: Page, table: RunsTable, level: Level, scale: _Scale, middle: float) -> str:
    whisker = (scale(level.low), scale(level.high)) if math.isfinite(level.low) else None
    return (
        f'<tr><th scope="row">{page.breakable(plain_numbers(level.level))}</th><td>'
        + page.track(zero=middle, dot=scale(level.mean), whisker=whisker)
        + f'</td><td class="number">{result(table, table.metric.name, level.mean)}</td>'
        f'<td class="number soft">{level.configurations:,}</td></tr>'
    )
