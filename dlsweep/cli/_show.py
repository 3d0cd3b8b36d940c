"""How runs are shown in a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from dlsweep.sweep import Row, StudyTable

_MOST_DRAWN = 200
_MOST_LOGGED = 6
_HIDDEN = {"wandb_project", "wandb_entity", "device"}
_OF_THE_BEST_EPOCH = ("best_val_accuracy", "test_accuracy")


def console() -> Console:
    """Standard output; plain and as wide as it needs to be where it is no terminal."""
    return Console() if sys.stdout.isatty() else Console(width=200)


def value_text(value: Any) -> str:
    """A metric's value: four decimals, or four significant digits where these say little."""
    if isinstance(value, bool) or not isinstance(value, float | int):
        return ""
    return f"{value:.4f}" if value == 0 or 0.001 <= abs(value) < 100 else f"{value:.4g}"


def varied(rows: Sequence[Row], hidden: Collection[str] = _HIDDEN) -> list[str]:
    """The settings in which runs differ; a run that failed may have only the sweep's own."""
    first: dict[str, Any] = {}
    for row in rows:
        first = {**row.config, **first}

    def differs(key: str, value: Any) -> bool:  # as JSON: 1, 1.0 and true are three values
        text = json.dumps(value, sort_keys=True)
        return any(json.dumps(row.config.get(key, value), sort_keys=True) != text for row in rows)

    return [key for key, value in first.items() if key not in hidden and differs(key, value)]


def results_beside(metric: str) -> list[str]:
    """The results of the model that a run keeps, that of its best epoch, but for the metric."""
    return [name for name in _OF_THE_BEST_EPOCH if name != metric]


def print_runs(study: StudyTable) -> None:
    """Print ``runs_table``; of a large study as plain text, for rich takes milliseconds a row."""
    if len(study.rows) <= _MOST_DRAWN:
        console().print(runs_table(study))
        return
    columns = _columns(study, None, "_")
    parts = []
    for column in columns:
        heading = column.heading.split("\n")
        cells = [heading[0], heading[1] if len(heading) > 1 else "", *column.cells]
        width = max(map(len, cells))
        parts.append([c.rjust(width) if column.right else c.ljust(width) for c in cells])
    lines = ("  ".join(line).rstrip() for line in zip(*parts, strict=True))
    sys.stdout.write("\n".join(lines) + "\n")


def failed_outputs(study: StudyTable) -> str:
    """A line that names the output of the programs that failed; empty where there is none."""
    outputs = [row.info["output"] for row in study.rows if row.reason and "output" in row.info]
    if not outputs:
        return ""
    if len(outputs) == 1:
        return f"all that the failed run wrote: {os.path.relpath(outputs[0])}"
    folders = {Path(output).parent.parent for output in outputs}
    where = ", ".join(f"{os.path.relpath(folder)}/RUN/output.log" for folder in sorted(folders))
    return f"all that each of the {len(outputs)} failed runs wrote: {where}"


def runs_table(study: StudyTable, most: int | None = None) -> Table:
    """The runs, best first: rank, name, accuracies, and the settings in which they differ.

    Above the name of an accuracy stands which epoch it is of: the sweep's metric is what was
    logged last, as in W&B, and the others are of the model that is kept. Where the terminal is too
    narrow, names go on in the next line.
    """
    table = _drawn(_columns(study, most, "_"))
    narrow = console().measure(table).maximum >= console().width
    return _drawn(_columns(study, most, "_\n")) if narrow else table


class _Column(NamedTuple):
    """A column of the table: its heading of one or two lines, its cells, how they are laid out."""

    heading: str
    cells: list[str]
    right: bool = False
    whole: bool = True


def _columns(study: StudyTable, most: int | None, joint: str) -> list[_Column]:
    rows = study.ordered()[:most]
    metric = study.metric.name
    program = study.of_program
    logged = not program and any(
        metric in epoch for row in study.rows for epoch in row.history[-1:]
    )
    ranks = [str(i) if row.value is not None else "" for i, row in enumerate(rows, start=1)]
    states = [f"{row.status.replace('_', ' ')}{_progress(row)}" for row in rows]
    valued = [row.value if row.value is not None else _latest(row, metric) for row in rows]
    values = list(map(value_text, valued))
    found = [
        _Column("#", ranks, right=True),
        _Column("run", [row.name for row in rows]),
        _Column("status", states),
    ]
    beside = _logged(study.rows, metric) if program else results_beside(metric)
    for name in (*([metric] if metric else []), *beside):
        cells = values if name == metric else [value_text(row.summary.get(name)) for row in rows]
        of = "last epoch\n" if logged else ""
        of = "best epoch\n" if name in _OF_THE_BEST_EPOCH and not program else of
        found.append(_Column(of + name.replace("_", joint), cells, right=True))
    for key in varied(study.rows, () if program else _HIDDEN):
        none = "none" if program else ""  # what a built-in run does not have is none of it
        cells = [_setting(row.config[key], none) if key in row.config else "" for row in rows]
        found.append(_Column(key.replace("_", joint), cells, whole=False))
    return found


def _drawn(columns: Sequence[_Column]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        justify: Literal["left", "right"] = "right" if column.right else "left"
        table.add_column(column.heading, justify=justify, no_wrap=column.whole)
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*cells)
    return table


def _progress(row: Row) -> str:
    """How far a running one is, and why another failed."""
    if row.status != "running" or not row.history:
        return f": {row.reason}" if row.reason else ""
    if "epochs" not in row.config or "epoch" not in row.history[-1]:
        return f" {len(row.history)}"
    return f" {row.history[-1]['epoch']}/{row.config['epochs']}"


def _latest(row: Row, metric: str) -> float | None:
    """The metric of a running one."""
    logged = (epoch[metric] for epoch in reversed(row.history) if metric in epoch)
    return next(logged, None) if row.status == "running" else None


def _logged(rows: Sequence[Row], metric: str) -> list[str]:
    """The numbers that runs of a program logged, where no metric is asked for."""
    numbers = (k for row in rows for k, v in row.summary.items() if isinstance(v, int | float))
    return [] if metric else list(dict.fromkeys(numbers))[:_MOST_LOGGED]


def _setting(value: Any, none: str) -> str:
    return none if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
