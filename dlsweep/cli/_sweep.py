"""``dlsweep sweep``: train a sweep file without a server."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import logging
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.cli._data import fetched
from dlsweep.cli._errors import INTERRUPTED
from dlsweep.cli._files import unusable, writing
from dlsweep.cli._values import storage_words
from dlsweep.config import ConfigError, canonical_value
from dlsweep.config.kinds import checked_count

if TYPE_CHECKING:
    from dlsweep.sweep import StudyTable, SweepFile


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "sweep",
        help="train the runs of a sweep file",
        description="Train the runs of a W&B sweep file, on this machine or on a Ray cluster, with "
        "no W&B account and no internet. The same command goes on where it left off.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="SWEEP.YAML")
    parser.add_argument("--count", help="runs in all, earlier ones included (default: run_cap)")
    parser.add_argument("--storage", metavar="FILE", help="the study file (default: dlsweep.db)")
    parser.add_argument("--device", help="auto, cpu or cuda, for all runs")
    parser.add_argument("--project", help="W&B project of the runs")
    parser.add_argument("--workers", help="processes that train; on the CPU one for each core")
    parser.add_argument(
        "--cluster", metavar="ADDRESS", help="train on a Ray cluster: auto, or HOST:PORT"
    )
    parser.add_argument(
        "--continue-from",
        metavar="STUDY",
        help="take over the finished runs of another study that belong to this sweep too",
    )
    parser.add_argument(
        "--mirror", metavar="FILE", help="also keep the runs in this Optuna journal file"
    )
    parser.add_argument("--verbose", action="store_true", help="also say how stacks are planned")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--offline", action="store_true", help="keep the runs on disk (the default)")
    where.add_argument("--online", action="store_true", help="send the runs to W&B while training")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Train what is left of the sweep, then show what came out."""
    from dlsweep.sweep import load_sweep

    if arguments.verbose:
        logging.getLogger("dlsweep").setLevel(logging.DEBUG)
    count = checked_count("--count", arguments.count, problems)
    workers = checked_count("--workers", arguments.workers, problems)
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
        sweep = load_sweep(arguments.file)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    if problems:
        raise ConfigError(problems)
    for notice in [*notices, *(f"{arguments.file}: {notice}" for notice in sweep.notices)]:
        print(f"dlsweep: {notice}", file=sys.stderr)
    from dlsweep.tracking._mode import project_of_environment

    project = sweep.project or project_of_environment()
    for name, value in (("wandb_project", project), ("wandb_entity", sweep.entity)):
        if value is not None and name not in sweep.parameters:
            settings.setdefault(name, value)
    if count is not None:
        caps = [cap for cap in (count, sweep.run_cap) if cap is not None]
        sweep = dataclasses.replace(sweep, run_cap=min(caps))
    return _train(sweep, arguments, settings, workers)


def _train(
    sweep: SweepFile, arguments: argparse.Namespace, settings: dict[str, Any], workers: int | None
) -> int:
    """Train, and say what came out; the exit code."""
    from dlsweep.cli._progress import LiveProgress
    from dlsweep.sweep import (
        Driver,
        OptunaMirror,
        Study,
        StudySource,
        choose_executor,
        datasets_of,
        leaving_on_signals,
        runs_at_once,
    )
    from dlsweep.tracking import Opener, choose_mode, has_credentials
    from dlsweep.training import choose_device

    # What cannot be trained is refused before anything is made.
    devices = _devices(sweep, settings)
    if arguments.cluster is None:  # else its machines have devices of their own
        for device in devices:
            choose_device(device)
    device = devices[0] if len(devices) == 1 else "auto"
    mode = choose_mode("online" if arguments.online else "offline")
    asked = "online" if arguments.online else "offline" if arguments.offline else None
    if asked not in (None, mode):
        notice = f"WANDB_MODE={mode} always decides; --{asked} has no effect"
        print(f"dlsweep: {notice}", file=sys.stderr)
    if mode == "online" and not has_credentials():
        raise ConfigError(["--online: no W&B account is set up here; see `wandb login`"])
    Opener(mode).check()
    for name in datasets_of(sweep):
        fetched(name)
    if arguments.mirror is not None:
        with writing("--mirror", Path(arguments.mirror)):
            Path(arguments.mirror).parent.mkdir(parents=True, exist_ok=True)
    runs = min((n for n in (sweep.run_cap, sweep.size) if n is not None), default=None)
    with contextlib.ExitStack() as stack:
        executor = choose_executor(device, workers, runs, arguments.cluster)
        stack.callback(executor.close)
        study = stack.enter_context(
            Study.open(sweep, arguments.storage, continue_from=arguments.continue_from)
        )
        for notice in study.notices:
            print(f"dlsweep: {notice}", file=sys.stderr)
        if study.total is None:
            notice = f"a {sweep.method} search has no end; stop it with Ctrl-C, or give --count"
            print(f"dlsweep: {notice}", file=sys.stderr)
        before = study.table()
        mirror = OptunaMirror(Path(arguments.mirror), before) if arguments.mirror else None
        source = StudySource(
            study,
            mode=mode,
            at_once=runs_at_once(sweep.method, executor.device, executor.slots),
            settings=settings,
            on_ended=mirror.add if mirror else lambda row: None,
        )
        with LiveProgress(sweep.metric, before.rows, study.total) as progress:
            driver = Driver(source, executor, progress=progress)
            now = False
            with leaving_on_signals(lambda _: driver.leave()):
                try:
                    driver.run()
                except KeyboardInterrupt:
                    now = True
        table, stopped, total = study.table(), study.stop_asked(), study.total
    ended = sum(bool(r.run_id) and r.status not in ("running", "waiting") for r in table.rows)
    if source.unsent and not now:
        sync = shlex.join(["dlsweep", "sync", table.name, *_storage(arguments)])
        lack = f"W&B does not have all of {source.unsent} runs"
        print(f"dlsweep: {lack}; send the rest with: {sync}", file=sys.stderr)
    if now or (driver.leaving and ended != total):
        done = f"{ended} of {total} runs" if total is not None else f"{ended} runs"
        if stopped and not now:
            again = shlex.join(["dlsweep", "resume", table.name, *_storage(arguments)])
            print(
                f"dlsweep: stopped with `dlsweep stop`: {done} are done, those in training are "
                f"saved; `{again}` lets it go on",
                file=sys.stderr,
            )
            return 0
        kept = "as last saved" if now else "saved"
        print(
            f"dlsweep: {done} are done, those in training are {kept}; the same command goes on",
            file=sys.stderr,
        )
        if now:
            # At once: neither for a thread that trains nor for what wandb would still send.
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise KeyboardInterrupt
    return _report(table, arguments, offline=mode == "offline")


def _storage(arguments: argparse.Namespace) -> list[str]:
    """The words that name the storage in a hint."""
    return storage_words(arguments.storage)


def _devices(sweep: SweepFile, settings: dict[str, Any]) -> list[str]:
    """Where the runs of a sweep are to be trained: by the flag, or by the file."""
    if "device" in settings:
        return [settings["device"]]
    distribution = sweep.parameters.get("device")
    return list((distribution and distribution.support()) or ["auto"])


def _report(table: StudyTable, arguments: argparse.Namespace, *, offline: bool) -> int:
    """Show the results, and what to type next; the exit code."""
    from dlsweep.cli._results import all_failed, show_results

    directories = {d for row in table.rows if (d := row.info.get("directory"))}
    places = sorted({os.path.relpath(Path(directory).parent) for directory in directories})
    where = f"; runs in {', '.join(places)}" if places else ""
    storage = _storage(arguments)
    hints = [
        (["dlsweep", "runs", table.name, *storage], "all runs as a table; --format csv or json"),
        (["dlsweep", "report", table.name, *storage], "figures and findings, as an HTML file"),
        (["dlsweep", "sweep", arguments.file, *storage, "--count", "N"], "go on to N runs"),
    ]
    if offline and places:
        hints.append((["dlsweep", "sync", table.name, *storage], "send the runs to W&B"))
    place = f"study {table.name} in {arguments.storage or 'dlsweep.db'}{where}"
    show_results(table, place, hints)
    return all_failed(table)
