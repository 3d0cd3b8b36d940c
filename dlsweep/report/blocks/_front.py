"""A block: the best compromises between the several metrics of a sweep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import result
from dlsweep.report._markdown import cell, figure, grid
from dlsweep.report._words import listed
from dlsweep.report.blocks._block import Block
from dlsweep.report.statistics import Configuration, repeated
from dlsweep.sweep import objective
from dlsweep.sweep.study import unbeaten

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable
    from dlsweep.sweep import Row

_WHOLE = ("finished", "early_stopped")
_MOST = 30


@dataclass(frozen=True)
class Front(Block):
    """The configurations that no other one beats in all metrics of a sweep that has several."""

    needs = ("judged", "others")

    def html(self, table: RunsTable, page: Page) -> str:
        """A picture for each further metric, and the compromises as a table."""
        found = _Found(table)
        if not found.front:
            return page.missing(_NOTHING)
        from dlsweep.report import drawings

        pictures = [
            drawings.inline(found.drawn(i), found.said(i)) for i in range(1, len(table.metrics))
        ]
        head = "".join(f'<th scope="col">{page.breakable(name)}</th>' for name in found.head)
        body = "".join(
            f'<tr><th scope="row">{page.whole_words(first)}</th>'
            + "".join(f'<td class="number">{page.text(text)}</td>' for text in rest)
            + "</tr>"
            for first, *rest in found.rows
        )
        numbers = (
            f'<table class="lines"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        )
        return page.figure(
            found.title,
            page.render("panels.html", panels=pictures, legend=[], numbers="")
            + page.scroll(found.title, numbers),
            found.note,
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """A scatter plot for each further metric, and the compromises as text."""
        reports = panels.native()
        plots = [
            reports.ScatterPlot(
                title=f"{table.words(table.metric.name)} against {table.words(other.name)}",
                x=reports.SummaryMetric(other.name),
                y=panels.metric(table),
            )
            for other in table.others
        ]
        return panels.grid(runsets, *plots) + panels.markdown(_Found(table).text)

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A picture for each further metric, and the compromises as a table."""
        found = _Found(table)
        if not found.front:
            return f"{_NOTHING}\n"
        from dlsweep.report import drawings

        parts = []
        for i in range(1, len(table.metrics)):
            with drawings.figure(3.2) as (drawn, [[axes]]):
                found.drawn(i)(axes)
            picture = drawings.save(drawn, folder, f"front-{i}", found.said(i))
            parts.append(figure(found.said(i), picture))
        return "\n".join([*parts, found.text])


_NOTHING = "No run that was trained to its end has all metrics."


class _Found:
    """The configurations that have all metrics, and which of them no other one beats."""

    def __init__(self, table: RunsTable) -> None:
        self._table = table
        self._all: list[tuple[Configuration, tuple[float, ...]]] = []
        for configuration in repeated(table) if table.judged else ():
            new = [run for run in configuration.runs if run.beside]
            values = [_values(table, run) for run in new or configuration.runs]
            if all(values):
                means = tuple(map(fmean, zip(*values, strict=True)))
                self._all.append((configuration, means))
        self.front = unbeaten([values for _, values in self._all], table.metrics)

    @property
    def title(self) -> str:
        goals = [
            f"{'most' if m.goal == 'maximize' else 'least'} {self._table.words(m.name)}"
            for m in self._table.metrics
        ]
        return f"The best compromises: {listed(goals)}"

    @property
    def note(self) -> str:
        return (
            f"{len(self.front):,} of {len(self._all):,} configurations: no other one beats them in "
            "all metrics. What was trained over new seeds has the means of these; runs that were "
            "stopped early are left out."
        )

    @property
    def head(self) -> list[str]:
        return ["run", *(self._table.words(metric.name) for metric in self._table.metrics)]

    @property
    def rows(self) -> list[list[str]]:
        found = []
        for place in self.front[:_MOST]:
            configuration, values = self._all[place]
            cells = [
                result(self._table, metric.name, int(v) if v == int(v) else v, 2)
                for metric, v in zip(self._table.metrics, values, strict=True)
            ]
            found.append([configuration.runs[0].name, *cells])
        return found

    @property
    def text(self) -> str:
        """The table, with its note."""
        if not self.front:
            return f"{_NOTHING}\n"
        cells = [[cell(text) for text in row] for row in self.rows]
        columns = range(1, len(self.head))
        return f"{grid(list(map(cell, self.head)), cells, columns)}\n{self.note}\n"

    def said(self, i: int) -> str:
        """What the picture of a further metric shows."""
        table = self._table
        up, across = table.words(table.metric.name), table.words(table.metrics[i].name)
        return f"{up} against {across} of every configuration, with the best compromises"

    def drawn(self, i: int) -> Any:
        """What draws a picture of a further metric."""
        metrics = self._table.metrics
        pairs = [(values[0], values[i]) for _, values in self._all]
        front = unbeaten(pairs, (metrics[0], metrics[i]))

        def draw(axes: Any) -> None:
            from dlsweep.report import drawings

            drawings.draw_front(axes, self._table, (metrics[0], metrics[i]), pairs, front)

        return draw


def _values(table: RunsTable, run: Row) -> tuple[float, ...]:
    """A run's metrics; nothing unless it was trained to its end and has all of them."""
    values = [objective(metric, run.history, run.summary) for metric in table.metrics]
    known = tuple(value for value in values if value is not None)
    return known if len(known) == len(values) and run.status in _WHOLE else ()
