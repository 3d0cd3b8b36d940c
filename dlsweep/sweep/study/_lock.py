"""The lock of the one process that owns a study."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

import filelock

if sys.platform != "win32":
    import fcntl


class OwnerLock:
    """The right to write a study, held by one process and freed when that process dies.

    Args:
        path: the lock's file, beside the study file; it is removed when the lock is released.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = filelock.FileLock(path, timeout=0)

    def acquire(self, patience: float = 1.0) -> bool:
        """Take the lock; False where another process still holds it after ``patience`` seconds."""
        end = time.monotonic() + patience
        while True:
            with contextlib.suppress(filelock.Timeout):
                self._lock.acquire()
                # Its last owner may have removed the file after it was opened here.
                if is_held(self.path):
                    return True
                self._lock.release()
            if time.monotonic() >= end:
                return False
            time.sleep(0.05)

    def release(self) -> None:
        """Give the lock back; does nothing where it is not held."""
        if self._lock.is_locked:
            with contextlib.suppress(OSError):  # Windows removes it when it is closed
                self.path.unlink()
            self._lock.release()


def is_held(path: Path) -> bool:
    """Whether some process, this one included, holds the lock that has this file."""
    if not path.exists():
        return False
    try:
        if sys.platform == "win32":
            with filelock.FileLock(path, timeout=0):
                return False
        with path.open("rb") as file:  # shared: two processes that look at once do not collide
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except (filelock.Timeout, BlockingIOError):
        return True
    except OSError:  # the file was removed meanwhile, or is not readable here
        return False
