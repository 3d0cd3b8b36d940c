"""A block: the layers of a run's model, with the shapes that they give and their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.config import ConfigError, RunConfig
from dlsweep.report import _panels as panels
from dlsweep.report._classes import facts_of
from dlsweep.report._markdown import cell, grid
from dlsweep.report._where import Where
from dlsweep.report._words import code
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import lead

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable
    from dlsweep.sweep import Row

_HEADER = ["layer", "kind", "output", "parameters"]
_NOTHING = "Nothing is known of the layers of this run's model."


@dataclass(frozen=True)
class Layers(Block):
    """The layers of a run's model, with the shapes that they give and their parameters.

    Attributes:
        where: which run, of several the first; by default the best.
    """

    where: Where | None = None

    def fits(self, table: RunsTable) -> bool:
        """For built-in networks, and where a program's run has logged its layers."""
        run = self._run(table)
        return table.own or (run is not None and bool(_rows(table, run)))

    def html(self, table: RunsTable, page: Page) -> str:
        """A table."""
        run = self._run(table)
        rows = [] if run is None else _rows(table, run)
        if run is None or not rows:
            return page.missing(_NOTHING)
        body = page.render("numbers.html", columns=_HEADER, groups=[("", rows)], words=(1,))
        title = f"The layers of {run.name}"
        return page.figure(title, page.scroll(title, body), kind="sans")

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The same table as text."""
        return panels.markdown(self.markdown(table, Path()))

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A table."""
        run = self._run(table)
        rows = [] if run is None else _rows(table, run)
        if run is None or not rows:
            return f"{_NOTHING}\n"
        cells = [[*map(cell, row[:3]), row[3]] for row in rows]
        return f"**The layers of {code(run.name)}**\n\n{grid(_HEADER, cells, (2, 3))}"

    def _run(self, table: RunsTable) -> Row | None:
        if self.where is not None:
            return next(iter(self.where.of(table)), None)
        return lead(table) or next(iter(table.runs), None)


def _rows(table: RunsTable, run: Row) -> list[list[str]]:
    """The layers as text, and all parameters in the last row."""
    layers = run.summary.get("layers")
    if not _are_layers(layers):
        layers = _looked_at(run) if table.own else []
    rows = [
        [str(name), str(kind), "×".join(f"{n:,}" for n in shape), f"{count:,}"]
        for name, kind, shape, count in layers or []
    ]
    total = sum(count for *_, count in layers or [])
    return [*rows, ["all", "", "", f"{total:,}"]] if rows else []


def _are_layers(layers: Any) -> bool:
    """Whether these are layers as a summary holds them."""
    return isinstance(layers, list | tuple) and bool(layers) and all(map(_is_layer, layers))


def _is_layer(layer: Any) -> bool:
    return (
        isinstance(layer, list | tuple)
        and len(layer) == 4
        and isinstance(layer[2], list | tuple)
        and all(isinstance(n, int) for n in (*layer[2], layer[3]))
    )


def _looked_at(run: Row) -> list[Any]:
    """The layers of a run that has not logged them, where its data is known."""
    facts = None if run.config.get("features") else facts_of(run)
    if facts is None:
        return []
    from dlsweep.models import layers_of, skeleton  # it imports torch

    try:
        config = RunConfig.restore(run.config)
    except ConfigError:
        return []
    model = skeleton(config, facts.image_shape, len(facts.classes))
    return [*layers_of(model, facts.image_shape)]
