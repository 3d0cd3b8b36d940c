"""``dlsweep runs``: the runs of a study as a table."""

from __future__ import annotations

import argparse
import math
import sys
import time
from typing import TYPE_CHECKING, Any

from dlsweep.cli._export import as_csv, as_json
from dlsweep.config import ConfigError

if TYPE_CHECKING:
    from dlsweep.sweep import Row, StudyTable


_WATCH = 2.0  # seconds between looks


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser("runs", help="list the runs of a study", allow_abbrev=False)
    parser.add_argument(
        "study", nargs="?", help="the study's or the sweep's name; the newest by default"
    )
    parser.add_argument("--storage", help="database URL or SQLite file (default: dlsweep.db)")
    parser.add_argument(
        "--format", choices=("table", "json", "csv"), default="table", help="default: table"
    )
    parser.add_argument(
        "--watch", action="store_true", help="show it again while runs are being trained"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Print the runs, best first, then those without a result."""
    if arguments.watch and arguments.format != "table":
        problems.append(
            f"--watch: shows the table; --format {arguments.format} does not go with it"
        )
    if problems:
        raise ConfigError(problems)
    from dlsweep.sweep import read_study

    if arguments.watch:
        _watch(arguments)
        return 0
    study = read_study(arguments.storage, arguments.study)
    if arguments.format == "json":
        sys.stdout.write(as_json(study).decode())
    elif arguments.format == "csv":
        sys.stdout.write(as_csv(study).decode())
    else:
        _show(study)
    return 0


def _watch(arguments: argparse.Namespace) -> None:
    """Show the table again whenever something has happened, until nobody trains any more."""
    from dlsweep.cli._show import console
    from dlsweep.sweep import read_study

    shown = None
    while True:
        study = read_study(arguments.storage, arguments.study)
        if study != shown:
            if console().is_terminal:
                console().clear()
            _show(study)
            sys.stdout.flush()
        shown = study
        if not study.counts().get("running"):
            return
        time.sleep(_WATCH)


def _show(study: StudyTable) -> None:
    from dlsweep.cli._show import console, runs_table

    console().print(runs_table(study))
    counts = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in study.counts().items())
    stopped = "; stopped, `dlsweep resume` lets it go on" if study.stopped else ""
    console().print(f"study {study.name}: {counts or 'no runs yet'}{stopped}", highlight=False)


def records(study: StudyTable) -> list[dict[str, Any]]:
    """All that is known of the runs, best first, as JSON has it."""
    return [_json(_record(row)) for row in ordered(study)]


def ordered(study: StudyTable) -> list[Row]:
    """The runs that have a value, best first, then the others by number."""
    ranked = study.ranked()
    numbers = {row.number for row in ranked}
    return ranked + [row for row in study.rows if row.number not in numbers]


def _record(row: Row) -> dict[str, Any]:
    return {
        "number": row.number,
        "name": row.name,
        "run_id": row.run_id,
        "status": row.status,
        "value": row.value,
        "config": dict(row.config),
        "summary": dict(row.summary),
        "history": list(row.history),
        "reason": row.reason,
        "info": dict(row.info),
        "started": row.started.isoformat() if row.started else None,
        "finished": row.finished.isoformat() if row.finished else None,
    }


def _json(value: Any) -> Any:
    """The value without NaN and infinities, which JSON has no words for: they become null."""
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
