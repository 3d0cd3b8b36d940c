"""The tables of a study file, and transactions on them."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dlsweep._unwritable import is_full
from dlsweep.sweep.study._storage import (
    APPLICATION_ID,
    FORMAT,
    StorageError,
    check_file,
    connect,
    connect_to_read,
    storage_file,
)

# Times are seconds since 1970 in UTC. JSON are a sweep, folders, coordinates, a configuration, a
# summary, an info, an epoch's metrics, a stack's members.
# A point that is not a valid configuration has no run_id. A run that was taken over from another
# study, and one that the search has not drawn, has no position, which is its place in the order of
# the search. A role is one of ROLES; repeat_of is the number of the run with the same configuration
# but for the seed.
_TABLES = f"""
PRAGMA application_id={APPLICATION_ID};
PRAGMA user_version={FORMAT};
CREATE TABLE studies (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, fingerprint TEXT NOT NULL UNIQUE,
    sweep TEXT NOT NULL, seed TEXT NOT NULL, created REAL NOT NULL,
    stopped INTEGER NOT NULL DEFAULT 0, folders TEXT NOT NULL DEFAULT '[]'
);
CREATE TABLE runs (
    study INTEGER NOT NULL REFERENCES studies (id), number INTEGER NOT NULL,
    run_id TEXT, name TEXT NOT NULL, status TEXT NOT NULL,
    role TEXT NOT NULL DEFAULT 'search', repeat_of INTEGER,
    position INTEGER, coordinates TEXT NOT NULL, config TEXT NOT NULL,
    stack INTEGER, attempt INTEGER NOT NULL DEFAULT 1, deaths INTEGER NOT NULL DEFAULT 0,
    value REAL, summary TEXT NOT NULL DEFAULT '{{}}', reason TEXT NOT NULL DEFAULT '',
    info TEXT NOT NULL DEFAULT '{{}}', started REAL NOT NULL, finished REAL,
    PRIMARY KEY (study, number)
);
CREATE TABLE epochs (
    study INTEGER NOT NULL, run INTEGER NOT NULL, epoch INTEGER NOT NULL, metrics TEXT NOT NULL,
    PRIMARY KEY (study, run, epoch)
) WITHOUT ROWID;
CREATE TABLE stacks (
    study INTEGER NOT NULL REFERENCES studies (id), id INTEGER NOT NULL,
    members TEXT NOT NULL, begun INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (study, id)
);
"""
_FROM_FORMAT_1 = (
    "ALTER TABLE runs ADD COLUMN role TEXT NOT NULL DEFAULT 'search'",
    "ALTER TABLE runs ADD COLUMN repeat_of INTEGER",
    f"PRAGMA user_version={FORMAT}",
)
_OPENING_SECONDS = 10.0  # that another process may take to change the journal


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
        end = time.monotonic() + _OPENING_SECONDS
        with self._explained():
            while True:
                try:
                    self._open = (connect if write else connect_to_read)(self.file)
                    break
                except sqlite3.OperationalError as error:
                    if "locked" not in str(error) or time.monotonic() > end:
                        raise
                time.sleep(0.05)
        if not ready:
            with self.transaction() as connection:
                [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                for statement in _TABLES.split(";")[:-1] if not tables else ():
                    connection.execute(statement)
        elif write and self.query("PRAGMA user_version")[0][0] < FORMAT:
            self._upgrade()

    def _upgrade(self) -> None:
        """Bring the tables of format 1 to this one; readers of it need not wait."""
        with self.transaction() as connection:
            [version] = connection.execute("PRAGMA user_version").fetchone()
            for statement in _FROM_FORMAT_1 if version < FORMAT else ():
                connection.execute(statement)

    def transaction(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """Write all or, where something is raised, nothing.

        Raises:
            StorageError: in one line, where the file cannot be written, on a full disk above all.
        """
        return self._transaction("BEGIN IMMEDIATE")

    def snapshot(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """Read the file as it is at one moment, however many queries it takes."""
        return self._transaction("BEGIN")

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._explained():
            self._open.execute(begin)
            try:
                yield self._open
                self._open.execute("COMMIT")
            except BaseException:
                if self._open.in_transaction:
                    self._open.execute("ROLLBACK")
                raise

    def query(self, sql: str, *values: Any) -> list[Any]:
        """The rows of one query."""
        with self._explained():
            return self._open.execute(sql, values).fetchall()

    def write(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute one statement for each of several rows of values, in one transaction."""
        with self.transaction() as connection:
            connection.executemany(sql, rows)

    def close(self) -> None:
        """Close the file; the last process to do so removes its journal."""
        self._open.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """SQLite's errors as one line for the user."""
        try:
            yield
        except sqlite3.ProgrammingError:  # a mistake of the caller's, such as a closed file
            raise
        except sqlite3.OperationalError as error:
            what = "the disk is full" if is_full(self.file) else error
            why = f"cannot be used any more: {what}; what was stored is kept, and the same "
            raise StorageError(f"study: {self.file} {why}command goes on") from error
        except sqlite3.DatabaseError as error:
            why = f"is damaged: {error}; go back to a copy of it"
            raise StorageError(f"study: {self.file} {why}") from error


def insert(connection: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> None:
    """Insert a row into a table; its columns are the keys."""
    values = ", ".join("?" * len(row))
    connection.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})", tuple(row.values())
    )


def as_json(value: Any) -> str:
    """A value as it is stored; NumPy's and PyTorch's numbers as Python's."""
    return json.dumps(value, separators=(",", ":"), default=lambda scalar: scalar.item())


def from_json(text: str, what: str) -> Any:
    """A stored value; where it is not JSON, a StorageError names it as ``what``."""
    try:
        return json.loads(text)
    except (TypeError, ValueError) as error:
        why = f"{what} is not JSON: {error}"
        raise StorageError(f"study: {why}; go back to a copy of the study file") from None
