"""``dlsweep sweep``: a sweep file without a server."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.cli._data import fetched
from dlsweep.cli._errors import INTERRUPTED
from dlsweep.cli._values import storage_words
from dlsweep.config import ConfigError, canonical_value, command_line
from dlsweep.config.kinds import checked_count

if TYPE_CHECKING:
    from dlsweep.sweep import StudyTable, SweepFile


_AS_IT_IS: dict[str, Any] = {"highlight": False, "markup": False, "soft_wrap": True}


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "sweep",
        help="train the points of a sweep file, here",
        description="Train the points of a W&B sweep file on this machine, with no account and no "
        "network. The same command goes on where it left off.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="SWEEP.YAML")
    parser.add_argument("--count", help="runs the sweep shall have in all; run_cap by default")
    parser.add_argument("--storage", help="database URL or SQLite file (default: dlsweep.db)")
    parser.add_argument("--device", help="auto, cpu or cuda, for all runs")
    parser.add_argument("--project", help="W&B project of the runs")
    parser.add_argument("--workers", help="processes that train; on the CPU one for each core")
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
    from dlsweep.cli._show import LiveProgress
    from dlsweep.sweep import LocalSweep, Study, choose_trainer, datasets_of
    from dlsweep.sweep._interrupt import leaving_on_signals
    from dlsweep.tracking import Opener, choose_mode, has_credentials
    from dlsweep.training import choose_device

    # Refused before anything is made.
    devices = _devices(sweep, settings)
    for device in devices:
        choose_device(device)
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
    with Study.open(sweep, arguments.storage) as study:
        total = study.total
        if total is None:
            notice = f"a {sweep.method} search has no end; stop it with Ctrl-C, or give --count"
            print(f"dlsweep: {notice}", file=sys.stderr)
        with LiveProgress(sweep.metric, study.rows(), total) as progress:
            device = devices[0] if len(devices) == 1 else "auto"
            trainer = choose_trainer(device, workers, total)
            local = LocalSweep(
                study,
                trainer,
                mode=mode,
                settings=settings,
                watcher=progress,
                elsewhere=progress.elsewhere,
            )
            now = False
            with leaving_on_signals(lambda _: local.leave()):
                try:
                    local.run()
                except KeyboardInterrupt:
                    now = True
        table, stopped = study.table(), study.stop_asked()
    ended = sum(bool(r.run_id) and r.status not in ("running", "waiting") for r in table.rows)
    if local.unsent and not now:
        sync = shlex.join(["dlsweep", "sync", table.name, *_storage(arguments)])
        lack = f"W&B does not have all of {local.unsent} runs"
        print(f"dlsweep: {lack}; send the rest with: {sync}", file=sys.stderr)
    if now or (local.left and ended != total):
        done = f"{ended} of {total} runs" if total is not None else f"{ended} runs"
        kept = "as last saved" if now else "saved"
        if stopped and not now:
            again = shlex.join(["dlsweep", "resume", table.name, *_storage(arguments)])
            print(
                f"dlsweep: stopped with `dlsweep stop`: {done} are done, those in training are "
                f"saved; `{again}` lets it go on",
                file=sys.stderr,
            )
            return 0
        print(
            f"dlsweep: {done} are done, those in training are {kept}; the same command goes on",
            file=sys.stderr,
        )
        if now and mode == "online":
            # Without waiting for what wandb would still send; `dlsweep sync` does.
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise KeyboardInterrupt
    _report(table, arguments, offline=mode == "offline")
    return _all_failed(table)


def _all_failed(study: StudyTable) -> int:
    """1, with a line, where there is nothing but failures; else 0."""
    reasons = [row.reason for row in study.rows if row.status == "failed"]
    if not reasons or len(reasons) < len(study.rows):
        return 0
    which = "the only run" if len(reasons) == 1 else f"all {len(reasons)} runs"
    others = "; others for other reasons" if len(set(reasons)) > 1 else ""
    print(f"error: {which} failed: {max(reasons, key=reasons.count)}{others}", file=sys.stderr)
    return 1


def _storage(arguments: argparse.Namespace) -> list[str]:
    """The words that name the storage in a hint."""
    return storage_words(arguments.storage)


def _devices(sweep: SweepFile, settings: dict[str, Any]) -> list[str]:
    """Where the runs of a sweep are to be trained: by the flag, or by the file."""
    if "device" in settings:
        return [settings["device"]]
    distribution = sweep.parameters.get("device")
    return list((distribution and distribution.support()) or ["auto"])


def _report(study: StudyTable, arguments: argparse.Namespace, *, offline: bool) -> None:
    """The ranked runs, the best configuration, where everything is, and what to type next."""
    from dlsweep.cli._show import console, results_beside, runs_table

    out = console()
    out.print()
    out.print(runs_table(study, most=20))
    stopped = [row for row in study.rows if row.status == "stopped"]
    if stopped:
        epochs = sum(int(row.config["epochs"]) for row in stopped)
        saved = epochs - sum(len(row.history) for row in stopped)
        how = "early_terminate" if study.sweep.early_terminate else "a click in W&B"
        out.print(f"\n{how} stopped {len(stopped)} runs and saved {saved:,} epochs")
    best = study.best()
    if best is None:
        out.print("no run has a result")
    else:
        metric = study.sweep.metric.name
        kept = {n: v for n in results_beside(metric) if (v := best.summary.get(n)) is not None}
        told = " and ".join(f"{name} {value:.4f}" for name, value in kept.items())
        of = f"; {told} of its best epoch, {best.summary.get('best_epoch')}" if told else ""
        out.print(
            f"\nbest: {best.name}  {metric} {best.value:.4f}{of}\n"
            f"      python train.py {command_line(best.config)}",
            **_AS_IT_IS,
        )
    directories = {d for row in study.rows if (d := row.info.get("directory"))}
    places = sorted({os.path.relpath(Path(directory).parent) for directory in directories})
    where = f"; runs in {', '.join(places)}" if places else ""
    storage = _storage(arguments)
    place = storage[-1] if storage else ""
    hints = [
        (["dlsweep", "runs", study.name, *storage], "all runs as a table; --format csv or json"),
        (["dlsweep", "report", study.name, *storage], "figures and findings, as an HTML file"),
        (["dlsweep", "sweep", arguments.file, *storage, "--count", "N"], "go on to N runs"),
    ]
    if offline and places:
        hints.append((["dlsweep", "sync", study.name, *storage], "send the runs to W&B"))
    lines = [(shlex.join(words), why) for words, why in hints]
    width = max(len(words) for words, _ in lines)
    out.print(f"\nstudy {study.name} in {place or 'dlsweep.db'}{where}", **_AS_IT_IS)
    for start, (words, why) in zip(("next:", *["     "] * len(lines)), lines, strict=False):
        out.print(f"{start} {words:{width}}  {why}", **_AS_IT_IS)
