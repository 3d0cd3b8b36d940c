"""A block: curves of runs that are chosen, in colours and panels by their settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import logged
from dlsweep.report._groups import groups_by
from dlsweep.report._markdown import cell, figure
from dlsweep.report._measures import over
from dlsweep.report._where import ALL, Where
from dlsweep.report._words import count
from dlsweep.report.blocks._block import Block

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable
    from dlsweep.sweep import Row

MOST_LINES = 14
MOST_PANELS = 12
_NOTHING = "The chosen runs have logged nothing of this, so there are no curves to show."


@dataclass(frozen=True)
class Lines(Block):
    """Curves of runs that are chosen, in colours and panels by their settings.

    Attributes:
        metrics: what is drawn, a panel for each; by default the validation accuracy of built-in
            runs, or a program's metric. ``step_loss`` is the loss within epochs (``log_every``).
        where: which runs.
        by: a setting each of whose values has a colour; by default each configuration has one.
        facets: a setting each of whose values has a panel.
        log: whether values stand on a logarithmic axis.
        title: of the figure.
    """

    metrics: tuple[str, ...] = ()
    where: Where = ALL
    by: str = ""
    facets: str = ""
    log: bool = False
    title: str = ""

    def html(self, table: RunsTable, page: Page) -> str:
        """Panels side by side, with a legend."""
        drawn, note = self._panels(table)
        if not drawn:
            return page.missing(_NOTHING)
        from dlsweep.report import drawings

        return page.figure(self._title(table), drawings.inline_panels(page, drawn), note)

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Line plots of the chosen runs, grouped by the setting that has the colours."""
        runs = self.where.of(table)
        drawn, note = self._panels(table)
        if not drawn:
            return panels.markdown(f"{_NOTHING}\n")
        more = {"groupby": panels.setting(self.by)} if self.by else {}
        plots = [panels.lines(table, table.words(n), [n], **more) for n in self._metrics(table)]
        chosen = panels.chosen(table, runs, self._title(table)) if self.where.values else runsets
        return panels.grid(chosen, *plots, columns=2, height=9) + panels.markdown(f"{note}\n")

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A picture with a legend."""
        drawn, note = self._panels(table)
        if not drawn:
            return f"{_NOTHING}\n"
        from dlsweep.report import drawings

        stem = "-".join(["lines", *self._metrics(table), self.by, self.facets])
        stem = re.sub(r"[^\w-]", "", stem).strip("-")[:80]
        stem += f"-{_digest(repr(self))}" if self.where.values else ""
        picture = drawings.save(drawings.sheet(drawn), folder, stem, self._title(table))
        title = self._title(table)
        return figure(title if table.own or self.title else cell(title), picture, note)

    def _metrics(self, table: RunsTable) -> list[str]:
        if self.metrics:
            return list(self.metrics)
        if table.own:
            return ["val_accuracy"]
        return logged(table)[:1]

    def _panels(self, table: RunsTable) -> tuple[list[Any], str]:
        """What is drawn, and how to read it."""
        from dlsweep.report import drawings

        chosen = [run for run in self.where.of(table) if run.history]
        facets = groups_by(table, chosen, [self.facets]) if self.facets else {"": chosen}
        found, left_out, several = [], 0, False
        for metric in self._metrics(table):
            for facet, runs in facets.items():
                groups = groups_by(table, runs, [self.by] if self.by else [])
                kept = self._best(table, groups, metric)
                left_out = max(left_out, len(groups) - len(kept))
                several |= any(len(group) > 1 for group in kept.values())
                lines = [
                    line
                    for label, group in kept.items()
                    if (line := drawings.mean_line(table, group, metric, label)) is not None
                ]
                if lines:
                    within = metric == "step_loss" or not table.own
                    found.append(
                        drawings.LinePanel(
                            ": ".join(t for t in (facet, table.words(metric)) if t),
                            "step" if within else "epoch",
                            lines,
                            share=table.is_share(metric),
                            log_y=self.log,
                            whole=True,
                        )
                    )
        note = "Lines are means over the runs, bands the range of all." if several else ""
        if left_out:
            note += f" The best {MOST_LINES} are shown, {count(left_out, 'other')} left out."
        if len(found) > MOST_PANELS:
            note += f" The first {MOST_PANELS} of {len(found)} panels are shown."
        return found[:MOST_PANELS], note.strip()

    def _best(
        self, table: RunsTable, groups: dict[str, list[Row]], metric: str
    ) -> dict[str, list[Row]]:
        """So many groups as lines can be told apart: the best by the table's metric."""
        if len(groups) <= MOST_LINES:
            return groups
        sign = -1 if table.metric.goal == "maximize" else 1

        def rank(runs: Sequence[Row]) -> tuple[bool, float]:
            values = over(table, runs, table.metric.name)
            return not values.values, sign * values.mean if values.values else 0.0

        best = sorted(groups, key=lambda label: rank(groups[label]))[:MOST_LINES]
        return {label: runs for label, runs in groups.items() if label in best}

    def _title(self, table: RunsTable) -> str:
        names = ", ".join(map(table.words, self._metrics(table)))
        along = "step by step" if not table.own or "step_loss" in self.metrics else "epoch by epoch"
        return self.title or f"{names[:1].upper() + names[1:] if table.own else names}, {along}"


def _digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:6]
