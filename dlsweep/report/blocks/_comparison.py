"""A block: two values of one setting, everything else equal: curves, matrices, one table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.config import command_line
from dlsweep.report._data import index_of, words
from dlsweep.report._runs import level
from dlsweep.report.blocks._block import Block
from dlsweep.report.statistics import comparison

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable


@dataclass(frozen=True)
class Comparison(Block):
    """Two values of one setting, everything else equal: curves, matrices, one table.

    Attributes:
        setting: what differs.
        first: a value of it.
        second: another value of it.
    """

    setting: str = "loss"
    first: Any = "cross_entropy"
    second: Any = "mean_squared_error"

    def html(self, table: RunsTable, page: Page) -> str:
        """The pair, side by side; or what to train to have one."""
        found = comparison(table, self.setting, self.first, self.second)
        one, other = level(self.first), level(self.second)
        title = f"{words(one).capitalize()} against {words(other)}"
        if not found.pairs:
            return page.figure(title, self._none(table, page))
        metric = words(table.metric.name)
        note = (
            f"Two runs that differ in nothing but the {words(self.setting)}: of "
            f"{len(found.pairs)} such pairs, the one with the best run in it."
            if len(found.pairs) > 1
            else f"The only two runs that differ in nothing but the {words(self.setting)}."
        )
        if len(found.pairs) > 1:
            low, mean, high = (
                (f"{100 * x:+.2f}" if "accuracy" in metric else f"{x:+.3g}").replace("-", "−")
                for x in (found.low, found.difference, found.high)
            )
            unit = " percentage points" if "accuracy" in metric else ""
            note += (
                f" Over all pairs {words(other)} changes the {metric} by {mean}{unit} "
                f"(95 % interval {low} to {high})."
            )
        runs = [index_of(table, run) for run in found.pairs[0]]
        return page.figure(title, page.widget("comparison", runs=runs), note)

    def _none(self, table: RunsTable, page: Page) -> str:
        """Why there is no such pair, and how to have one."""
        text = f"No two runs of this table differ in {words(self.setting)} alone."
        best = table.best()
        if best is None or best.config.get(self.setting) not in (self.first, self.second):
            return page.missing(text)
        value = self.second if best.config[self.setting] == self.first else self.first
        command = command_line({**best.config, self.setting: value})
        return page.missing(f"{text} The best run's counterpart would be:") + page.command(
            f"python train.py {command}"
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Nothing yet."""
        return []

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """Nothing yet."""
        return ""
