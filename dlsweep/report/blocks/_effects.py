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
from dlsweep.report.statistics import Effect, effects

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
        """Small tables with dots and whiskers on one common scale."""
        found = [effect for effect in effects(table) if len(effect.means) > 1]
        if not found:
            return page.missing("No setting has two values with results to compare.")
        means = [mean for effect in found for mean in effect.means]
        ends = [end for mean in means for end in (mean.low, mean.high, mean.mean)]
        low, high = min(filter(math.isfinite, ends)), max(filter(math.isfinite, ends))
        if table.is_share():
            low, high = max(0.0, low), min(1.0, high)
        values = [run.value for run in table.finished() if run.value is not None]
        scale = _Scale(low, high if high > low else low + 1)
        middle = scale(sum(values) / len(values))
        shown = [result(table, table.metric.name, end, 0) for end in (low, high)]
        parts = "".join(_effect(page, table, effect, scale, middle) for effect in found)
        return page.figure(
            f"The mean {metric_words(table)} for each value of each setting",
            f'<div class="effects sans">{parts}</div>',
            "Dots are means over all configurations with the value, whatever their other settings; "
            "lines are 95 % intervals; how many there are stands in grey; the dotted line is the "
            "mean of all runs. All have the "
            f"same scale, from {shown[0]} to {shown[1]}. "
            "A setting's values differ beyond chance where p is below 0.05 (Kruskal-Wallis, "
            "corrected for asking about all settings).",
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
            for effect in effects(table)
        ]
        return panels.grid(runsets, *plots, columns=3, height=8) + panels.markdown(
            self._means(table)
        )

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A picture of all means with their intervals."""
        if not any(effect.means for effect in effects(table)):
            return self._means(table)
        from dlsweep.report import drawings

        alt = f"The mean {metric_words(table)} for every value of every setting"
        title = f"The mean {metric_label(table)} for every value of every setting"
        picture = drawings.save(drawings.marginal(table), folder, "effects", alt)
        note = "Lines: 95 % intervals. Orange: the values differ beyond chance."
        return figure(title, picture, note)

    @staticmethod
    def _means(table: RunsTable) -> str:
        """The means as text."""
        rows = [
            [code(e.setting), code(m.level), f"{m.configurations:,}", amount(table, m.mean)]
            for e in effects(table)
            for m in e.means
        ]
        if not rows:
            return "The runs differ in no setting, or none has a result.\n"
        return grid(["setting", "value", "configurations", "mean"], rows, (2, 3))


def _effect(page: Page, table: RunsTable, effect: Effect, scale: _Scale, middle: float) -> str:
    """One setting: a row for each value."""
    rows = []
    for mean in effect.means:
        whisker = (scale(mean.low), scale(mean.high)) if math.isfinite(mean.low) else None
        rows.append(
            f'<tr><th scope="row">{page.breakable(plain_numbers(mean.level))}</th><td>'
            + page.track(zero=middle, dot=scale(mean.mean), whisker=whisker)
            + f'</td><td class="number">{result(table, table.metric.name, mean.mean, 1)}</td>'
            f'<td class="number soft">{mean.configurations}</td></tr>'
        )
    chance = "" if effect.p is None else f"p = {effect.p:.2f}" if effect.p >= 0.01 else "p < 0.01"
    kind = "clear" if effect.clear else ""
    name = page.text(table.words(effect.setting))
    return (
        f'<section><h3>{name} <span class="{kind}">{chance}</span></h3>'
        f"<table><tbody>{''.join(rows)}</tbody></table></section>"
    )
