"""``dlsweep sync``: the offline runs of a study sent to W&B."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from dlsweep.config import ConfigError
from dlsweep.config.kinds import checked_count

if TYPE_CHECKING:
    from dlsweep.sweep import StudyFolders, StudyTable

_PARALLEL = 5


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "sync",
        help="send the offline runs of a study to W&B",
        description="Send the offline runs of a study to W&B. What was sent is not sent again: the "
        "same command goes on after a cut.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "study", nargs="?", help="the study's or the sweep's name; the newest by default"
    )
    parser.add_argument("--storage", metavar="FILE", help="the study file (default: dlsweep.db)")
    parser.add_argument("-e", "--entity", help="send all runs there, wherever they say")
    parser.add_argument("-p", "--project", help="likewise")
    parser.add_argument("-n", "--parallel", help=f"runs to send at a time (default: {_PARALLEL})")
    parser.add_argument("--again", action="store_true", help="send also what was sent before")
    parser.add_argument("--dry-run", action="store_true", help="say what would be sent")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Send what waits, then say what went where."""
    parallel = checked_count("--parallel", arguments.parallel, problems) or _PARALLEL
    if problems:
        raise ConfigError(problems)
    from dlsweep.sweep import read_study, study_folders
    from dlsweep.tracking import has_credentials, sync_folders

    study = read_study(arguments.storage, arguments.study, epochs="none")
    before = study_folders(study)
    folders = before.waiting + (before.sent if arguments.again else ())
    if folders and not arguments.dry_run and not has_credentials():
        raise ConfigError(["sync: no W&B account is set up here; see `wandb login`"])
    for folder in before.missing:
        print(f"dlsweep: {folder} is not there any more", file=sys.stderr)
    if arguments.dry_run or not folders:
        for folder in folders:
            print(os.path.relpath(folder))
        print(_counts(study, before, 0, len(folders), "would be sent" if folders else "to send"))
        return 1 if before.missing else 0
    with _Progress(len(folders)) as progress:
        said = sync_folders(
            folders,
            entity=arguments.entity,
            project=arguments.project,
            parallel=parallel,
            on_sent=progress.sent,
        )
    after = study_folders(study)
    left = [folder for folder in folders if folder in after.waiting]
    sent = len(folders) - len(left)
    print(_counts(study, before, sent, len(left), "not sent"))
    print(f"to {_place(study, arguments)}")
    for folder in left:
        print(f"error: not sent: {os.path.relpath(folder)}", file=sys.stderr)
    if left:
        print(f"error: wandb: {said}; the same command goes on", file=sys.stderr)
    return 1 if left or before.missing else 0


def _counts(study: StudyTable, before: StudyFolders, sent: int, left: int, word: str) -> str:
    parts = [f"{sent} sent"] if sent else []
    parts += [f"{left} {word}"] if left or not sent else []
    again = len(before.sent)
    parts += [f"{again} sent before"] if again else []
    parts += [f"{before.online} sent while training"] if before.online else []
    parts += [f"{before.unfinished} unfinished"] if before.unfinished else []
    parts += [f"{len(before.missing)} not there"] if before.missing else []
    return f"study {study.name}: {', '.join(parts)}"


def _place(study: StudyTable, arguments: argparse.Namespace) -> str:
    """ENTITY/PROJECT of the runs; more than one where they differ."""
    from dlsweep.tracking import sync_target

    address, own = sync_target()
    places = []
    for row in study.rows:
        if row.info.get("directory"):
            entity = arguments.entity or row.info.get("entity") or own or "your account"
            own_project = row.info.get("project", row.config.get("wandb_project"))
            project = arguments.project or own_project or "uncategorized"  # as W&B calls it
            places.append(f"{entity}/{project}")
    return f"{', '.join(dict.fromkeys(places))} at {address}"


class _Progress:
    """How many runs were sent: in a terminal one line that is kept up to date."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._live = sys.stderr.isatty()

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            print(file=sys.stderr)

    def sent(self, sent: int) -> None:
        """So many were sent so far."""
        if self._live:
            print(f"\r{sent}/{self._total} runs sent", end="", file=sys.stderr, flush=True)
