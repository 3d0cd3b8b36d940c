"""A block: the best run: its numbers, its configuration and the command that reproduces it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import (
    duration,
    metric_words,
    other_results,
    result,
    web_address,
    which_epochs,
)
from dlsweep.report._markdown import cell, commands, grid, label, metric_label
from dlsweep.report._runs import PLACES, level, plain_numbers
from dlsweep.report._words import amount
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import find, lead
from dlsweep.report.statistics import settings, training_seconds

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable
    from dlsweep.sweep import Row

_HIDDEN = {*PLACES, "figures", "examples"}


@dataclass(frozen=True)
class BestRun(Block):
    """The best run: its numbers, its configuration and the command that reproduces it."""

    needs = ("judged",)

    def html(self, table: RunsTable, page: Page) -> str:
        """Numbers, settings and a command to copy."""
        best = lead(table)
        if best is None:
            return page.missing("No run has a result yet, so there is no best one.")
        numbers = [(metric_words(table), result(table, table.metric.name, best.value))]
        numbers += _mean(table)
        for name in _results(table, best):
            numbers.append((table.words(name), result(table, name, best.summary[name])))
        numbers.append(("status", best.status.replace("_", " ")))
        seconds = training_seconds(table, best)
        if seconds is not None:
            numbers.append(("training time" if table.own else "time", duration(seconds)))
        swept = [name for name in table.parameters if name in best.config]
        hidden = {*swept, *(_HIDDEN if table.own else ())}
        others = [name for name in best.config if name not in hidden]
        fixed = _settings(table, best, others, page)
        more = (
            f"<details><summary>{len(others)} settings that were fixed</summary>{fixed}</details>"
        )
        address = web_address(best.url)
        link = f'<p class="note"><a href="{page.text(address)}">Its page at W&amp;B</a></p>'
        command = table.command(best.config)
        verb = "train" if table.own else "run"
        again = (
            f"<section><h3>To {verb} it again</h3>{page.command(command)}</section>"
            if command
            else ""
        )
        return page.figure(
            f"The best run: {best.name}",
            '<div class="best sans"><section><h3>What it reached</h3>'
            + _facts(numbers, page)
            + (link if address else "")
            + "</section><section><h3>Its settings</h3>"
            + _settings(table, best, swept, page, "swept")
            + (more if others else "")
            + "</section>"
            + again
            + "</div>",
            which_epochs(table),
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The same as text, and the run's own curves."""
        best = lead(table)
        if best is None:
            return panels.markdown(self.markdown(table, Path()))
        pairs = {m: (f"train_{m}", f"val_{m}") for m in ("accuracy", "loss")}
        lines = pairs if table.own else {table.metric.name: (table.metric.name,)}
        plots = [panels.lines(table, title, names) for title, names in lines.items()]
        runsets = panels.chosen(table, [best], "The best run")
        return panels.markdown(self.markdown(table, Path())) + panels.grid(
            runsets, *plots, columns=2, height=8
        )

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """Its settings and numbers in a table, and the command."""
        best = lead(table)
        if best is None:
            return "No run has a result, so there is no best one.\n"
        rows = [[metric_label(table), amount(table, best.value)], *map(list, _mean(table))]
        for name in _results(table, best):
            rows.append([label(table, name), result(table, name, best.summary[name], 1)])
        names = settings(table) if table.own else best.config
        rows += [[label(table, n), cell(level(best.config.get(n)))] for n in names]
        command = table.command(best.config)
        again = f"\n{commands(command)}" if command else ""
        return f"{grid(['', cell(best.name)], rows)}{again}"


def _mean(table: RunsTable) -> list[tuple[str, str]]:
    """The mean over its seeds, where it was run more than once."""
    best = find(table).best
    if best is None or best.seeds == 1:
        return []
    seeds = "seeds" if table.own else "runs"
    return [(f"mean over {best.seeds} {seeds}", result(table, table.metric.name, best.value))]


def _results(table: RunsTable, best: Row) -> list[str]:
    """What is shown of its summary beside the metric."""
    more = ("test_loss", "best_epoch", "parameters") if table.own else ()
    names = (*other_results(table), *more)
    return [name for name in names if name in best.summary and name != table.metric.name]


def _settings(table: RunsTable, run: Row, names: Sequence[str], page: Page, kind: str = "") -> str:
    """Settings of a run, as a list."""
    shown = [(table.words(n), plain_numbers(level(run.config[n]))) for n in names]
    return _facts(shown, page, kind)


def _facts(facts: Sequence[tuple[str, str]], page: Page, kind: str = "") -> str:
    """Names and values, as a list."""
    return (
        f'<dl class="facts {kind}">'
        + "".join(
            f"<div><dt>{page.text(name)}</dt><dd>{page.text(value)}</dd></div>"
            for name, value in facts
        )
        + "</dl>"
    )
