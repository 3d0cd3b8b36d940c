"""The file that holds studies: which one is meant, whether it is usable, connections to it."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import urllib.parse
from pathlib import Path

from dlsweep._unwritable import Unwritable, is_full
from dlsweep.config import ConfigError

DEFAULT_STORAGE = "dlsweep.db"
"""The study file in the working directory that is meant where none is named."""

APPLICATION_ID = 0x646C7377  # "dlsw", which `file` shows too
FORMAT = 2
"""The version of the tables, SQLite's ``user_version``."""

_BUSY_SECONDS = 60.0
_OTHER_FILE = "name another file with --storage, or move it away"
# Where SQLite's write-ahead log does not work (https://sqlite.org/wal.html).
_NETWORK = {"nfs", "nfs4", "lustre", "gpfs", "cifs", "smb3", "smbfs", "beegfs", "ceph", "afs", "9p"}
_NETWORK |= {"fuse.sshfs", "fuse.glusterfs", "glusterfs", "pvfs2", "orangefs", "panfs"}


class StorageError(RuntimeError):
    """A study can no longer be read or written; the text is one line."""


def storage_file(storage: str | None = None) -> Path:
    """The study file that ``--storage`` means.

    Args:
        storage: a path, or ``sqlite:///PATH``; ``dlsweep.db`` by default.

    Raises:
        ConfigError: in one line, for any other URL, and where no file is named.
    """
    if storage is None:
        return Path(DEFAULT_STORAGE)
    scheme, separator, rest = storage.partition("://")
    if separator and not re.fullmatch(r"sqlite(\+\w+)?", scheme):
        hint = f", expected the path of a file, such as {DEFAULT_STORAGE}"
        if scheme.startswith("postgres"):
            hint = "; a study is a file now, and many machines train one sweep with --cluster"
        raise ConfigError([f"storage: got {scheme}://…{hint}"])
    path = rest.removeprefix("/") if separator else storage
    if path in ("", ":memory:"):
        raise ConfigError([f"storage: got no file; a study is one, such as {DEFAULT_STORAGE}"])
    return Path(os.path.expanduser(path))


def check_file(file: Path, *, create: bool, write: bool) -> bool:
    """Whether a file holds the tables of studies already; one that cannot is a ConfigError.

    Args:
        file: the study file; nothing is changed in it.
        create: whether it may be created.
        write: whether it is to be written.
    """
    cannot = f"storage: {file} cannot be opened:"
    folder = file.absolute().parent
    if file.is_dir():
        raise ConfigError([f"{cannot} it is a folder; name a file in it, such as dlsweep.db"])
    if not create and not file.exists():
        raise ConfigError([f"storage: no such file {file}; `dlsweep sweep` makes it"])
    if not folder.is_dir():
        if folder.exists():
            raise Unwritable([f"{cannot} {folder} is a file"])
        raise ConfigError([f"{cannot} there is no folder {folder}"])
    if write and not may_write(file):
        protected = file.exists() and not os.access(file, os.W_OK)
        what = file.absolute() if protected else f"the folder {folder}"
        raise Unwritable([f"{cannot} {what} is read-only; name another file with --storage"])
    if not file.exists():
        return False
    application, version, tables = _contents(file, cannot)
    if application == APPLICATION_ID and tables:
        if version > FORMAT:
            newer = f"its format {version} is newer than this dlsweep's {FORMAT}"
            raise ConfigError([f"{cannot} {newer}; update dlsweep, or {_OTHER_FILE}"])
        return True
    if {"studies", "trials", "version_info"} <= tables:
        optuna = "it holds Optuna's tables, the format of dlsweep 0.1, which still reads it"
        hint = "rename it to keep it, or name another file with --storage"
        raise ConfigError([f"{cannot} {optuna}; {hint}"])
    if tables:
        names = ", ".join(sorted(tables)[:3]) + ", …" * (len(tables) > 3)
        raise ConfigError([f"{cannot} it holds other tables ({names}); {_OTHER_FILE}"])
    if not create:
        raise ConfigError([f"storage: {file} holds no study; `dlsweep sweep` makes one"])
    return False


def _contents(file: Path, cannot: str) -> tuple[int, int, set[str]]:
    """A SQLite file's application id, version, and the names of its tables."""
    names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    try:
        with contextlib.closing(connect_to_read(file)) as connection:
            connection.execute("BEGIN")  # another process may create the tables meanwhile
            [application] = connection.execute("PRAGMA application_id").fetchone()
            [version] = connection.execute("PRAGMA user_version").fetchone()
            return application, version, {name for (name,) in connection.execute(names)}
    except sqlite3.OperationalError as error:
        log, hint = _log(file), ""
        if log.exists() and not may_write(file):
            hint = f": it is read-only, and its log {log.name} has to be read with it; "
            hint += "copy both to a folder of your own"
        why = "the disk is full" if is_full(file) else f"{error}{hint}"
        raise Unwritable([f"{cannot} {why}"]) from None
    except sqlite3.DatabaseError as error:
        raise ConfigError([f"{cannot} {error}; {_OTHER_FILE}"]) from None


def on_network(path: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """Whether a file is on a network file system; False where this is unknown."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    points = (line.split(" ") for line in lines)
    kinds = {Path(point.replace("\\040", " ")): kind for _, point, kind, *_ in points}
    place = path.resolve()
    return next((kinds[p] for p in (place, *place.parents) if p in kinds), "") in _NETWORK


def may_write(path: Path) -> bool:
    """Whether this user may write a file, which need not exist, and the journal beside it."""
    writable = not path.exists() or os.access(path, os.W_OK)
    return writable and os.access(path.absolute().parent, os.W_OK | os.X_OK)


def connect(path: Path) -> sqlite3.Connection:
    """Open a file to write it; another process's transaction is waited for, for a minute.

    The journal is a write-ahead log, which lets others read while one writes, except on network
    file systems. A transaction is on the disk before it counts (``synchronous=FULL``).
    """
    connection = _open(path, "mode=rwc")
    connection.execute(f"PRAGMA journal_mode={'DELETE' if on_network(path) else 'WAL'}")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a file that exists, to read it; it may be read-only, or in a folder that is.

    SQLite reads a write-ahead log through an index beside it, which it has to create where no
    process has the file open. Where there is no log, nothing is missed by reading the file as one
    that does not change; else a log that cannot be read is an error.
    """
    # Not "ro" where it can be written, which would leave the journal behind.
    how = "mode=rw" if may_write(path) else "mode=ro"
    try:
        return _open(path, how)
    except sqlite3.OperationalError:
        log = _log(path)
        if (how == "mode=rw" and not is_full(path)) or (log.exists() and log.stat().st_size):
            raise
        return _open(path, "immutable=1")


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _open(path: Path, how: str) -> sqlite3.Connection:
    address = f"file:{urllib.parse.quote(str(path.absolute()))}?{how}"
    connection = sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)
    connection.isolation_level = None  # transactions begin where the code says so
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("SELECT count(*) FROM sqlite_master")  # opens the file
    except sqlite3.Error:
        connection.close()
        raise
    return connection
