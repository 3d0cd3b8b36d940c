"""Sends offline runs to W&B, by the wandb client's own `wandb sync`."""

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
    """Whether W&B has all of a run's folder, which ``mark_synced`` and `wandb sync` mark so."""
    return any(folder.glob("*.wandb.synced"))


def mark_synced(folder: Path) -> None:
    """Mark the folder of a run as sent, as `wandb sync` does."""
    for log in folder.glob("*.wandb"):
        log.with_name(f"{log.name}.synced").touch()


def sync_folders(
    folders: Sequence[Path],
    *,
    entity: str | None = None,
    project: str | None = None,
    parallel: int = 5,
    on_sent: Callable[[int], None] = lambda _: None,
) -> str:
    """Send runs' folders; afterwards ``is_synced`` says of each whether it went through.

    Sending a run twice changes nothing: W&B knows a run by its id, and its rows by their numbers.

    Args:
        folders: of the runs.
        entity, project: where all of them go, whatever their own settings are.
        parallel: how many are sent at a time.
        on_sent: called with how many of them have been sent so far.

    Returns:
        The last line of wandb's output if it did not send them all, else "".
    """
    options = ["--yes", "--include-online", "-n", str(parallel)]
    for name, value in (("--entity", entity), ("--project", project)):
        options += [name, value] if value else []
    # It is to send, whatever WANDB_MODE the runs had, and to print why it did not.
    kept_apart = ("WANDB_MODE", "WANDB_SILENT")
    environment = {k: v for k, v in os.environ.items() if k not in kept_apart}
    last_line = ""
    for folder in folders:  # or wandb would skip what was sent before
        for mark in folder.glob("*.wandb.synced"):
            mark.unlink()
    own = [folder for folder in folders if synced_as(folder) is None]
    batches = [own[start : start + _AT_ONCE] for start in range(0, len(own), _AT_ONCE)]
    batches += [[folder] for folder in folders if folder not in own]
    for batch in batches:
        run_id = synced_as(batch[0])
        named = ["--id", run_id] if run_id else []
        # The output goes to a file: a pipe would be full before it is read.
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "wandb", "sync", *named, *options, *map(str, batch)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                while process.poll() is None:
                    on_sent(sum(map(is_synced, folders)))
                    time.sleep(_LOOK_SECONDS)
            finally:
                process.terminate()  # does nothing where it has ended
                process.wait()
            on_sent(sum(map(is_synced, folders)))
            output.seek(0)
            lines = [line.removeprefix("wandb: ").strip() for line in output]
        if not all(map(is_synced, batch)):
            last_line = next((line for line in reversed(lines) if line), "")
    return last_line


def sync_commands(folders: Mapping[Path, str]) -> list[list[str]]:
    """The commands, in words, that send runs' folders to W&B, each to the run with this id."""
    own = [folder for folder in folders if synced_as(folder) is None]
    other = [folder for folder in folders if folder not in own]
    commands = [["wandb", "sync", "--include-online", *map(os.path.relpath, own)]] if own else []
    return commands + [["wandb", "sync", "--id", folders[f], os.path.relpath(f)] for f in other]
