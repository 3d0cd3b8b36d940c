"""``dlsweep runs``: the runs of a study as a table."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from dlsweep.cli._export import as_csv, as_json
from dlsweep.cli._show import failed_outputs, print_runs
from dlsweep.config import ConfigError

if TYPE_CHECKING:
    from dlsweep.sweep import StudyTable


_WATCH = 2.0  # seconds between looks


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "runs",
        help="list the runs of a study",
        description="Print the runs of a study as a table, best first: rank, name, metric, and the "
        "settings that differ. What is equal in all runs, and columns for which the terminal is "
        "too narrow, are named below it.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "study", nargs="?", help="the study's or the sweep's name; the newest by default"
    )
    parser.add_argument("--storage", metavar="FILE", help="the study file (default: dlsweep.db)")
    parser.add_argument(
        "--format", choices=("table", "json", "csv"), default="table", help="default: table"
    )
    parser.add_argument(
        "--watch", action="store_true", help="show it again while runs are being trained"
    )
    parser.add_argument(
        "--wide", action="store_true", help="show every column, however narrow the terminal is"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Print the runs, best first, then those without a result."""
    if arguments.watch and arguments.format != "table":
        problems.append(
            f"--watch: shows the table; --format {arguments.format} does not go with it"
        )
    if arguments.wide and arguments.format != "table":
        problems.append(f"--wide: is for the table; --format {arguments.format} shows all anyway")
    if problems:
        raise ConfigError(problems)
    from dlsweep.sweep import read_study

    if arguments.watch:
        _watch(arguments)
        return 0
    if arguments.format == "json":
        sys.stdout.write(as_json(read_study(arguments.storage, arguments.study)).decode())
        return 0
    study = read_study(arguments.storage, arguments.study, epochs="last")
    if arguments.format == "csv":
        sys.stdout.write(as_csv(study).decode())
    else:
        _show(study, wide=arguments.wide)
    return 0


def _watch(arguments: argparse.Namespace) -> None:
    """Show the table again whenever something has happened, until no run is in training."""
    from dlsweep.sweep import read_study

    shown = None
    while True:
        study = read_study(arguments.storage, arguments.study, epochs="last")
        if study != shown:
            if sys.stdout.isatty():
                print("\033[H\033[2J", end="")
            _show(study, wide=arguments.wide)
            sys.stdout.flush()
        shown = study
        if not study.counts().get("running"):
            return
        time.sleep(_WATCH)


def _show(study: StudyTable, *, wide: bool) -> None:
    print_runs(study, wide=wide)
    if outputs := failed_outputs(study):
        print(outputs)
    counts = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in study.counts().items())
    stopped = "; stopped, `dlsweep resume` lets it go on" if study.stopped else ""
    print(f"study {study.name}: {counts or 'no runs yet'}{stopped}")
