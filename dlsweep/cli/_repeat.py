"""``dlsweep repeat``: the best configurations of a study trained again over new seeds."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING, Any

from dlsweep.cli._table import value_text
from dlsweep.cli._values import storage_words
from dlsweep.config import ConfigError
from dlsweep.config.kinds import checked_count

if TYPE_CHECKING:
    from dlsweep.sweep import StudyTable
    from dlsweep.sweep.local import Repeated

_TOP = 3
_SEEDS = 5


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "repeat",
        help="train the best configurations of a study again over new seeds",
        description="Train the best configurations of a study again over new seeds, into the same "
        "study, and print the mean and the spread of each. A score that made a configuration the "
        "best was lucky too; these scores chose nothing. What is there already counts: the same "
        "command goes on where it left off, and more seeds add to it.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "study", nargs="?", help="the study's or the sweep's name; the newest by default"
    )
    parser.add_argument("--storage", metavar="FILE", help="the study file (default: dlsweep.db)")
    parser.add_argument("--top", metavar="N", help=f"how many configurations (default: {_TOP})")
    parser.add_argument(
        "--seeds", metavar="N", help=f"with how many new seeds each (default: {_SEEDS})"
    )
    parser.add_argument("--workers", help="stacks or programs at once (default: one for each core)")
    parser.add_argument("--device", help="auto, cpu or cuda, of built-in networks")
    parser.add_argument(
        "--seed-parameter", metavar="NAME", help="the parameter that is your program's seed"
    )
    parser.add_argument(
        "--timeout", metavar="SECONDS", help="a program's run that takes longer has failed"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Train what is missing, then compare; the exit code."""
    from dlsweep.cli._sweep import device_setting, seconds

    top = checked_count("--top", arguments.top, problems) or _TOP
    seeds = checked_count("--seeds", arguments.seeds, problems) or _SEEDS
    workers = checked_count("--workers", arguments.workers, problems)
    timeout = seconds("--timeout", arguments.timeout, problems)
    settings = device_setting(arguments.device, problems)
    if problems:
        raise ConfigError(problems)
    from dlsweep.cli._progress import LiveProgress
    from dlsweep.sweep import LocalSweep, Study, SweepOptions, read_study
    from dlsweep.sweep.local import adding_repeats, best_points, options_without_effect

    name = arguments.study or read_study(arguments.storage, epochs="none").name
    parameter = arguments.seed_parameter
    with Study.open_named(name, arguments.storage) as study:
        flags = ("device", "timeout", "seed_parameter")
        unused = options_without_effect(study.sweep, {n: getattr(arguments, n) for n in flags})
        if unused:
            raise ConfigError([f"--{n.replace('_', '-')}: {why}" for n, why in unused.items()])
        adding = adding_repeats(study, top, seeds, parameter)
        options = SweepOptions(
            storage=arguments.storage,
            workers=workers,
            settings=settings,
            timeout=timeout,
            keep_going=True,
        )
        new = len(adding)
        left = False
        if new:
            print(f"dlsweep: {new} runs with new seeds are trained", file=sys.stderr)
            with LocalSweep(study.sweep, options, study=study, adding=adding) as local:
                with LiveProgress(study.sweep.metric, (), new, "confirmation") as progress:
                    local.run(progress)
                left = local.left
    table = read_study(arguments.storage, study.name)
    if left:
        print("dlsweep: what was trained is saved; the same command goes on", file=sys.stderr)
        raise KeyboardInterrupt
    if not new:
        print("dlsweep: all of these runs are there already", file=sys.stderr)
    _show(table, best_points(table, top, parameter))
    again = shlex.join(["dlsweep", "runs", table.name, *storage_words(arguments.storage)])
    print(f"\nnext: {again}  all runs as a table")
    return 0


def _show(table: StudyTable, repeated: list[Repeated]) -> None:
    """Print each configuration with its first score, and the mean and spread of the new ones."""
    from dlsweep.cli._confirmation import confirmation_lines

    sign = -1 if table.metric.goal == "maximize" else 1
    ordered = sorted(repeated, key=lambda r: (r.mean is None, sign * (r.mean or 0.0)))
    metric = table.metric.name
    lines = [["#", "run", "first", "mean", "± std", "lowest", "highest", "seeds"]]
    for rank, found in enumerate(ordered, start=1):
        numbers = (
            found.point.value,
            found.mean,
            found.deviation,
            min(found.values, default=None),
            max(found.values, default=None),
        )
        name = found.point.rows[0].name
        lines.append([str(rank), name, *map(value_text, numbers), str(len(found.values))])
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    print(f"\n{metric} over new seeds:")
    for line in lines:
        cells = [
            cell.ljust(width) if place == 1 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    failed = sum(row.status == "failed" for found in repeated for row in found.point.confirmations)
    if failed:
        print(f"{failed} of the new runs failed; `dlsweep runs {table.name}` says why")
    print("\n".join(confirmation_lines(table)))
