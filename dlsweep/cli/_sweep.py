"""``dlsweep sweep``: train a sweep file without a server."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import shlex
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.cli._data import fetched
from dlsweep.cli._errors import INTERRUPTED
from dlsweep.cli._files import unusable, writing
from dlsweep.cli._values import storage_words
from dlsweep.config import ConfigError, canonical_value
from dlsweep.config.errors import shown
from dlsweep.config.kinds import checked_count

if TYPE_CHECKING:
    from dlsweep.sweep import LocalSweep, Row, StudyTable, SweepFile, SweepOptions
    from dlsweep.sweep.file import Command

BUILT_IN = "training dlsweep's built-in networks, many at a time"
"""What is said where no program is run."""


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "sweep",
        help="train the runs of a sweep file",
        description="Run a W&B sweep file, here or on a Ray cluster, with no W&B account and no "
        "internet: its program, unchanged, once for each point, or the built-in networks, "
        "many at a time. The same command goes on where it left off.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="SWEEP.YAML")
    parser.add_argument("--count", help="runs in all, earlier ones included (default: run_cap)")
    parser.add_argument("--storage", metavar="FILE", help="the study file (default: dlsweep.db)")
    parser.add_argument("--device", help="auto, cpu or cuda, for all runs")
    parser.add_argument("--project", help="W&B project of the runs")
    parser.add_argument("--workers", help="stacks or programs at once (default: one for each core)")
    parser.add_argument(
        "--cluster", metavar="ADDRESS", help="train on a Ray cluster: auto, or HOST:PORT"
    )
    parser.add_argument(
        "--continue-from",
        metavar="STUDY",
        help="take over the finished runs of another study that belong to this sweep too",
    )
    parser.add_argument(
        "--learn-from",
        metavar="STUDY[,STUDY]",
        help="let bayes learn from the runs of other studies, without taking them over",
    )
    parser.add_argument(
        "--start",
        metavar="RUN|FILE",
        help="try this configuration first: a run, a study's best, or a file of settings",
    )
    parser.add_argument(
        "--mirror", metavar="FILE", help="also keep the runs in this Optuna journal file"
    )
    parser.add_argument(
        "--builtin",
        action="store_true",
        help="train the built-in networks, whatever program the file names",
    )
    program = parser.add_argument_group("where the file names a program of your own")
    program.add_argument("--timeout", metavar="SECONDS", help="a run that takes longer has failed")
    program.add_argument(
        "--keep-going", action="store_true", help="go on although the first five runs fail alike"
    )
    program.add_argument(
        "--resume", action="store_true", help="let an interrupted run go on (WANDB_RESUME=allow)"
    )
    sure = parser.add_argument_group("to tell the best configuration from the luckiest")
    sure.add_argument(
        "--confirm",
        metavar="K",
        help="train the K best again over new seeds at the end; 0 for none (default: as many as "
        "cost less than a tenth of the sweep)",
    )
    sure.add_argument(
        "--repeats", metavar="N", help="train each point with N seeds; their mean counts"
    )
    sure.add_argument(
        "--seeds", metavar="N", help="with how many new seeds at most (default: 3, 5)"
    )
    sure.add_argument(
        "--seed-parameter", metavar="NAME", help="the parameter that is your program's seed"
    )
    parser.add_argument("--verbose", action="store_true", help="also say how stacks are planned")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--offline", action="store_true", help="keep the runs on disk (the default)")
    where.add_argument("--online", action="store_true", help="send the runs to W&B while training")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Run what is left of the sweep, then show what came out."""
    from dlsweep.sweep import load_sweep
    from dlsweep.sweep.local import options_without_effect

    if arguments.verbose:
        logging.getLogger("dlsweep").setLevel(logging.DEBUG)
    count = checked_count("--count", arguments.count, problems)
    workers = checked_count("--workers", arguments.workers, problems)
    confirm = 0 if arguments.confirm == "0" else arguments.confirm
    confirm = confirm and checked_count("--confirm", confirm, problems)
    seeds = checked_count("--seeds", arguments.seeds, problems)
    repeats = checked_count("--repeats", arguments.repeats, problems) or 1
    timeout = seconds("--timeout", arguments.timeout, problems)
    if arguments.mirror is not None:
        problems += unusable("--mirror", arguments.mirror, example="optuna.log")
    settings: dict[str, Any] = {}
    notices: list[str] = []
    for name, value in (("device", arguments.device), ("wandb_project", arguments.project)):
        if value is not None:
            try:
                settings[name], notice = canonical_value(name, value)
                notices += [notice] if notice else []
            except ConfigError as error:
                problems += error.problems
    try:
        sweep = load_sweep(arguments.file, builtin=True if arguments.builtin else None)
        unused = options_without_effect(sweep, vars(arguments))
        problems += [f"--{name.replace('_', '-')}: {why}" for name, why in unused.items()]
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    for notice in [*notices, *(f"{arguments.file}: {notice}" for notice in sweep.notices)]:
        _say(notice)
    from dlsweep.sweep import SweepOptions
    from dlsweep.tracking._project import project_of_environment

    if count is not None:
        caps = [cap for cap in (count, sweep.run_cap) if cap is not None]
        sweep = dataclasses.replace(sweep, run_cap=min(caps))
    project = settings.pop("wandb_project", None)
    options = SweepOptions(
        storage=arguments.storage,
        continue_from=arguments.continue_from,
        learn_from=tuple(filter(None, (arguments.learn_from or "").split(","))),
        mirror=Path(arguments.mirror) if arguments.mirror else None,
        online=arguments.online,
        workers=workers,
        cluster=arguments.cluster,
        settings=settings,
        project=project or sweep.project or project_of_environment(),
        entity=sweep.entity,
        timeout=timeout,
        keep_going=arguments.keep_going,
        resume=arguments.resume,
        confirm=confirm,
        seeds=seeds,
        seed_parameter=arguments.seed_parameter,
        repeats=repeats,
        start=arguments.start,
    )
    return _train(sweep, options, arguments)


def seconds(flag: str, value: str | None, problems: list[str]) -> float | None:
    """The seconds that a flag says; None, with a line in ``problems``, if it is not a number."""
    from dlsweep.sweep.file import number

    found = number(value)
    if value is not None and (found is None or found <= 0):
        problems.append(f"{flag}: got {shown(value)}, expected a number of seconds > 0")
    return found


def device_setting(value: str | None, problems: list[str]) -> dict[str, Any]:
    """The setting that ``--device`` overrides; a line of ``problems`` where it is none."""
    try:
        return {} if value is None else {"device": canonical_value("device", value)[0]}
    except ConfigError as error:
        problems += error.problems
        return {}


def _train(sweep: SweepFile, options: SweepOptions, arguments: argparse.Namespace) -> int:
    """Run the sweep, and say what came out; the exit code."""
    from dlsweep.cli._progress import LiveProgress
    from dlsweep.sweep import LocalSweep, datasets_of

    began = time.monotonic()
    if sweep.command is None:
        for name in datasets_of(sweep.parameters):
            fetched(name)
    if options.mirror is not None:
        with writing("--mirror", options.mirror):
            options.mirror.parent.mkdir(parents=True, exist_ok=True)
    with LocalSweep(sweep, options) as local:
        asked = "online" if arguments.online else "offline" if arguments.offline else None
        if asked not in (None, local.mode):
            _say(f"WANDB_MODE={local.mode} always decides; --{asked} has no effect")
        _say(_what_is_run(local))
        for notice in [*local.study.notices, *filter(None, [local.confirms])]:
            _say(notice)
        if options.repeats > 1:
            _say(f"each point is trained with {options.repeats} seeds, and their mean counts")
        if local.study.total is None:
            _say(f"a {sweep.method} search has no end; stop it with Ctrl-C, or give --count")
        now = False
        with LiveProgress(sweep.metric, local.before.rows, local.total) as progress:
            try:
                local.run(progress)
            except KeyboardInterrupt:
                now = True
        table, stopped, total = local.table(), local.study.stop_asked(), local.total
        complete = local.complete
    ended = sum(
        bool(r.run_id) and r.role in ("search", "repeat") and r.status not in ("running", "waiting")
        for r in table.rows
    )
    if local.unsent and not now:
        sync = shlex.join(["dlsweep", "sync", table.name, *_storage(arguments)])
        _say(f"W&B does not have all of {local.unsent} runs; send the rest with: {sync}")
    if local.gave_up is not None:
        return _gave_up(local.gave_up)
    if now or (local.left and not complete):
        done = f"{ended} of {total} runs" if total is not None else f"{ended} runs"
        rest = f"those in training are {'as last saved' if now else 'saved'}"
        if sweep.command is not None:
            rest = "those that were running are run again"
        if stopped and not now:
            again = shlex.join(["dlsweep", "resume", table.name, *_storage(arguments)])
            _say(f"stopped with `dlsweep stop`: {done} are done, {rest}; `{again}` lets it go on")
            return 0
        _say(f"{done} are done, {rest}; the same command goes on")
        if now:
            # At once: neither for a thread that trains nor for what wandb would still send.
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise KeyboardInterrupt
    took = _took(_ended(table.rows) - _ended(local.before.rows), time.monotonic() - began)
    return _report(table, arguments, took, offline=local.mode == "offline")


def _ended(rows: Iterable[Row]) -> int:
    return sum(bool(r.run_id) and r.status not in ("running", "waiting") for r in rows)


def _took(runs: int, seconds: float) -> str:
    """A line with the time that a command has taken for its runs; empty if there were none."""
    from dlsweep.cli._time_left import duration

    if not runs:
        return ""
    rate = 60 * runs / seconds
    each = f"{rate:.0f} runs a minute" if rate >= 1 else f"{60 * rate:.1f} runs an hour"
    return f"{runs} run{'s' * (runs != 1)} in {duration(seconds)}, {each}"


def _say(line: str) -> None:
    print(f"dlsweep: {line}", file=sys.stderr)


def _what_is_run(local: LocalSweep) -> str:
    """The line that says what a sweep runs."""
    if local.sweep.command is None:
        return BUILT_IN
    at_once = local.executor.slots
    many = "one at a time" if at_once == 1 else f"{at_once} at a time; --workers changes that"
    return f"running `{command_text(local.sweep.command)}` for each point, {many}"


def command_text(command: Command) -> str:
    """A sweep's command as a user knows it: the macros stay, with the interpreter's name."""
    from dlsweep.sweep.file._command import MACROS

    return " ".join(
        word.replace("${interpreter}", "python") if word in MACROS else shlex.quote(word)
        for word in command.expanded()
        if word != "${env}"
    )


def _gave_up(row: Row) -> int:
    """Say why a sweep has stopped after its first runs; the exit code."""
    from dlsweep.sweep.driver import MOST_INITIAL_FAILURES

    print(f"error: the first {MOST_INITIAL_FAILURES} runs failed: {row.reason}", file=sys.stderr)
    output = row.info.get("output")
    if output:
        print(f"       all that {row.name} wrote is in {os.path.relpath(output)}", file=sys.stderr)
    _say("the same command runs them again; --keep-going goes on whatever fails")
    return 1


def _storage(arguments: argparse.Namespace) -> list[str]:
    """The words that name the storage in a hint."""
    return storage_words(arguments.storage)


def _report(table: StudyTable, arguments: argparse.Namespace, took: str, *, offline: bool) -> int:
    """Show the results, how long they took, and what to type next; the exit code."""
    from dlsweep.cli._results import all_failed, show_results
    from dlsweep.sweep.file import number

    directories = {d for row in table.rows if (d := row.info.get("directory"))}
    places = sorted({os.path.relpath(Path(directory).parent) for directory in directories})
    where = f"; runs in {', '.join(places)}" if places else ""
    storage = _storage(arguments)
    hints = [
        (["dlsweep", "runs", table.name, *storage], "all runs as a table; --format csv or json"),
        (["dlsweep", "report", table.name, *storage], "figures and findings, as an HTML file"),
    ]
    if table.confirmation is None and table.best is not None:
        repeat = ["dlsweep", "repeat", table.name, *storage]
        hints.append((repeat, "train the best again over new seeds: is it the best, or lucky?"))
    assert table.sweep is not None
    ends = (table.sweep.size, number(table.sweep.raw.get("run_cap")))  # whatever --count says
    if all(end is None or len(table.rows) < end for end in ends):
        more = ["dlsweep", "sweep", arguments.file, *storage, "--count", "N"]
        hints.append((more, "go on to N runs"))
    if offline and places:
        hints.append((["dlsweep", "sync", table.name, *storage], "send the runs to W&B"))
    place = f"study {table.name} in {arguments.storage or 'dlsweep.db'}{where}"
    show_results(table, place, hints, took)
    return all_failed(table)
