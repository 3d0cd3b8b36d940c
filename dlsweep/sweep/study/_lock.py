"""The lock of the one process that owns a study."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import filelock

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


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
            with contextlib.suppress(OSError):  # Windows removes no open file
                self.path.unlink()
            self._lock.release()
            if fcntl is None:
                with contextlib.suppress(OSError):
                    self.path.unlink()


def is_held(path: Path) -> bool:
    """Whether some process, this one included, holds the lock that has this file."""
    if not path.exists():
        return False
    if fcntl is None:
        try:
            with filelock.FileLock(path, timeout=0):
                return False
        except OSError:  # a time-out is one
            return True
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:  # shared, so that two processes which look at the same time do not see each other
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
