"""Which attempt at a run a folder is of: several machines may begin one in the same second.

wandb names a run's folder by its id and by the second in which it began, on whatever machine. So a
mark is left in the folder, and stored with the run's end.
"""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path

from dlsweep.sweep._rows import Row

_MARK = "dlsweep-attempt"  # a file beside the log, which `wandb sync` leaves alone


def mark(folder: Path) -> None:
    """Mark a run's folder as that of an attempt of its own, where it can be written to."""
    with contextlib.suppress(OSError):
        (folder / _MARK).write_text(secrets.token_hex(8))


def mark_of(folder: Path) -> str | None:
    """The mark of a run's folder; None where it has none."""
    try:
        return (folder / _MARK).read_text()
    except OSError:
        return None


def is_end_of(row: Row, folder: Path) -> bool:
    """Whether it is the attempt in this folder that ended a run."""
    told = row.info.get("attempt")
    if told is not None:
        return bool(told == mark_of(folder))
    return Path(row.info.get("directory") or "").name == folder.name
