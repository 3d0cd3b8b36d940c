"""What can be no database of studies: told in a line before anything is opened or made."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import sqlalchemy as sa
from optuna.storages._rdb import models

from dlsweep.config import ConfigError
from dlsweep.sweep._lock import connect_to_read, may_write

_KINDS = ("sqlite", "postgresql")
_OPTUNAS = {*models.BaseModel.metadata.tables, "alembic_version"}
_ELSEWHERE = "name another file with --storage, or move it away"


def refuse_kind(url: sa.URL) -> None:
    """Refuse databases that are not known to keep studies well.

    Raises:
        ConfigError: for any but SQLite files and PostgreSQL.
    """
    if url.get_backend_name() not in _KINDS:
        kind = url.get_backend_name()
        known = "a SQLite file or postgresql://USER@HOST/DATABASE"
        raise ConfigError([f"storage: got {kind}://…, which is not supported; give {known}"])
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigError(["storage: got no file; a study is kept in one, such as dlsweep.db"])


def refuse_file(file: Path, shown: str, *, create: bool, change: bool) -> None:
    """Refuse what is no SQLite file of studies, and cannot become one.

    Args:
        file: absolute.
        shown: what a message calls the database.
        create: whether it may be made.
        change: whether it is to be written.

    Raises:
        ConfigError: in one line.
    """
    cannot = f"storage: {shown} cannot be opened:"
    if file.is_dir():
        raise ConfigError([f"{cannot} it is a folder; name a file in it, such as dlsweep.db"])
    if not create and not file.exists():
        near = os.path.relpath(file) if file.is_relative_to(Path.cwd()) else file
        raise ConfigError([f"storage: no such file {near}; `dlsweep sweep` makes it"])
    if not file.parent.is_dir():
        raise ConfigError([f"{cannot} there is no folder {file.parent}"])
    if change and not may_write(file):
        what = (
            file if file.exists() and not os.access(file, os.W_OK) else f"the folder {file.parent}"
        )
        raise ConfigError([f"{cannot} {what} is read-only; name another file with --storage"])
    if not file.exists():
        return
    if not os.access(file, os.R_OK):
        raise ConfigError([f"{cannot} this user may not read it"])
    tables, columns = _tables(file, cannot)
    if not tables and not create:
        raise ConfigError([f"storage: {shown} holds no study; `dlsweep sweep` makes one"])
    # Those of Optuna's that are there may be few while somebody makes them.
    optunas = tables <= _OPTUNAS or {"studies", "version_info"} <= tables
    if not optunas or ("studies" in tables and "study_name" not in columns):
        names = ", ".join(sorted(tables)[:3]) + ", …" * (len(tables) > 3)
        raise ConfigError([f"{cannot} it holds other tables ({names}); {_ELSEWHERE}"])


def _tables(file: Path, cannot: str) -> tuple[set[str], set[str]]:
    """The names of a SQLite file's tables, and of the columns of its studies."""
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    columns = "SELECT name FROM pragma_table_info('studies')"
    try:
        with contextlib.closing(connect_to_read(file)) as connection:
            return (
                {name for (name,) in connection.execute(tables)},
                {name for (name,) in connection.execute(columns)},
            )
    except sqlite3.OperationalError as error:
        log = file.with_name(f"{file.name}-wal")
        if may_write(file) or not log.exists():
            raise
        copy = f"it is read-only, and its log {log.name} has to be read with it; copy both"
        raise ConfigError([f"{cannot} {error}: {copy} to a folder of your own"]) from None
    except sqlite3.DatabaseError as error:
        raise ConfigError([f"{cannot} {error}; {_ELSEWHERE}"]) from None
