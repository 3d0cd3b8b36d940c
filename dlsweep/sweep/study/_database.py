"""The tables of a study file, and transactions on them."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dlsweep.sweep.study._storage import (
    APPLICATION_ID,
    FORMAT,
    StorageError,
    check_file,
    connect,
    connect_to_read,
    storage_file,
)

# Times are seconds since 1970 in UTC. Text with a name in the plural is JSON, so is a sweep, and
# so are a configuration, a summary, an info and what a stack is compiled for.
# A run that is no valid configuration has no run_id. A run that was taken over from another study
# has no position, which is its place in the order of the search.
_TABLES = """
CREATE TABLE studies (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL UNIQUE,
    sweep TEXT NOT NULL,
    seed TEXT NOT NULL,
    created REAL NOT NULL,
    stopped INTEGER NOT NULL DEFAULT 0,
    folders TEXT NOT NULL DEFAULT '[]'
);
CREATE TABLE runs (
    study INTEGER NOT NULL REFERENCES studies (id),
    number INTEGER NOT NULL,
    run_id TEXT,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    position INTEGER,
    coordinates TEXT NOT NULL,
    config TEXT NOT NULL,
    stack INTEGER,
    attempt INTEGER NOT NULL DEFAULT 1,
    deaths INTEGER NOT NULL DEFAULT 0,
    value REAL,
    summary TEXT NOT NULL DEFAULT '{}',
    reason TEXT NOT NULL DEFAULT '',
    info TEXT NOT NULL DEFAULT '{}',
    started REAL NOT NULL,
    finished REAL,
    PRIMARY KEY (study, number)
);
CREATE TABLE epochs (
    study INTEGER NOT NULL,
    run INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    metrics TEXT NOT NULL,
    PRIMARY KEY (study, run, epoch)
) WITHOUT ROWID;
CREATE TABLE stacks (
    study INTEGER NOT NULL REFERENCES studies (id),
    id INTEGER NOT NULL,
    members TEXT NOT NULL,
    compile_for TEXT,
    begun INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (study, id)
);
"""
_OPENING_SECONDS = 10.0  # that another process may take to create the tables


class Database:
    """A study file that is open.

    Args:
        storage: see ``storage_file``.
        create: create it where it does not exist.
        write: open it for more than reading; a file that may not be written is only read.

    Raises:
        ConfigError: in one line, where it cannot be opened.
    """

    def __init__(
        self, storage: str | None = None, *, create: bool = False, write: bool = True
    ) -> None:
        self.file = storage_file(storage)
        ready = check_file(self.file, create=create, write=write)
        self._connection: sqlite3.Connection | None = None
        with self._explained():
            self._connection = _patiently(connect if write else connect_to_read, self.file)
        if not ready:
            with self.transaction() as connection:
                _create_tables(connection)

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StorageError(f"study: {self.file} is closed")
        return self._connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write: all of it or, where something is raised, nothing.

        Raises:
            StorageError: in one line, where the file cannot be written, on a full disk above all.
        """
        connection = self._open
        with self._explained():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Read the file as it is at one moment, however many queries it takes.

        Raises:
            StorageError: in one line, where the file is damaged.
        """
        connection = self._open
        with self._explained():
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file; the last process to do so removes its journal."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """What SQLite complains of, in a line for the user."""
        try:
            yield
        except sqlite3.OperationalError as error:
            kept = "what was stored is kept, and the same command goes on"
            raise StorageError(
                f"study: {self.file} cannot be used any more: {error}; {kept}"
            ) from error
        except sqlite3.DatabaseError as error:
            raise StorageError(
                f"study: {self.file} is damaged: {error}; go back to a copy of it"
            ) from error


def _patiently(open_file: Callable[[Path], sqlite3.Connection], file: Path) -> sqlite3.Connection:
    """Open a file again for as long as another process has it locked to change its journal."""
    end = time.monotonic() + _OPENING_SECONDS
    while True:
        try:
            return open_file(file)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.05)


def _create_tables(connection: sqlite3.Connection) -> None:
    """Create the tables in a transaction, unless another process has done so meanwhile."""
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={FORMAT}")
    for statement in _TABLES.split(";")[:-1]:
        connection.execute(statement)


def as_json(value: Any) -> str:
    """A value as it is stored; NumPy's and PyTorch's numbers as Python's."""
    return json.dumps(value, separators=(",", ":"), default=lambda scalar: scalar.item())


def from_json(text: str, what: str) -> Any:
    """A stored value.

    Args:
        text: as ``as_json`` wrote it.
        what: what a message calls it, such as "the config of run 3".

    Raises:
        StorageError: in one line, where it is not JSON.
    """
    try:
        return json.loads(text)
    except (TypeError, ValueError) as error:
        why = f"{what} is not JSON: {error}"
        raise StorageError(f"study: {why}; go back to a copy of the study file") from None


def plain_numbers(logged: Mapping[str, Any]) -> dict[str, Any]:
    """Logged values with NumPy's and PyTorch's numbers as Python's."""
    return {k: v.item() if hasattr(v, "item") else v for k, v in logged.items()}


def utc(seconds: float | None) -> datetime | None:
    """A stored time as an aware datetime; None for none."""
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
