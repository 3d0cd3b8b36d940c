"""The error of a file or folder that cannot be written, on a full disk above all."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from dlsweep.config import ConfigError

_SPARE = 64 * 1024
"""A disk with fewer free bytes counts as full: SQLite needs as many to begin a transaction."""

_NOT_WRITTEN = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.EFBIG,
}


class Unwritable(ConfigError):
    """A file or folder cannot be written, whatever the user gave; commands end with code 1."""

    @classmethod
    def of(cls, error: OSError) -> Unwritable | None:
        """The line for an error of the system; None where it is about something else."""
        if error.errno not in _NOT_WRITTEN:
            return None
        why = error.strerror or str(error)
        place = error.filename2 or error.filename or os.environ.get("PWD", "the working folder")
        if not os.path.exists("."):
            return cls(["the working folder was removed meanwhile"])
        return cls([f"{os.fsdecode(place)} cannot be written: {why}"])


def is_full(path: Path) -> bool:
    """Whether the disk of a file, which need not exist, has no room for another one."""
    for place in (path.absolute(), *path.absolute().parents):
        try:
            return shutil.disk_usage(place).free < _SPARE
        except OSError:
            continue
    return False
