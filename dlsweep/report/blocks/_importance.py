"""A block: one verdict for each setting, and how much of the metric's variance goes with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import metric_words
from dlsweep.report._markdown import figure, grid, label, metric_label
from dlsweep.report._words import share
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import VERDICTS, Effect, find

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable

_TITLE = "How much of the variance goes with each setting"
_NOTHING = "The runs differ in no setting, or none has a result."
_PANEL = (
    "W&B's panel ranks the settings by a random forest, whether beyond chance or not; the table "
    "says which of them are known to matter."
)


@dataclass(frozen=True)
class Importance(Block):
    """One verdict for each setting, and how much of the metric's variance goes with it."""

    needs = ("judged",)

    def html(self, table: RunsTable, page: Page) -> str:
        """A table with bars and whiskers; the most important setting first."""
        found = find(table)
        if not found.effects or not found.valued:
            return page.missing(_NOTHING)
        top = max(effect.share_high for effect in found.effects)
        rows = "".join(_row(page, table, effect, max(top, 1e-9)) for effect in found.effects)
        return page.figure(
            _TITLE,
            page.scroll(
                _TITLE,
                '<table class="lines"><thead><tr><th scope="col">setting</th>'
                '<th scope="col" class="plot">share of the variance</th>'
                '<th scope="col" class="number"></th><th scope="col">verdict</th></tr></thead>'
                f"<tbody>{rows}</tbody></table>",
            ),
            _note(table),
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """W&B's own importance panel, and under it the verdicts, which it does not know."""
        reports = panels.native()
        plot = reports.ParameterImportancePlot(with_respect_to=table.metric.name)
        panel = panels.grid(runsets, plot)
        return panel + panels.markdown(self._table(table), _PANEL if panel else "")

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A table of the verdicts, and a picture of the shares where there are some."""
        found = find(table)
        if not any(effect.share > 0 for effect in found.effects):
            return self._table(table)
        from dlsweep.report import drawings

        picture = drawings.save(drawings.importance(table), folder, "importance", _TITLE)
        return f"{figure(_TITLE, picture, _note(table))}\n{self._table(table)}"

    @staticmethod
    def _table(table: RunsTable) -> str:
        """The verdicts and the shares as text."""
        found = find(table)
        if not found.effects or not found.valued:
            return f"{_NOTHING}\n"
        rows = [
            [label(table, e.setting), VERDICTS[e.verdict], share(e.share), _between(e)]
            if e.share > 0
            else [label(table, e.setting), VERDICTS[e.verdict], "–", ""]
            for e in found.effects
        ]
        return grid(["setting", "verdict", "share of the variance", "95 % interval"], rows, (2, 3))


def _between(effect: Effect) -> str:
    return f"{share(effect.share_low)} to {share(effect.share_high)}"


def _row(page: Page, table: RunsTable, effect: Effect, top: float) -> str:
    """A setting with its share, where it is known to matter, and its verdict."""
    cells = '<td class="plot"></td><td></td>'
    if effect.share > 0:
        whisker = (effect.share_low / top, effect.share_high / top)
        cells = (
            f'<td class="plot">{page.track(bar=(0, effect.share / top), whisker=whisker)}</td>'
            f'<td class="number">{share(effect.share)}</td>'
        )
    name = page.breakable(table.words(effect.setting))
    verdict = page.text(VERDICTS[effect.verdict])
    return f'<tr class="main"><th scope="row">{name}</th>{cells}<td>{verdict}</td></tr>'


def _note(table: RunsTable) -> str:
    """How to read it, and how far it goes."""
    found = find(table)
    if not any(effect.share > 0 for effect in found.effects):
        return (
            f"No setting is known to matter: what differs in {metric_words(table)} is within "
            "chance, or there are too few runs."
        )
    return (
        f"The settings that matter account for {share(found.explained)} of the variance of "
        f"{metric_label(table)} over all configurations; lines are 95 % intervals "
        "(bootstrap)."
    )
