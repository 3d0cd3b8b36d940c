"""The runs as the page's script reads them: by columns, rounded, once."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from dlsweep.report._classes import classes_of, is_matrix, rounded
from dlsweep.report._runs import PLACES, RunsTable, level
from dlsweep.report._words import four_digits
from dlsweep.report.findings import lead
from dlsweep.sweep import Row

MOST_POINTS = 300_000
"""Of all curves of a program's runs together."""

_COUNTS = ("epoch", "step", "global_step")
_SKIPPED = {"epoch", "seconds", "learning_rate"}  # of the history: what no figure draws
_FIRST = ("best_val_accuracy", "test_accuracy", "test_loss", "best_epoch", "parameters")


def page_data(table: RunsTable) -> dict[str, Any]:
    """Everything the page's script knows, as JSON has it.

    Keys: own, metric, names, ids, urls, status, beside, value, reasons, started and seconds (both
    in seconds, the first from the first start on), settings (those that differ), results, history,
    steps, classes, matrices and best. Columns have one entry for each run.
    """
    runs = table.runs
    best = lead(table)
    history, steps = _own_history(runs) if table.own else _history(table)
    return {
        "own": table.own,
        "metric": {
            "name": table.metric.name,
            "label": metric_words(table),
            "goal": table.metric.goal,
        },
        "names": [run.name for run in runs],
        "ids": [run.id for run in runs],
        "urls": [web_address(run.url) for run in runs],
        "status": [run.status for run in runs],
        "beside": [run.beside for run in runs],
        "value": [rounded(run.value) for run in runs],
        "reasons": {str(i): run.reason for i, run in enumerate(runs) if run.reason},
        **_times(runs),
        "settings": _settings(table),
        "results": _results(table),
        "history": history,
        "steps": steps,
        "classes": classes_of(runs) if table.own else [],
        "matrices": {
            split: [_flat(run.summary.get(f"{split}_confusion")) for run in runs]
            for split in (("val", "test") if table.own else ())
        },
        "best": -1 if best is None else index_of(table, best),
    }


def index_of(table: RunsTable, wanted: Row) -> int:
    """The place of a run in the table."""
    return next(index for index, run in enumerate(table.runs) if run is wanted)


def as_json(value: Any) -> str:
    """JSON that may stand in a script element: nothing in it ends the element or starts another."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def metric_words(table: RunsTable) -> str:
    """The sweep's metric as people say it: final, where it is that of a run's last epoch."""
    return f"{'final ' if is_final(table) else ''}{table.words(table.metric.name)}"


def is_final(table: RunsTable) -> bool:
    """Whether the metric is logged every epoch: then a run's value is that of its last."""
    return table.own and any(
        table.metric.name in epoch for run in table.runs for epoch in run.history[-1:]
    )


def which_epochs(table: RunsTable) -> str:
    """Which epoch the results in a table are of; empty where that is not known."""
    if not (table.own and any("best_epoch" in run.summary for run in table.runs)):
        return ""
    kept = "test results are those of its best epoch, whose model is kept."
    final = "Final means after a run's last epoch; the"
    return f"{final} {kept}" if is_final(table) else f"A run's {kept}"


def other_results(table: RunsTable) -> list[str]:
    """The results that tables show next to the metric: of a program all numbers of the summaries.

    Of built-in networks they are the accuracies of the model that a run keeps, and what
    autoencoders have beside them.
    """
    if not table.own:
        names = {n for run in table.runs for n, v in run.summary.items() if rounded(v) is not None}
        return sorted(name for name in names - {table.metric.name} if not name.startswith("_"))
    return [
        name
        for name in ("best_val_accuracy", "test_accuracy", "test_reconstruction", "silhouette")
        if name != table.metric.name and any(name in run.summary for run in table.runs)
    ]


def logged(table: RunsTable) -> list[str]:
    """What a program's runs have logged step by step: their metric first, mere counts last."""
    counts: Counter[str] = Counter()
    for run in table.runs:
        for row in run.history:
            counts.update(name for name, value in row.items() if rounded(value) is not None)
    names = sorted(name for name in counts if not name.startswith("_"))
    counted = {name for name in names if name.rpartition("/")[2] in _COUNTS}
    return sorted(names, key=lambda name: (name != table.metric.name, name in counted))


def web_address(url: str | None) -> str | None:
    """A run's page; None for anything that is no web address."""
    return url if url and url.startswith(("https://", "http://")) else None


def result(table: RunsTable, name: str, value: Any, digits: int = 1) -> str:
    """A result as text: fractions are read as percentages."""
    number = rounded(value)
    if number is None:
        return "–"
    if table.is_share(name):
        return f"{100 * number:.{digits}f}\u202f%"
    return grouped_digits(number) if isinstance(number, int) else four_digits(number)


def grouped_digits(number: int) -> str:
    """A whole number as people write it: 12,345."""
    return f"{number:,}"


def duration(seconds: float) -> str:
    """A time as people say it: 8.2 s, 12 min 3 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min {int(seconds % 60)} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _times(runs: Sequence[Row]) -> dict[str, list[float | None]]:
    starts = [run.started.timestamp() for run in runs if run.started]
    first = min(starts, default=0.0)
    started = [round(run.started.timestamp() - first, 1) if run.started else None for run in runs]
    seconds = [
        round((run.finished - run.started).total_seconds(), 1)
        if run.started and run.finished
        else None
        for run in runs
    ]
    return {"started": started, "seconds": seconds}


def _settings(table: RunsTable) -> list[dict[str, Any]]:
    """Every setting in which runs differ, those that the sweep varied first."""
    names = dict.fromkeys([*table.parameters, *(key for run in table.runs for key in run.config)])
    found = []
    for name in names:
        column = [_scalar(run.config[name]) if name in run.config else None for run in table.runs]
        values = list(dict.fromkeys(value for value in column if value is not None))
        if (table.own and name in PLACES) or (len(values) < 2 and name not in table.parameters):
            continue
        codes = {value: code for code, value in enumerate(values)}
        found.append(
            {
                "name": name,
                "swept": name in table.parameters,
                "values": values,
                "codes": [-1 if value is None else codes[value] for value in column],
            }
        )
    return found


def _scalar(value: Any) -> int | float | str:
    """A setting as a finite number, or else as text."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    return level(value)


def _results(table: RunsTable) -> dict[str, list[Any]]:
    """The numbers of the summaries, the familiar ones first."""
    keys = sorted({key for run in table.runs for key in run.summary})
    names = [name for name in _FIRST if name in keys]
    names += [key for key in keys if key not in _FIRST and key != table.metric.name]
    columns = {name: [rounded(run.summary.get(name)) for run in table.runs] for name in names}
    return {
        name: column
        for name, column in columns.items()
        if not name.startswith("_") and any(value is not None for value in column)
    }


_History = dict[str, list[list[Any] | None]]
"""For each metric, each run's numbers; None where a run has none of it."""


def _own_history(runs: Sequence[Row]) -> tuple[_History, _History | None]:
    """For each metric, each run's values by epoch; and if they are not 1, 2, 3 … the epochs."""
    keys = {key for run in runs for epoch in run.history for key in epoch} - _SKIPPED
    found: _History = {}
    for key in sorted(key for key in keys if not key.startswith("_")):
        curves = [[rounded(epoch.get(key)) for epoch in run.history] for run in runs]
        if any(value is not None for curve in curves for value in curve):
            found[key] = [curve if any(v is not None for v in curve) else None for curve in curves]
    epochs: list[list[Any] | None] = [
        [rounded(epoch.get("epoch", place)) for place, epoch in enumerate(run.history, start=1)]
        for run in runs
    ]
    counted = all(column == list(range(1, len(column or ()) + 1)) for column in epochs)
    return found, None if counted else {"": epochs}


def _history(table: RunsTable) -> tuple[_History, _History]:
    """For each metric, each run's values, and the steps at which they were logged.

    Of long curves so many points are left out evenly, but for the last, that the page stays small.
    """
    names = logged(table)
    most = max(20, min(500, MOST_POINTS // (len(names) * len(table.runs) or 1)))
    values: _History = {}
    steps: _History = {}
    for name in names:
        curves = [thinned(points(table, run, name), most) for run in table.runs]
        values[name] = [[rounded(value) for _, value in curve] or None for curve in curves]
        steps[name] = [[step for step, _ in curve] or None for curve in curves]
    return values, steps


def points(table: RunsTable, run: Row, name: str) -> list[tuple[Any, Any]]:
    """The finite numbers that a run logged under a name, each with its step."""
    return [pair for pair in table.steps(run, name) if rounded(pair[1]) is not None]


def thinned(items: list[Any], most: int) -> list[Any]:
    """At most about so many of the items, evenly, and the last one."""
    every = -(-len(items) // most)
    return items if every < 2 else [*items[:-1:every], items[-1]]


def _flat(matrix: Any) -> list[int] | None:
    """A square matrix of counts, row after row; None for anything else."""
    return None if not is_matrix(matrix) else [int(count) for row in matrix for count in row]
