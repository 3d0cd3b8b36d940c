"""Offline runs sent to W&B, by the wandb client's own `wandb sync`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dlsweep.tracking._mode import client_settings
from dlsweep.tracking._opening import synced_as

_AT_ONCE = 200
_LOOK_SECONDS = 0.2


def sync_target() -> tuple[str, str | None]:
    """The address of the server that runs are sent to, and the user's own entity, if it is set."""
    settings = client_settings()
    return settings.base_url, settings.entity


def is_synced(folder: Path) -> bool:
    """Whether W&B has all of a run's folder: `wandb sync` leaves a mark in it, and so do we."""
    return any(folder.glob("*.wandb.synced"))


def mark_synced(folder: Path) -> None:
    """Say of a run that was online that W&B has all of it, as `wandb sync` says it."""
    for log in folder.glob("*.wandb"):
        log.with_name(f"{log.name}.synced").touch()


def sync_folders(
    folders: Sequence[Path],
    *,
    entity: str | None = None,
    project: str | None = None,
    parallel: int = 5,
    told: Callable[[int], None] = lambda _: None,
) -> str:
    """Send runs' folders; afterwards ``is_synced`` says of each whether it went through.

    What is sent twice is there once: a run has its id, and its rows their numbers.

    Args:
        folders: of the runs.
        entity, project: where all of them go, instead of where each says.
        parallel: how many are sent at a time.
        told: called with how many of them have been sent so far.

    Returns:
        What wandb said last where it did not send them all, else nothing.
    """
    where = [
        *(["--entity", entity] if entity else []),
        *(["--project", project] if project else []),
    ]
    said = ""
    for folder in folders:  # what was sent before is asked for again
        for mark in folder.glob("*.wandb.synced"):
            mark.unlink()
    own = [folder for folder in folders if synced_as(folder) is None]
    batches = [own[start : start + _AT_ONCE] for start in range(0, len(own), _AT_ONCE)]
    batches += [[folder] for folder in folders if folder not in own]
    for batch in batches:
        run_id = synced_as(batch[0])
        named = ["--id", run_id] if run_id else []
        command = [sys.executable, "-m", "wandb", "sync", "--yes", "--include-online", *named]
        # A file and no pipe, which nobody would empty while this waits.
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            process = subprocess.Popen(
                [*command, "-n", str(parallel), *where, *map(str, batch)],
                # It sends, whatever the runs were told; and one thing that it says is a line.
                env={
                    k: v for k, v in os.environ.items() if k not in ("WANDB_MODE", "WANDB_SILENT")
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                while process.poll() is None:
                    told(sum(map(is_synced, folders)))
                    time.sleep(_LOOK_SECONDS)
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
            told(sum(map(is_synced, folders)))
            output.seek(0)
            lines = [line.removeprefix("wandb: ").strip() for line in output]
        if not all(map(is_synced, batch)):
            said = next((line for line in reversed(lines) if line), "")
    return said


def sync_commands(folders: Mapping[Path, str]) -> list[list[str]]:
    """The commands, in words, that send runs' folders to W&B, each to the run with this id."""
    own = [folder for folder in folders if synced_as(folder) is None]
    other = [folder for folder in folders if folder not in own]
    commands = [["wandb", "sync", "--include-online", *map(os.path.relpath, own)]] if own else []
    return commands + [["wandb", "sync", "--id", folders[f], os.path.relpath(f)] for f in other]
