"""A block: how much each setting mattered: importance and correlation, with their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import metric_words
from dlsweep.report._markdown import cell, figure, grid, label
from dlsweep.report._words import code, count, share
from dlsweep.report.blocks._block import Block
from dlsweep.report.statistics import Correlation, Importances, correlations, importances
from dlsweep.report.statistics import Importance as Share

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable

FEWEST_CORRELATED = 10
"""Of fewer configurations, Fisher's interval is wide, or far too narrow for a rare word."""

_TOO_FEW = (
    f"Correlations are shown from {FEWEST_CORRELATED} configurations with a result on: of fewer, "
    "they may be near ±1 by chance."
)


@dataclass(frozen=True)
class Importance(Block):
    """How much each setting mattered: importance and correlation, with their uncertainty."""

    needs = ("judged",)

    def html(self, table: RunsTable, page: Page) -> str:
        """A table with bars, dots and whiskers; the most important setting first."""
        found = page.importances(table)
        related = {(item.setting, item.level): item for item in correlations(table)}
        if found.configurations < FEWEST_CORRELATED:
            return page.missing(_TOO_FEW)
        if not found.settings and not related:
            return page.missing(
                "Importance and correlation need runs with results that differ in their settings "
                f"and in the {metric_words(table)}; there are not enough here."
            )
        top = max((item.high for item in found.settings), default=None)
        rows = []
        for name, item in _rows(found, related):
            rows.append(_row(page, table.words(name), item, top, related.get((name, "")), "main"))
            levels = [level for setting, level in related if setting == name and level]
            for level in levels:
                rows.append(_row(page, level, None, top, related[name, level], "level"))
        heads = (
            '<th scope="col" class="plot">importance</th><th scope="col" class="number"></th>'
            if found.settings
            else ""
        )
        return page.figure(
            "How much each setting mattered"
            if found.settings
            else "How each setting goes with the result",
            page.scroll(
                "Importance and correlation",
                f'<table class="lines"><thead><tr><th scope="col">setting</th>{heads}'
                '<th scope="col" class="plot">correlation, −1 to 1</th><th scope="col" '
                f'class="number"></th></tr></thead><tbody>{"".join(rows)}</tbody></table>',
            ),
            _note(found),
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """W&B's own importance panel, and under it the spread that it does not show."""
        reports = panels.native()
        plot = reports.ParameterImportancePlot(with_respect_to=table.metric.name)
        return panels.grid(runsets, plot) + panels.markdown(self._spread(table))

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A picture of importances and correlations; of few runs the latter alone, as a table."""
        found = importances(table)
        if found.configurations < FEWEST_CORRELATED:
            return f"{_TOO_FEW}\n"
        if not found.enough:
            return _correlated(table)
        from dlsweep.report import drawings

        title = "How much each setting says about the metric"
        return figure(title, drawings.save(drawings.importance(table), folder, "importance", title))

    @staticmethod
    def _spread(table: RunsTable) -> str:
        """The importances with their spread, as text."""
        found = importances(table)
        if not found.enough:
            return (
                f"Too few for importances: {count(found.configurations, 'configuration')} with "
                f"different results; it takes {found.needed}.\n"
            )
        rows = [
            [code(i.setting), share(i.mean), f"{share(i.low)} to {share(i.high)}"]
            for i in found.settings
        ]
        return grid(["setting", "importance", "95 % of the repeats"], rows, (1, 2))


def _correlated(table: RunsTable) -> str:
    """The correlations with their intervals, as a table in Markdown."""
    rows = [
        [
            label(table, c.setting),
            cell(c.level),
            f"{c.r:+.2f}".replace("-", "−"),
            f"{c.low:+.2f} to {c.high:+.2f}".replace("-", "−"),
        ]
        for c in correlations(table)
    ]
    if not rows:
        return "Neither settings nor results differ, so nothing can be correlated.\n"
    return grid(["setting", "value", "correlation", "95 % interval"], rows, (2, 3))


def _rows(
    found: Importances, related: Mapping[tuple[str, str], Correlation]
) -> Iterator[tuple[str, Share | None]]:
    """Every setting, by importance where it is known."""
    if found.settings:
        yield from ((item.setting, item) for item in found.settings)
    else:
        yield from ((name, None) for name in dict.fromkeys(name for name, _ in related))


def _row(
    page: Page,
    name: str,
    share: Share | None,
    top: float | None,
    related: Correlation | None,
    kind: str,
) -> str:
    """A setting with its importance and its correlation, or one of its words with the latter.

    Args:
        top: the largest importance, where a bar ends; None where no setting has one.
    """
    cells = ""
    if share is not None and top is not None:
        cells = (
            '<td class="plot">'
            + page.track(bar=(0, share.mean / top), whisker=(share.low / top, share.high / top))
            + f'</td><td class="number">{100 * share.mean:.0f}\u202f%</td>'
        )
    elif top is not None:
        cells = "<td></td><td></td>"
    if related is None:
        cells += "<td></td><td></td>"
    else:
        whisker = None
        if math.isfinite(related.low):
            whisker = ((related.low + 1) / 2, (related.high + 1) / 2)
        cells += (
            '<td class="plot">'
            + page.track(zero=0.5, dot=(related.r + 1) / 2, whisker=whisker)
            + f'</td><td class="number">{related.r:+.2f}</td>'.replace("-", "−")
        )
    return f'<tr class="{kind}"><th scope="row">{page.breakable(name)}</th>{cells}</tr>'


def _note(found: Importances) -> str:
    """How to read it, and how far it can be trusted."""
    dots = "Dots are Pearson's correlation with the result, whiskers its 95 % interval."
    if not found.settings:
        return (
            f"Importance needs at least {found.needed} different configurations with a result; "
            f"there are {found.configurations}. {dots}"
        )
    known = (
        f"They foretell {100 * found.explained:.0f} % of the variance among configurations that "
        "they have not seen."
        if found.tell
        else "They foretell next to nothing of configurations that they have not seen, so their "
        "importances say little here."
    )
    return (
        f"Bars are importances in random forests, as W&B computes them; whiskers span 95 % of "
        f"repeats over bootstrap samples of the {found.configurations} configurations. {known} "
        f"{dots}"
    )
