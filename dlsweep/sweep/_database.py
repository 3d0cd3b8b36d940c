"""Opening the database of a study: a SQLite file, or PostgreSQL where machines share a sweep."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from optuna.storages import RDBStorage

from dlsweep.config import ConfigError
from dlsweep.sweep._database_checks import refuse_file, refuse_kind
from dlsweep.sweep._lock import connect, connect_to_read, may_write
from dlsweep.sweep._sampler import quiet

DEFAULT_STORAGE = "sqlite:///dlsweep.db"
"""A SQLite file in the working directory."""

_POSTGRESQL = "postgresql+psycopg"
_MAKING_SECONDS = 5.0  # that others may keep the tables locked while they make them
_MAKING_TRIES = 50  # there are a dozen tables, and each that another has made costs a try at most
_OPENING = 0x646C7377  # of the advisory lock under which the tables are made
# A connection that is gone is noticed within a minute, even where nobody says so.
_PSYCOPG = {
    "connect_timeout": 10,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 40_000,
}


class StorageError(RuntimeError):
    """A study cannot be written or read any more; the text is one line."""


def storage_url(storage: str | None) -> str:
    """The URL of a storage: as it is, or made from the path of a SQLite file.

    ``postgres://`` and ``postgresql://`` are opened with psycopg.
    """
    if storage is None:
        return DEFAULT_STORAGE
    if "://" not in storage:
        return f"sqlite:///{os.path.expanduser(storage)}"
    return re.sub(r"^postgres(ql)?://", f"{_POSTGRESQL}://", storage)


def storage_name(storage: str) -> str:
    """A URL without its password, or a path as it is: for messages, and never to be opened."""
    hidden = re.sub(r"(://[^:/@]*):.*@", r"\1:***@", storage)
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", r"\1***", hidden)


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite URL; None for anything else."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))


def open_database(url: str, *, create: bool, change: bool = True) -> RDBStorage:
    """The database at a URL, with Optuna's tables.

    Args:
        url: see ``storage_url``.
        create: make it where there is none.
        change: for more than reading; a file that may not be written is only read.

    Raises:
        ConfigError: in one line, where it cannot be opened.
    """
    shown = storage_name(url)
    try:
        refuse_kind(sa.make_url(url))
        file = sqlite_file(url)
        if file is not None:
            file = file.absolute()
            refuse_file(file, shown, create=create, change=change)
            reads_only = not change and not may_write(file)
            return _open_file(url, file, connect_to_read if reads_only else connect)
        arguments: dict[str, Any] = {"pool_pre_ping": True}
        if sa.make_url(url).drivername == _POSTGRESQL:
            arguments["connect_args"] = _PSYCOPG
        with quiet(), _one_at_a_time(url, arguments) as connection:
            if not (create or connection is None or sa.inspect(connection).has_table("studies")):
                raise ConfigError([f"storage: {shown} holds no study; `dlsweep sweep` makes one"])
            rdb = RDBStorage(url, engine_kwargs=arguments)
        if rdb.engine.dialect.name == "postgresql":
            sa.event.listen(rdb.engine, "connect", _in_utc)
            rdb.engine.dispose()  # those that were opened before
        return rdb
    except ConfigError:
        raise
    except (ImportError, sa.exc.NoSuchModuleError) as error:
        need = f"a database driver that is not installed ({error})"
        if url.startswith(f"{_POSTGRESQL}:"):
            need = "psycopg; pip install 'dlsweep[postgresql]'"
        raise ConfigError([f"storage: {shown} needs {need}"]) from None
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigError(
            [f"storage: got {shown}, expected a URL such as {DEFAULT_STORAGE}"]
        ) from None
    except Exception as error:  # every driver has errors of its own
        cause = error.__cause__ or error  # Optuna has a general error of its own
        raise ConfigError([f"storage: {shown} cannot be opened: {reason_of(cause)}"]) from None


def _open_file(url: str, file: Path, connect: Callable[[Path], sqlite3.Connection]) -> RDBStorage:
    """A SQLite file, with Optuna's tables.

    Those who make the tables at the same time fail where another was faster; then there are more of
    them, and the next time none is missing.
    """
    creator: Callable[[], Any] = functools.partial(connect, file)
    until = time.monotonic() + _MAKING_SECONDS
    tries = 0
    while True:
        pool = sa.QueuePool(creator)
        try:
            with quiet():
                return RDBStorage(url, engine_kwargs={"pool": pool})
        except Exception as error:
            pool.dispose()  # Optuna leaves it open
            tries += 1
            raced = isinstance(error, sa.exc.IntegrityError) or "already exists" in str(error)
            locked = "database is locked" in str(error)
            if not ((raced and tries < _MAKING_TRIES) or (locked and time.monotonic() < until)):
                raise
            time.sleep(0.05)


@contextlib.contextmanager
def _one_at_a_time(url: str, arguments: dict[str, Any]) -> Iterator[sa.Connection | None]:
    """Keep others from making the same tables at the same time, which fails for all but one."""
    if sa.make_url(url).get_backend_name() != "postgresql":
        yield None
        return
    engine = sa.create_engine(url, **arguments)
    try:
        with engine.connect() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_OPENING)))
            yield connection
    finally:
        engine.dispose()


def _in_utc(connection: Any, _: object) -> None:
    """Heartbeats are times without a zone: the server is to write all of them in the same one."""
    with connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
    connection.commit()


def connection_lost(error: BaseException) -> bool:
    """Whether a query failed because the database could not be reached, or had to give way."""
    return isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError) or (
        isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
    )


def reason_of(error: BaseException) -> str:
    """A database's error in one line, without the query and without a password."""
    return storage_name(" ".join(str(getattr(error, "orig", None) or error).split()))
