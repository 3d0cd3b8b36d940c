"""``dlsweep agent``: `wandb agent` that trains as many runs at once as the device can."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from typing import TYPE_CHECKING, Any

from dlsweep.cli._errors import INTERRUPTED
from dlsweep.cli._sweep import BUILT_IN, command_text
from dlsweep.config import ConfigError, canonical_value
from dlsweep.config.kinds import checked_count

if TYPE_CHECKING:
    from dlsweep.sweep import AgentReport


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "agent",
        help="train the runs of a W&B sweep, many at once",
        description="Train the runs of a W&B sweep: `wandb agent`, but many at once. Built-in "
        "networks train in stacks, and Ctrl-C gives their runs back to the sweep; any other "
        "program is run as it is, once for each run. On as many machines as there are.",
        allow_abbrev=False,
    )
    parser.add_argument("sweep", metavar="SWEEP_ID", help="ID, PROJECT/ID or ENTITY/PROJECT/ID")
    parser.add_argument("--stack", help="runs to take from the sweep at once (default: 64)")
    parser.add_argument("--count", help="runs to take in all; all that there are by default")
    parser.add_argument("--workers", help="processes that train; on the CPU one for each core")
    parser.add_argument("--device", help="auto, cpu or cuda, for all runs of built-in networks")
    parser.add_argument(
        "--builtin",
        action="store_true",
        help="train the built-in networks, whatever program the sweep names",
    )
    parser.add_argument(
        "--cluster", metavar="ADDRESS", help="train on a Ray cluster: auto, or HOST:PORT"
    )
    parser.add_argument("-e", "--entity", help="where the sweep is, if its id does not say so")
    parser.add_argument("-p", "--project", help="likewise")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Train runs until the sweep has no more, then say what became of them."""
    numbers: dict[str, Any] = {
        name: checked_count(f"--{name}", getattr(arguments, name), problems)
        for name in ("stack", "count", "workers")
    }
    if arguments.device is not None:
        try:
            canonical_value("device", arguments.device)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)

    from dlsweep.cli._progress import LiveProgress
    from dlsweep.sweep import AgentOptions, join_sweep, train_joined

    names = ("entity", "project", "builtin", "device", "cluster")
    options: dict[str, Any] = numbers | {name: getattr(arguments, name) for name in names}
    joined = join_sweep(arguments.sweep, AgentOptions(**options))
    command = joined.program.command if joined.program is not None else None
    what = BUILT_IN if command is None else f"running `{command_text(command)}` for each run"
    print(f"dlsweep: {what}", file=sys.stderr)
    try:
        with LiveProgress(joined.metric, (), joined.runs) as progress:
            report = train_joined(joined, progress)
    except KeyboardInterrupt:
        # Now, as asked: without waiting for what wandb would still send. It is on the disk.
        print("interrupted; `wandb sync` uploads what W&B does not have yet", file=sys.stderr)
        sys.stderr.flush()
        os._exit(INTERRUPTED)
    _report(report, joined.service.url)
    return report.exit_code


def _report(report: AgentReport, url: str) -> None:
    """Show the results, what became of all runs, and what to type next."""
    from dlsweep.cli._results import all_failed, show_results

    table = report.table
    if table.rows:
        hints = [(["dlsweep", "report", table.name], "figures and findings, as an HTML file")]
        show_results(table, url, hints)
    statuses = [row.status for row in table.rows]
    counts = [f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses)]
    words = ", ".join(counts).replace("_", " ")
    print(f"{len(statuses)} run{'s' * (len(statuses) != 1)}{': ' * bool(words)}{words}")
    if report.unsent:
        from dlsweep.tracking import sync_commands

        print(f"W&B does not have all of {len(report.unsent)} of them; send the rest with:")
        for command in sync_commands(report.unsent):
            print(shlex.join(command))
    all_failed(table)
