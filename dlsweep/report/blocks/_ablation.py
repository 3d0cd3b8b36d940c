"""A block: what changes where one setting alone changes, a table for each setting."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from dlsweep.report import _panels as panels
from dlsweep.report._data import other_results
from dlsweep.report._markdown import cell, figure, grid
from dlsweep.report._measure_words import (
    cited,
    gain,
    in_brackets,
    mean_and_interval,
    measure_words,
)
from dlsweep.report._measures import over
from dlsweep.report._runs import plain_numbers
from dlsweep.report._where import Where
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import Ablated, Step, ablation, find

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable
    from dlsweep.sweep import Row

_OWN = ("train_accuracy", "val_accuracy", "test_accuracy")
_NOTHING = "No two configurations differ in one setting alone, so there is no ablation to show."


@dataclass(frozen=True)
class Ablation(Block):
    """What changes where one setting alone changes: a table for each setting.

    Attributes:
        base: the runs that the others are compared with; by default those of the configuration
            that most others differ from in one setting alone.
        settings: which settings, in this order; by default all that are found.
        metric: what the differences are of; by default the validation accuracy of the model that a
            run keeps, or a program's metric.
    """

    base: Where | None = None
    settings: tuple[str, ...] = ()
    metric: str = ""

    needs = ("judged",)

    def html(self, table: RunsTable, page: Page) -> str:
        """A table for each setting, with the curve of each value."""
        found = self._found(table)
        if found is None:
            return page.missing(_NOTHING)
        curve = self._curve(table)
        columns = ["", *self._header(table), measure_words(table, curve), "remark"]
        groups = []
        for name, steps in found.factors.items():
            sparks = _sparks(table, steps, curve)
            rows = [
                [
                    page.breakable(plain_numbers(step.text)),
                    *self._cells(table, step),
                    spark,
                    _remark(table, step),
                ]
                for step, spark in zip(steps, sparks, strict=True)
            ]
            groups.append((table.words(name), rows))
        words = (len(columns) - 2, len(columns) - 1)
        body = page.render("numbers.html", columns=columns, groups=groups, words=words)
        title = "What each setting changes alone"
        return page.figure(title, page.scroll(title, body), self._note(table), "sans")

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The tables as text, and the curves of each setting's runs."""
        found = self._found(table)
        if found is None:
            return panels.markdown(f"{_NOTHING}\n")
        blocks = []
        for name, steps in found.factors.items():
            runs = [run for step in steps for run in step.runs]
            plot = panels.lines(table, table.words(name), [self._curve(table)])
            chosen = panels.chosen(table, runs, name)
            blocks += panels.markdown(self._table(table, name, steps))
            blocks += panels.grid(chosen, plot, height=8)
        return blocks + panels.markdown(self._note(table))

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A table for each setting, and a picture of the curves of all values."""
        found = self._found(table)
        if found is None:
            return f"{_NOTHING}\n"
        parts = [self._table(table, name, steps) for name, steps in found.factors.items()]
        parts.append(f"{self._note(table)}\n")
        from dlsweep.report import drawings

        curve = self._curve(table)
        drawn = [
            panel
            for name, steps in found.factors.items()
            if (panel := _panel(table, name, steps, curve)).lines
        ]
        if drawn:
            title = f"Curves of {measure_words(table, curve)}"
            alt = f"{title}, a panel for each setting"
            picture = drawings.save(drawings.sheet(drawn), folder, "ablation", alt)
            parts.append(figure(f"The {measure_words(table, curve)} of each value", picture))
        return "\n".join(parts)

    def _found(self, table: RunsTable) -> Ablated | None:
        return ablation(table, self._metric(table), self.base, self.settings)

    def _metric(self, table: RunsTable) -> str:
        return self.metric or ("val_accuracy" if table.own else table.metric.name)

    def _columns(self, table: RunsTable) -> list[str]:
        """The metrics that are shown, that of the differences among them."""
        names = [*_OWN] if table.own else [table.metric.name, *other_results(table)[:2]]
        return list(dict.fromkeys([*names, self._metric(table)]))

    def _curve(self, table: RunsTable) -> str:
        metric = self._metric(table)
        return "val_accuracy" if table.own and metric.startswith("test") else metric

    def _header(self, table: RunsTable) -> list[str]:
        short = (
            {f"{split}_accuracy": words for split, words in _SPLITS.items()} if table.own else {}
        )
        names = [short.get(n, measure_words(table, n)) for n in self._columns(table)]
        return [
            *names,
            "difference",
            *(["epochs"] if table.own else []),
            "seeds" if table.own else "runs",
        ]

    def _cells(self, table: RunsTable, step: Step) -> list[tuple[str, str]]:
        """Numbers, each with its interval."""
        metric = self._metric(table)
        cells = [
            mean_and_interval(table, name, over(table, step.runs, name))
            for name in self._columns(table)
        ]
        difference = gain(table, metric, step.difference, step.low, step.high)
        cells.append(("base", "") if step.is_base else difference)
        cells += [(_epochs(step.runs), "")] if table.own else []
        return [*cells, (f"{len(step.runs):,}", "")]

    def _table(self, table: RunsTable, name: str, steps: Sequence[Step]) -> str:
        columns = self._header(table)
        rows = [
            [
                cell(plain_numbers(step.text)),
                *(in_brackets(*pair) for pair in self._cells(table, step)),
                _remark(table, step),
            ]
            for step in steps
        ]
        named = (
            columns if table.own else [cell(c) if c in self._columns(table) else c for c in columns]
        )
        header = [table.words(name) if table.own else cell(name), *named, "remark"]
        return grid(header, rows, range(1, len(columns) + 1))

    def _note(self, table: RunsTable) -> str:
        of = cited(table, self._metric(table))
        points = " in percentage points" if table.is_share(self._metric(table)) else ""
        kept = "Accuracies are those of the best epoch, whose model is kept. " if table.own else ""
        return (
            f"{kept}Differences are of the {of} from the base's,{points} over equal seeds where "
            "there are any. Intervals are of 95 %, from three seeds on."
        )


_SPLITS = {"train": "training", "val": "validation", "test": "test"}


def _epochs(runs: Sequence[Row]) -> str:
    """How many epochs were run."""
    counts = sorted({len(run.history) for run in runs})
    return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _remark(table: RunsTable, step: Step) -> str:
    """What became of runs that did not simply come to their end."""
    chance = find(table).chance
    never = {id(run) for run in chance.runs} if chance is not None else set()
    words = Counter[str]()
    for run in step.runs:
        if run.status in ("diverged", "failed"):
            words[run.status] += 1
        elif id(run) in never:
            words["never learned"] += 1
        elif run.status == "early_stopped":
            words["stopped early"] += 1
        elif run.status not in ("finished",):
            words[run.status.replace("_", " ")] += 1
    of = len(step.runs)
    return ", ".join(w if n == of else f"{n} of {of} {w}" for w, n in words.items())


def _sparks(table: RunsTable, steps: Sequence[Step], name: str) -> list[Markup]:
    """The curves of the runs of each step, as small as a word, all on one scale."""
    curves = [
        [
            [
                (float(x), float(y))
                for x, y in table.steps(run, name)
                if _is_number(x) and _is_number(y)
            ]
            for run in step.runs
        ]
        for step in steps
    ]
    points = [point for step in curves for curve in step for point in curve]
    if not points:
        return [Markup("")] * len(steps)
    (left, right), (low, high) = ((min(c), max(c)) for c in zip(*points, strict=True))

    def line(curve: Sequence[tuple[float, float]]) -> Markup:
        places = (
            f"{88 * (x - left) / ((right - left) or 1):.1f},"
            f"{22 - 20 * (y - low) / ((high - low) or 1):.1f}"
            for x, y in curve
        )
        return Markup('<polyline points="{}"></polyline>').format(" ".join(places))

    svg = Markup('<svg class="spark" viewBox="-1 0 90 24" aria-hidden="true">{}</svg>')
    return [svg.format(Markup("").join(map(line, step))) for step in curves]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _panel(table: RunsTable, name: str, steps: Sequence[Step], metric: str) -> Any:
    """The mean curves of each value of a setting."""
    from dlsweep.report.drawings import LinePanel, mean_line

    lines = [
        line
        for step in steps
        if (line := mean_line(table, step.runs, metric, plain_numbers(step.text))) is not None
    ]
    return LinePanel(
        table.words(name),
        "epoch" if table.own else "step",
        lines,
        share=table.is_share(metric),
        whole=True,
        legend=True,
    )
