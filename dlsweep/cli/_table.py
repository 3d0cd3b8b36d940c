"""The table of a study's runs as text that fits the terminal."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from dlsweep.config.relations import heeded

if TYPE_CHECKING:
    from dlsweep.sweep import Row, StudyTable

_GAP = "  "
_MOST_LOGGED = 6
_MOST_REASONS = 6
_HIDDEN = {"wandb_project", "wandb_entity", "device"}
_OF_THE_BEST_EPOCH = ("best_val_accuracy", "test_accuracy")
_OF_SOME = ("test_reconstruction", "silhouette")
"""Results of the best epoch that some models alone have."""
_ENDED_WELL = "finished"


class _Column(NamedTuple):
    """A column: its heading's words, its cells, and whether it is shown however narrow it gets."""

    heading: str
    cells: list[str]
    right: bool = False
    always: bool = False
    over: str = ""
    """What stands in a line above the heading."""


def table_lines(
    study: StudyTable,
    width: int | None = None,
    most: int | None = None,
    bold: Callable[[str], str] = str,
) -> list[str]:
    """The runs, best first: rank, name, metric, the settings that differ, then other results.

    Above the name of an accuracy stands which epoch it is of: the sweep's metric is what was
    logged last, as in W&B, and the others are of the model that is kept. Settings that are equal in
    all runs are named in a line below, and so are columns for which the terminal is too narrow, and
    why runs failed. A setting that had no effect beside a run's others is not shown of that run.

    Args:
        study: the runs.
        width: the columns of the terminal; None shows everything.
        most: how many runs are shown; all by default.
        bold: draws the heading.
    """
    if not study.of_program:
        study = dataclasses.replace(
            study,
            rows=tuple(dataclasses.replace(r, config=heeded(r.config)) for r in study.rows),
        )
    from dlsweep.sweep.file import unlike_losses

    rows = study.ordered()[:most]
    columns = _columns(study, rows)
    kept = columns if width is None else _that_fit(columns, width)
    lines = _drawn(kept, bold, packed=width is not None and _width(kept, packed=False) > width)
    if len(rows) < len(study.rows):
        lines.append(f"… and {len(study.rows) - len(rows)} more; `dlsweep runs` shows all")
    below = _reasons(study.rows)
    if not study.of_program:
        valued = [row for row in study.rows if row.value is not None]
        losses = [row.config["loss"] for row in valued if "loss" in row.config]
        below += filter(None, [unlike_losses(study.metric, losses)])
    if equal := _equal(study):
        below.append(f"equal in all runs: {equal}")
    if dropped := [column.heading for column in columns if column not in kept]:
        below.append(f"not shown: {', '.join(dropped)}; `dlsweep runs --wide` shows all")
    return [*lines, "", *below] if below else lines


def value_text(value: Any) -> str:
    """A metric's value: four decimals, or four significant digits where these say little."""
    if isinstance(value, bool) or not isinstance(value, float | int):
        return ""
    return f"{value:.4f}" if value == 0 or 0.001 <= abs(value) < 100 else f"{value:.4g}"


def metric_text(value: Any) -> str:
    """A metric's value; a count, such as that of the parameters, as one."""
    whole = isinstance(value, int | float) and value >= 100 and value == int(value)
    return f"{value:,.0f}" if whole else value_text(value)


def results_beside(metric: str) -> list[str]:
    """The results of the model that a run keeps, that of its best epoch, but for the metric."""
    return [name for name in _OF_THE_BEST_EPOCH if name != metric]


# Columns


def _columns(study: StudyTable, rows: Sequence[Row]) -> list[_Column]:
    """All columns, those that matter most first."""
    from dlsweep.sweep.file import objective

    metric, program = study.metric.name, study.of_program
    ranked = len(study.ranked())
    ranks = [str(i) if i <= ranked else "" for i in range(1, len(rows) + 1)]
    found = [
        _Column("#", ranks, right=True, always=True),
        _Column("run", [row.name for row in rows], always=True),
    ]
    beside = _logged(study.rows) if program and not metric else []
    if not program:
        some = (n for n in _OF_SOME if n != metric and any(n in row.summary for row in rows))
        beside += [*results_beside(metric), *some]
    if metric:
        values = [row.value if row.value is not None else _latest(row, metric) for row in rows]
        last = any(metric in epoch for row in study.rows for epoch in row.history[-1:])
        over = "last epoch" if last and not program else _over(metric, program)
        shown = list(map(value_text, values))
        found.append(_Column(metric, shown, right=True, always=True, over=over))
    for other in study.others:
        values = [objective(other, row.history, row.summary) for row in rows]
        found.append(_Column(other.name, list(map(metric_text, values)), right=True, always=True))
        beside = [name for name in beside if name != other.name]
    none = "none" if program else ""  # what a built-in run does not have is none of it
    for key in varied(study.rows, () if program else _HIDDEN):
        cells = [_setting(row.config[key], none) if key in row.config else "" for row in rows]
        found.append(_Column(key, cells))
    if any(row.status != _ENDED_WELL or row.role == "confirmation" for row in study.rows):
        names = {row.number: row.name for row in study.rows}
        found.append(_Column("status", [_state(row, names) for row in rows], always=True))
    for name in beside:
        cells = [value_text(row.summary.get(name)) for row in rows]
        found.append(_Column(name, cells, right=True, over=_over(name, program)))
    return found


def varied(rows: Sequence[Row], hidden: Collection[str] = _HIDDEN) -> list[str]:
    """The settings in which runs differ; a run that failed may have only the sweep's own."""
    first: dict[str, Any] = {}
    for row in rows:
        first = {**row.config, **first}

    def differs(key: str, value: Any) -> bool:  # as JSON: 1, 1.0 and true are three values
        text = json.dumps(value, sort_keys=True)
        return any(json.dumps(row.config.get(key, value), sort_keys=True) != text for row in rows)

    return [key for key, value in first.items() if key not in hidden and differs(key, value)]


def _equal(study: StudyTable) -> str:
    """The settings of the sweep file, or of a program, that are equal in all runs."""
    if not study.rows or study.sweep is None:
        return ""
    differ = varied(study.rows, ())
    config = {key: value for row in reversed(study.rows) for key, value in row.config.items()}
    names = [n for n in study.sweep.parameters if n in config and n not in differ]
    return ", ".join(f"{name} {_setting(config[name], 'none')}" for name in names)


def _over(name: str, program: bool) -> str:
    return "best epoch" if name in (*_OF_THE_BEST_EPOCH, *_OF_SOME) and not program else ""


def _state(row: Row, names: Mapping[int, str]) -> str:
    """What a run does, and which one it confirms with another seed."""
    state = f"{row.status.replace('_', ' ')}{_progress(row)}"
    if row.role != "confirmation":
        return state
    confirms = f"confirms {names.get(row.point, row.point)}"
    return confirms if row.status == _ENDED_WELL else f"{state}, {confirms}"


def _progress(row: Row) -> str:
    """How far a running one is."""
    if row.status != "running" or not row.history:
        return ""
    if "epochs" not in row.config or "epoch" not in row.history[-1]:
        return f" {len(row.history)}"
    return f" {row.history[-1]['epoch']}/{row.config['epochs']}"


def _latest(row: Row, metric: str) -> float | None:
    """The metric of a running one."""
    logged = (epoch[metric] for epoch in reversed(row.history) if metric in epoch)
    return next(logged, None) if row.status == "running" else None


def _logged(rows: Sequence[Row]) -> list[str]:
    """The numbers that runs of a program logged, where no metric is asked for."""
    numbers = (k for row in rows for k, v in row.summary.items() if isinstance(v, int | float))
    return list(dict.fromkeys(numbers))[:_MOST_LOGGED]


def _setting(value: Any, none: str) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return none if value is None else str(value).replace("\n", "\\n")


def _reasons(rows: Iterable[Row]) -> list[str]:
    """Why runs failed, a line for each reason, the most frequent first."""
    failed = [row for row in rows if row.reason]
    counted = Counter(row.reason for row in failed).most_common()
    lines = []
    for reason, count in counted[:_MOST_REASONS]:
        first = next(row.name for row in failed if row.reason == reason)
        others = f" and {count - 1} more" if count > 1 else ""
        lines.append(f"{first}{others} failed: {reason}")
    if left := sum(count for _, count in counted[_MOST_REASONS:]):
        lines.append(f"{left} more failed for other reasons")
    return lines


# Layout


def _packed(column: _Column) -> list[str]:
    """The heading in lines about as short as the cells; it breaks after underscores and slashes."""
    room = max([len(column.over), *map(len, column.cells)], default=0)
    lines = [""]
    for piece in column.heading.replace("_", "_\n").replace("/", "/\n").split("\n"):
        if lines[-1] and len(lines[-1]) + len(piece) > room:
            lines.append("")
        lines[-1] += piece
    return [column.over, *lines] if column.over else lines


def _heading(column: _Column, *, packed: bool) -> list[str]:
    if packed:
        return _packed(column)
    return [column.over, column.heading] if column.over else [column.heading]


def _column_width(column: _Column, *, packed: bool) -> int:
    return max(map(len, [*_heading(column, packed=packed), *column.cells]))


def _width(columns: Sequence[_Column], *, packed: bool) -> int:
    return sum(_column_width(c, packed=packed) + len(_GAP) for c in columns) - len(_GAP)


def _that_fit(columns: Sequence[_Column], width: int) -> list[_Column]:
    """The columns for which there is room, all of them if need be with headings of many lines."""
    if _width(columns, packed=False) <= width:
        return list(columns)
    kept = {i for i, column in enumerate(columns) if column.always}
    for i in range(len(columns)):
        chosen = [columns[k] for k in sorted(kept | {i})]
        if _width(chosen, packed=True) <= width:
            kept.add(i)
    return [columns[i] for i in sorted(kept)]


def _drawn(columns: Sequence[_Column], bold: Callable[[str], str], *, packed: bool) -> list[str]:
    headings = [_heading(column, packed=packed) for column in columns]
    height = max(map(len, headings))
    parts = []
    for column, heading in zip(columns, headings, strict=True):
        cells = [*[""] * (height - len(heading)), *heading, *column.cells]
        wide = max(map(len, cells))
        parts.append([c.rjust(wide) if column.right else c.ljust(wide) for c in cells])
    lines = [_GAP.join(line).rstrip() for line in zip(*parts, strict=True)]
    return [bold(line) for line in lines[:height]] + lines[height:]
