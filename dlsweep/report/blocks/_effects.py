"""A block: the mean of the metric for every value of every setting, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report._data import result, words
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

    def html(self, table: RunsTable, page: Page) -> str:
        """Small tables with dots and whiskers on one common scale."""
        found = [effect for effect in effects(table) if len(effect.means) > 1]
        if not found:
            return page.missing("No setting has two values with results to compare.")
        means = [mean for effect in found for mean in effect.means]
        ends = [end for mean in means for end in (mean.low, mean.high, mean.mean)]
        low, high = min(filter(math.isfinite, ends)), max(filter(math.isfinite, ends))
        if "accuracy" in table.metric.name:
            low, high = max(0.0, low), min(1.0, high)
        values = [run.value for run in table.finished() if run.value is not None]
        scale = _Scale(low, high if high > low else low + 1)
        middle = scale(sum(values) / len(values))
        parts = "".join(_effect(page, table, effect, scale, middle) for effect in found)
        return page.figure(
            f"The mean {words(table.metric.name)} for each value of each setting",
            f'<div class="effects sans">{parts}</div>',
            "Dots are means over all configurations with the value, whatever their other settings; "
            "lines are 95 % intervals; how many there are stands in grey; the dotted line is the "
            "mean of all runs. All have the "
            f"same scale, from {result(table.metric.name, low, 0)} to "
            f"{result(table.metric.name, high, 0)}. A setting's values differ beyond chance where "
            "p is below 0.05 (Kruskal-Wallis, corrected for asking about all settings).",
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Nothing yet."""
        return []

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """Nothing yet."""
        return ""


def _effect(page: Page, table: RunsTable, effect: Effect, scale: _Scale, middle: float) -> str:
    """One setting: a row for each value."""
    rows = []
    for mean in effect.means:
        whisker = (scale(mean.low), scale(mean.high)) if math.isfinite(mean.low) else None
        rows.append(
            f'<tr><th scope="row">{page.text(mean.level).replace("_", "_<wbr>")}</th><td>'
            + page.track(zero=middle, dot=scale(mean.mean), whisker=whisker)
            + f'</td><td class="number">{result(table.metric.name, mean.mean, 1)}</td>'
            f'<td class="number soft">{mean.configurations}</td></tr>'
        )
    chance = "" if effect.p is None else f"p = {effect.p:.2f}" if effect.p >= 0.01 else "p < 0.01"
    kind = "clear" if effect.clear else ""
    return (
        f'<section><h3>{page.text(words(effect.setting))} <span class="{kind}">{chance}</span></h3>'
        f"<table><tbody>{''.join(rows)}</tbody></table></section>"
    )
