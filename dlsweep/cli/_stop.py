"""``dlsweep stop`` and ``dlsweep resume``: the process that trains a study leaves, or may again."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from dlsweep.cli._values import storage_words
from dlsweep.config import ConfigError


def add_parser(commands: Any) -> None:
    """Add the sub-commands."""
    for name, function, does, description in (
        (
            "stop",
            stop,
            "let the command that trains a study save and leave",
            "Stop a study: the command that trains it, on whatever machine, saves its runs after "
            "their present epoch and leaves; none begins before `dlsweep resume`.",
        ),
        (
            "resume",
            resume,
            "let a study that was stopped go on",
            "Let a study that was stopped go on; the command that trained it, given again, trains "
            "what is left.",
        ),
    ):
        parser = commands.add_parser(name, help=does, description=description, allow_abbrev=False)
        parser.add_argument(
            "study", nargs="?", help="the study's or the sweep's name; the newest by default"
        )
        parser.add_argument(
            "--storage", metavar="FILE", help="the study file (default: dlsweep.db)"
        )
        parser.set_defaults(run=function)


def stop(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Mark the study; whoever trains it sees that within seconds."""
    if problems:
        raise ConfigError(problems)
    from dlsweep.sweep import stop_study

    study = stop_study(arguments.storage, arguments.study)
    running = study.counts().get("running", 0)
    leaving = (
        f"{running} runs are saved after their present epoch"
        if running
        else "no run is in training"
    )
    again = shlex.join(["dlsweep", "resume", study.name, *storage_words(arguments.storage)])
    print(f"study {study.name} is stopped, {leaving}; `{again}` lets it go on")
    return 0


def resume(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Take the mark away; `dlsweep sweep` then goes on."""
    if problems:
        raise ConfigError(problems)
    from dlsweep.sweep import resume_study

    study = resume_study(arguments.storage, arguments.study)
    was = "may go on" if study.stopped else "was not stopped"
    print(f"study {study.name} {was}; `dlsweep sweep` trains what is left of it")
    return 0
