"""``dlsweep export``: a study's runs as a file, a row for each."""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.cli._files import replace_file, unusable
from dlsweep.config import ConfigError

if TYPE_CHECKING:
    from dlsweep.sweep import Row, StudyTable


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "export",
        help="write the runs of a study to a file",
        description="Write the runs of a study to a file, a row for each with its settings and "
        "what it logged last; json has every epoch. The study is only read.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "study", nargs="?", help="the study's or the sweep's name; the newest by default"
    )
    parser.add_argument("--storage", metavar="FILE", help="the study file (default: dlsweep.db)")
    parser.add_argument("--output", metavar="FILE", help="default: standard output")
    parser.add_argument(
        "--format",
        choices=tuple(FORMATS),
        help="default: by FILE's ending, or csv; optuna is for optuna-dashboard",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Write the table; an existing file is replaced in one step."""
    output = None if arguments.output in (None, "-") else Path(arguments.output)
    form = arguments.format or (output and output.suffix[1:].lower()) or "csv"
    if form not in FORMATS:
        known = ", ".join(FORMATS)
        problems.append(f"--output: got {output}, not a known ending; give --format {known}")
    if form in _FILES_ONLY and output is None:
        problems.append(f"--format: {form} is written to a file; give --output FILE")
    if output is not None:
        problems += unusable("--output", arguments.output, example="runs.csv")
    if problems:
        raise ConfigError(problems)
    from dlsweep.sweep import read_study

    study = read_study(arguments.storage, arguments.study)
    content = FORMATS[form](study)
    if output is None:
        sys.stdout.write(content.decode())
        return 0
    replace_file("--output", output, content)
    print(f"{output}: {len(study.rows)} runs of study {study.name}")
    return 0


def as_csv(study: StudyTable) -> bytes:
    """With a header; what is none is empty."""
    columns, rows = study.flat()
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([row.get(name) for name in columns] for row in rows)
    return text.getvalue().encode()


def as_json(study: StudyTable) -> bytes:
    """All that is known of each run, its whole history included."""
    records = [_without_nan(_record(row)) for row in study.ordered()]
    return (json.dumps(records, indent=2, allow_nan=False) + "\n").encode()


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


def _without_nan(value: Any) -> Any:
    """The value with null for NaN and infinities, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_parquet(study: StudyTable) -> bytes:
    """The columns of CSV, with types; one with numbers and words is of words."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        line = "--format: parquet needs pyarrow; pip install 'dlsweep[parquet]'"
        raise ConfigError([line]) from None
    columns, rows = study.flat()
    table = pyarrow.table({name: _column([row.get(name) for row in rows]) for name in columns})
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer)
    return buffer.getvalue()


def _column(values: list[Any]) -> list[Any]:
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) > 1 and kinds != {int, float}:
        return [None if value is None else str(value) for value in values]
    return [float(v) if kinds == {int, float} and v is not None else v for v in values]


def as_optuna(study: StudyTable) -> bytes:
    """A journal of Optuna's, which ``optuna-dashboard FILE`` opens."""
    from dlsweep.sweep import export_optuna

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.log"
        export_optuna(study, path)
        return path.read_bytes()


FORMATS: dict[str, Callable[[StudyTable], bytes]] = {
    "csv": as_csv,
    "json": as_json,
    "parquet": as_parquet,
    "optuna": as_optuna,
}
"""What each format makes of a study."""

_FILES_ONLY = ("parquet", "optuna")
