"""A block: metrics against a numeric setting, the other settings fixed or averaged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._groups import differing, groups_by
from dlsweep.report._markdown import cell, figure, grid
from dlsweep.report._measure_words import cited, measure_words, with_interval
from dlsweep.report._measures import measured, over
from dlsweep.report._runs import ENDED, level, plain_numbers
from dlsweep.report._where import ALL, Where, together
from dlsweep.report._words import count, listed
from dlsweep.report.blocks._block import Block

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable
    from dlsweep.sweep import Row

DECADES = 30
"""So many times the least must the greatest be for a logarithmic axis."""
_FEWEST = 2
_NAMED = 4


@dataclass(frozen=True)
class Trend(Block):
    """Metrics against a numeric setting, the other settings fixed or averaged.

    Attributes:
        setting: what is along the axis; by default the first number that has three values or more.
        metrics: what is shown; by default the accuracies of built-in runs, or a program's metric.
        by: a setting each of whose values has a line of its own.
        where: which runs are shown; they are averaged over what else differs.
        log: whether the axis is logarithmic; by default where the values span decades.
        title: of the figure.
    """

    setting: str = ""
    metrics: tuple[str, ...] = ()
    by: str = ""
    where: Where = ALL
    log: bool | None = None
    title: str = ""

    def html(self, table: RunsTable, page: Page) -> str:
        """LinePanel with bands, and the numbers below."""
        groups = self._groups(table)
        if not _enough(groups):
            return page.missing(self._nothing(table))
        from dlsweep.report import drawings

        header, rows = self._rows(table, groups)
        numbers = page.render("numbers.html", columns=header, groups=[("", rows)], words=())
        drawn = drawings.inline_panels(page, self._panels(table, groups), numbers)
        return page.figure(self._title(table), drawn, self._note(table, groups))

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Scatter plots of what the runs' summaries hold, and the means as text."""
        groups = self._groups(table)
        if not _enough(groups):
            return panels.markdown(f"{self._nothing(table)}\n")
        reports = panels.native()
        known = {name for run in table.runs for name in run.summary}
        plots = [
            reports.ScatterPlot(
                title=f"{measure_words(table, name)} against {table.words(self._setting(table))}",
                x=panels.setting(self._setting(table)),
                y=reports.SummaryMetric(name),
                log_x=self._log(groups),
            )
            for name in self._metrics(table)
            if name in known
        ]
        return panels.grid(runsets, *plots, columns=2) + panels.markdown(self._text(table, groups))

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A picture, and the numbers."""
        groups = self._groups(table)
        if not _enough(groups):
            return f"{self._nothing(table)}\n"
        from dlsweep.report import drawings

        drawn = drawings.sheet(self._panels(table, groups))
        stem = re.sub(r"\W", "", "-".join(["trend", self._setting(table), self.by]))
        stem += "".join(f"-{re.sub(r'[^a-z0-9]', '', n.lower())}" for n in self.metrics)
        picture = drawings.save(drawn, folder, stem, self._title(table))
        return figure(self._markdown_title(table), picture) + f"\n{self._text(table, groups)}"

    def _text(self, table: RunsTable, groups: _Groups) -> str:
        header, rows = self._rows(table, groups)
        named = header if table.own else [cell(text) for text in header]
        cells = [[cell(text) for text in row] for row in rows]
        return f"{grid(named, cells, range(1, len(header)))}\n{self._note(table, groups)}\n"

    def _setting(self, table: RunsTable) -> str:
        if self.setting:
            return self.setting
        configs = [together(run.config) for run in self.where.of(table)]
        for name in differing(table, self.where.of(table), but=[self.by]):
            if len({_number(config.get(name)) for config in configs} - {None}) > _FEWEST:
                return name
        return ""

    def _metrics(self, table: RunsTable) -> list[str]:
        if self.metrics:
            return list(self.metrics)
        if not table.own:
            return [table.metric.name] if table.judged else []
        return [f"{split}_accuracy" for split in ("train", "val", "test")]

    def _groups(self, table: RunsTable) -> _Groups:
        """For each value of ``by``, the runs of each value of the setting."""
        name = self._setting(table)
        found: _Groups = {}
        if not self._metrics(table):
            return found
        for label, runs in groups_by(table, self.where.of(table), [self.by]).items():
            at = found.setdefault(label if self.by else "", {})
            for run in runs:
                x = _number(together(run.config).get(name))
                known = (measured(table, run, metric) for metric in self._metrics(table))
                if x is not None and any(value is not None for value in known):
                    at.setdefault(x, []).append(run)
        return {label: dict(sorted(at.items())) for label, at in found.items() if at}

    def _panels(self, table: RunsTable, groups: _Groups) -> list[Any]:
        from dlsweep.report.drawings import Line, LinePanel

        def line(label: str, at: dict[float, list[Row]], metric: str) -> Line | None:
            means = {x: over(table, runs, metric) for x, runs in at.items()}
            known = {x: m for x, m in means.items() if m.values}
            if not known:
                return None
            values = [*known.values()]
            return Line(
                label,
                [*known],
                [m.mean for m in values],
                [m.low for m in values],
                [m.high for m in values],
            )

        found = []
        for title, metrics in self._shown_together(table).items():
            lines = []
            for label, at in groups.items():
                for metric in metrics:
                    named = label if self.by else measure_words(table, metric)
                    if (drawn := line(named, at, metric)) is not None:
                        lines.append(drawn)
            xs = sorted({x for at in groups.values() for x in at})
            ticks = {x: plain_numbers(level(x)) for x in xs} if len(xs) <= 8 else None
            if ticks is not None and not self._log(groups) and _crowded(xs):
                ticks = None
            found.append(
                LinePanel(
                    title,
                    table.words(self._setting(table)),
                    lines,
                    share=table.is_share(metrics[0]),
                    log_x=self._log(groups),
                    ticks=ticks,
                )
            )
        return found

    def _shown_together(self, table: RunsTable) -> dict[str, list[str]]:
        """The metrics of each panel: of one kind together, or one by one where lines are ``by``."""
        found: dict[str, list[str]] = {}
        for name in self._metrics(table):
            kind = name.rpartition("_")[2] if table.own and not self.by else ""
            kind = kind if kind in ("accuracy", "loss") else measure_words(table, name)
            found.setdefault(kind, []).append(name)
        return found

    def _log(self, groups: _Groups) -> bool:
        xs = [x for at in groups.values() for x in at]
        if self.log is not None:
            return self.log and min(xs) > 0
        return min(xs) > 0 and max(xs) / min(xs) >= DECADES

    def _rows(self, table: RunsTable, groups: _Groups) -> tuple[list[str], list[list[str]]]:
        metrics = self._metrics(table)
        header = [self._words(table, self._setting(table))]
        header += [self._words(table, self.by)] if self.by else []
        header += [measure_words(table, name) for name in metrics] + ["runs"]
        rows = [
            [
                plain_numbers(level(x)),
                *([label] if self.by else []),
                *(with_interval(table, name, over(table, runs, name)) for name in metrics),
                f"{len(runs):,}",
            ]
            for label, at in groups.items()
            for x, runs in at.items()
        ]
        return header, rows

    def _words(self, table: RunsTable, name: str) -> str:
        return table.words(name)

    def _title(self, table: RunsTable) -> str:
        names = [measure_words(table, name) for name in self._metrics(table)]
        title = f"{listed(names)} against {table.words(self._setting(table))}"
        return self.title or (title[:1].upper() + title[1:] if table.own else title)

    def _markdown_title(self, table: RunsTable) -> str:
        return self._title(table) if self.title or table.own else cell(self._title(table))

    def _note(self, table: RunsTable, groups: _Groups) -> str:
        runs = [run for at in groups.values() for runs in at.values() for run in runs]
        but = [self._setting(table), self.by]
        others = differing(table, runs, but)
        more = ""
        if others:
            named = listed([cited(table, name) for name in others[:_NAMED]])
            rest = len(others) - _NAMED
            more = f" Averaged over {named if rest <= 0 else count(len(others), 'other setting')}."
        lost = len([run for run in self.where.of(table) if run.status in ENDED]) - len(runs)
        more += f" {count(lost, 'run')} without a value left out." if lost > 0 else ""
        return f"Means over {count(len(runs), 'run')}, with 95 % intervals from three on.{more}"

    def _nothing(self, table: RunsTable) -> str:
        return "No numeric setting has two values with results, so there is no trend to show."


_Groups = dict[str, dict[float, list["Row"]]]


def _enough(groups: _Groups) -> bool:
    return len({x for at in groups.values() for x in at}) >= _FEWEST


def _crowded(xs: Sequence[float]) -> bool:
    """Whether names of these places would stand on each other on a linear axis."""
    width = (xs[-1] - xs[0]) or 1.0
    return any((b - a) / width < 0.06 for a, b in pairwise(xs))


def _number(value: Any) -> float | None:
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
