"""The file of a SQLite study: its journal, and the lock of the one process that owns the study."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
import urllib.parse
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: the user keeps two processes apart
    fcntl = None  # type: ignore[assignment]

_NETWORK = {"nfs", "nfs4", "lustre", "gpfs", "cifs", "smb3", "smbfs", "beegfs", "ceph", "afs", "9p"}
_NETWORK |= {"fuse.sshfs", "fuse.glusterfs", "glusterfs", "pvfs2", "orangefs", "panfs"}
_BUSY_SECONDS = 60.0


def on_network(path: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """Whether a file lies on a network file system; False where this cannot be told."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    found = ("", "")  # (mount point, type) of the innermost mount
    place = path.resolve()
    for line in lines:
        _, point, kind, *_ = [*line.split(" "), "", ""]
        point = point.replace("\\040", " ")
        inside = place == Path(point) or Path(point) in place.parents
        if inside and len(point) >= len(found[0]):
            found = (point, kind)
    return found[1] in _NETWORK


def connect(path: Path) -> sqlite3.Connection:
    """A connection that waits for other processes rather than failing at once.

    The journal is a write-ahead log, which halves the time of a write and lets others read
    meanwhile, except on network file systems, where SQLite's documentation forbids it. Every
    write is on the disk before it counts (synchronous=FULL, SQLite's default).
    """
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
    connection.execute(f"PRAGMA journal_mode={'DELETE' if on_network(path) else 'WAL'}")
    return connection


def may_write(path: Path) -> bool:
    """Whether this user may write a file, which need not be there, and the journal beside it."""
    mine = not path.exists() or os.access(path, os.W_OK)
    return mine and os.access(path.parent, os.W_OK | os.X_OK)


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection to a file that is there and may be read-only, or lie in such a folder.

    SQLite reads a write-ahead log through an index that it keeps beside it, and has to make where
    nobody has the file open. Where there is no log there is none to miss: the file is read as one
    that does not change.

    Raises:
        sqlite3.OperationalError: where there is a log that cannot be read.
    """
    if may_write(path):
        return _opened(path, "mode=rw")  # for the journal's sake: "ro" leaves it behind
    log = path.with_name(f"{path.name}-wal")
    try:
        return _opened(path, "mode=ro")
    except sqlite3.OperationalError:
        if log.exists() and log.stat().st_size:
            raise
        return _opened(path, "immutable=1")


def _opened(path: Path, how: str) -> sqlite3.Connection:
    address = f"file:{urllib.parse.quote(str(path.absolute()))}?{how}"
    connection = sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, check_same_thread=False)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master")  # nothing is opened before
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class OwnerLock:
    """The right to hand out a study's points, held by one process and freed when it dies.

    Args:
        path: the lock's file, next to the study's; it is removed when the lock is released.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def acquire(self, patience: float = 1.0) -> bool:
        """Take the lock; False where another process still holds it after ``patience`` seconds."""
        if fcntl is None:
            return True
        end = time.monotonic() + patience
        while True:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The file may have been removed by its last owner between open and lock.
                if os.path.exists(self.path) and os.path.samestat(os.fstat(fd), os.stat(self.path)):
                    os.ftruncate(fd, 0)
                    os.write(fd, f"{os.getpid()}\n".encode())
                    self._fd = fd
                    return True
            except OSError:
                pass
            os.close(fd)
            if time.monotonic() >= end:
                return False
            time.sleep(0.05)

    def release(self) -> None:
        """Give the lock back; nothing happens where it is not held."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                self.path.unlink()
            os.close(self._fd)
            self._fd = None

    def held_elsewhere(self) -> bool:
        """Whether some process holds the lock now."""
        if fcntl is None or not self.path.exists():
            return False
        try:
            fd = os.open(self.path, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(fd)
        return False
