"""A block: the best run: its numbers, its configuration and the command that reproduces it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.config import command_line
from dlsweep.report import _panels as panels
from dlsweep.report._data import (
    duration,
    kept_results,
    metric_words,
    plain_numbers,
    result,
    web_address,
    which_epochs,
    words,
)
from dlsweep.report._markdown import cell, grid
from dlsweep.report._runs import level
from dlsweep.report._words import amount
from dlsweep.report.blocks._block import Block
from dlsweep.report.statistics import settings

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import Run, RunsTable

_HIDDEN = {"wandb_project", "wandb_entity", "device", "figures", "examples"}


@dataclass(frozen=True)
class BestRun(Block):
    """The best run: its numbers, its configuration and the command that reproduces it."""

    def html(self, table: RunsTable, page: Page) -> str:
        """Numbers, settings and a command to copy."""
        best = table.best()
        if best is None:
            return page.missing("No run has a result yet, so there is no best one.")
        numbers = {metric_words(table): result(table.metric.name, best.value)}
        for name in (*kept_results(table), "test_loss", "best_epoch", "parameters"):
            if name in best.summary and name != table.metric.name:
                numbers[words(name)] = result(name, best.summary[name])
        numbers["status"] = best.status.replace("_", " ")
        if best.started and best.finished:
            numbers["wall time"] = duration((best.finished - best.started).total_seconds())
        swept = [name for name in table.parameters if name in best.config]
        others = [name for name in best.config if name not in swept and name not in _HIDDEN]
        fixed = _facts(
            {words(name): plain_numbers(level(best.config[name])) for name in others}, page
        )
        more = (
            f"<details><summary>{len(others)} settings that were fixed</summary>{fixed}</details>"
        )
        address = web_address(best.url)
        link = f'<p class="note"><a href="{page.text(address)}">Its page at W&amp;B</a></p>'
        return page.figure(
            f"The best run: {best.name}",
            '<div class="best sans"><section><h3>What it reached</h3>'
            + _facts(numbers, page)
            + (link if address else "")
            + "</section><section><h3>Its settings</h3>"
            + _facts(
                {words(name): plain_numbers(level(best.config[name])) for name in swept},
                page,
                "swept",
            )
            + (more if others else "")
            + "</section><section><h3>To train it again</h3>"
            + page.command(f"python train.py {command_line(best.config)}".rstrip())
            + "</section></div>",
            which_epochs(table),
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The same as text, and the run's own curves."""
        best = table.best()
        if best is None:
            return panels.markdown(self.markdown(table, Path()))
        reports = panels.native()
        plots = [
            reports.LinePlot(
                title=measure,
                x=reports.Metric(panels.name_at(table, "epoch")),
                y=[
                    reports.Metric(panels.name_at(table, f"{split}_{measure}"))
                    for split in ("train", "val")
                ],
                smoothing_factor=0,
            )
            for measure in ("accuracy", "loss")
        ]
        runsets = panels.chosen(table, [best], "The best run")
        return panels.markdown(self.markdown(table, Path())) + panels.grid(
            runsets, *plots, columns=2, height=8
        )

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """Its settings and numbers in a table, and the command."""
        best = table.best()
        if best is None:
            return "No run has a result, so there is no best one.\n"
        facts = {metric_words(table): amount(table, best.value)}
        for name in (*kept_results(table), "test_loss", "best_epoch", "parameters"):
            value = best.summary.get(name)
            if isinstance(value, int | float) and name != table.metric.name:
                text = f"{100 * value:.1f} %" if name.endswith("accuracy") else f"{value:,.6g}"
                facts[words(name)] = text
        facts |= {words(n): cell(level(best.config.get(n))) for n in settings(table)}
        rows = [[name, text] for name, text in facts.items()]
        command = f"python train.py {command_line(best.config)}".rstrip().replace("`", "'")
        return f"{grid(['', cell(best.name)], rows)}\n```sh\n{command}\n```\n"


def _settings(run: Run, names: Sequence[str], page: Page, kind: str = "") -> str:
    """Settings of a run, as a list."""
    return _facts({words(n): plain_numbers(level(run.config[n])) for n in names}, page, kind)


def _facts(facts: Mapping[str, str], page: Page, kind: str = "") -> str:
    """Names and values, as a list."""
    return (
        f'<dl class="facts {kind}">'
        + "".join(
            f"<div><dt>{page.text(name)}</dt><dd>{page.text(value)}</dd></div>"
            for name, value in facts.items()
        )
        + "</dl>"
    )
