"""``dlsweep runs``: the runs of a study as a table."""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from typing import TYPE_CHECKING, Any

from dlsweep.config import ConfigError

if TYPE_CHECKING:
    from dlsweep.sweep import Row, StudyTable


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
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Print the runs, best first, then those without a result."""
    if problems:
        raise ConfigError(problems)
    from dlsweep.sweep import read_study

    study = read_study(arguments.storage, arguments.study)
    if arguments.format == "json":
        records = [_json(_record(row)) for row in ordered(study)]
        print(json.dumps(records, indent=2, allow_nan=False))
    elif arguments.format == "csv":
        _print_csv(study)
    else:
        from dlsweep.cli._show import console, runs_table

        console().print(runs_table(study))
        counts = ", ".join(
            f"{n} {status.replace('_', ' ')}" for status, n in study.counts().items()
        )
        console().print(f"study {study.name}: {counts or 'no runs yet'}", highlight=False)
    return 0


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


def _print_csv(study: StudyTable) -> None:
    rows = ordered(study)
    last = [row.history[-1] if row.history else {} for row in rows]
    logged = [
        {k: v for k, v in {**history, **row.summary}.items() if not isinstance(v, list | dict)}
        for row, history in zip(rows, last, strict=True)
    ]
    config_keys = list(dict.fromkeys(key for row in rows for key in row.config))
    # One column for each name: the learning rate is the configured one, not the last epoch's.
    taken = {"status", *config_keys}
    logged_keys = [k for k in dict.fromkeys(k for row in logged for k in row) if k not in taken]
    fixed = ["number", "name", "run_id", "status", "reason"]
    writer = csv.writer(sys.stdout)
    writer.writerow([*fixed, *config_keys, *logged_keys])
    for row, values in zip(rows, logged, strict=True):
        record = [row.number, row.name, row.run_id, row.status, row.reason]
        record += [_cell(row.config.get(key)) for key in config_keys]
        writer.writerow([*record, *(_cell(values.get(key)) for key in logged_keys)])


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, list | dict) else value
