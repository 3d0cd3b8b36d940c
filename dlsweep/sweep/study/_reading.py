"""Reading studies without owning them, and telling their owners to stop."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from dlsweep.config import ConfigError
from dlsweep.config.errors import did_you_mean
from dlsweep.sweep.file import SweepFile, parse_sweep
from dlsweep.sweep.study._database import Database, from_json, utc
from dlsweep.sweep.study._lock import is_held
from dlsweep.sweep.study._rows import Row, StudyTable

_log = logging.getLogger("dlsweep.sweep")

Epochs = Literal["all", "last", "none"]
"""Which epochs of each run are read."""

_QUERIES = {
    "all": "SELECT run, metrics FROM epochs WHERE study = ? ORDER BY run, epoch",
    # SQLite takes the other columns from the row that has the maximum.
    "last": "SELECT run, metrics, max(epoch) FROM epochs WHERE study = ? GROUP BY run",
}


def list_studies(storage: str | None = None) -> list[StudyTable]:
    """All studies of a file with all their runs, oldest first.

    Args:
        storage: see ``storage_file``.

    Raises:
        ConfigError: in one line, where there is no such file or it holds no studies.
        StorageError: in one line, where it is damaged.
    """
    with Database(storage, write=False) as database, database.snapshot() as connection:
        return [
            _table(database, connection, study, sweep, "all")
            for study in all_studies(connection)
            if (sweep := sweep_of(study)) is not None
        ]


def study_names(storage: str | None = None) -> list[str]:
    """The names of all studies of a file, oldest first; no run is read.

    Raises:
        ConfigError, StorageError: as ``list_studies``.
    """
    with Database(storage, write=False) as database, database.snapshot() as connection:
        return [study["name"] for study in all_studies(connection)]


def read_study(
    storage: str | None = None, name: str | None = None, *, epochs: Epochs = "all"
) -> StudyTable:
    """One study of a file; the others are not read.

    Args:
        storage: see ``storage_file``.
        name: the study's or its sweep's name, or the sweep's fingerprint; by default the newest.
        epochs: which epochs of each run are read into its history.

    Raises:
        ConfigError: in one line, where there is no such study or file.
        StorageError: in one line, where it is damaged.
    """
    with Database(storage, write=False) as database, database.snapshot() as connection:
        study, sweep = _find(connection, name)
        return _table(database, connection, study, sweep, epochs)


def stop_study(storage: str | None = None, name: str | None = None) -> StudyTable:
    """Ask the process that trains a study to leave after the present epoch, and let none begin.

    Returns:
        The study as it stood then.

    Raises:
        ConfigError, StorageError: as ``read_study``.
    """
    return _set_stopped(storage, name, True)


def resume_study(storage: str | None = None, name: str | None = None) -> StudyTable:
    """Let a study that was stopped be trained again; see ``stop_study``."""
    return _set_stopped(storage, name, False)


def _set_stopped(storage: str | None, name: str | None, stopped: bool) -> StudyTable:
    table = read_study(storage, name, epochs="none")
    with Database(storage) as database, database.transaction() as connection:
        connection.execute("UPDATE studies SET stopped = ? WHERE name = ?", (stopped, table.name))
    return table


def all_studies(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    return connection.execute("SELECT * FROM studies ORDER BY id").fetchall()


def _find(connection: sqlite3.Connection, name: str | None) -> tuple[sqlite3.Row, SweepFile]:
    """The newest study of a name, with its sweep."""
    names = []
    for study in reversed(all_studies(connection)):
        sweep = sweep_of(study)
        if sweep is not None:
            if name in (None, study["name"], sweep.name, study["fingerprint"]):
                return study, sweep
            names += [sweep.name, study["name"]]
    if name is None:
        raise ConfigError(["study: there is none yet; `dlsweep sweep sweep.yaml` makes one"])
    if Path(name).is_file() and not name.endswith((".yaml", ".yml")):
        raise ConfigError([f"study: got {name!r}, a file; of a study file, give --storage {name}"])
    raise ConfigError([f"study: got {name!r}, no such study{did_you_mean(name, names)}"])


def sweep_of(study: sqlite3.Row) -> SweepFile | None:
    """The sweep of a study; None, and a warning, where this version of dlsweep refuses it."""
    name = study["name"]
    try:
        return parse_sweep(from_json(study["sweep"], f"the sweep of study {name}"), name=name)
    except ConfigError as error:
        why = "is not one of this version of dlsweep's"
        _log.warning("study %s is left out, it %s: %s", name, why, error.problems[0])
        return None


def _table(
    database: Database,
    connection: sqlite3.Connection,
    study: sqlite3.Row,
    sweep: SweepFile,
    epochs: Epochs,
) -> StudyTable:
    owned = is_held(lock_file(database.file, study["id"]))
    rows = tuple(read_rows(connection, study["id"], owned=owned, epochs=epochs))
    folders = tuple(from_json(study["folders"], f"the folders of study {study['name']}"))
    return StudyTable(study["name"], sweep.metric, rows, sweep, bool(study["stopped"]), folders)


def lock_file(file: Path, study: int) -> Path:
    """Where the owner of a study holds its lock."""
    return file.with_name(f"{file.name}-{study}.lock")


def read_rows(
    connection: sqlite3.Connection, study: int, *, owned: bool, epochs: Epochs
) -> Iterator[Row]:
    """The runs of a study by number.

    Args:
        connection: within a snapshot.
        study: the study's id.
        owned: whether a process trains it; without one, its open runs wait.
        epochs: which epochs are read.
    """
    histories: dict[int, list[Any]] = {}
    if epochs != "none":
        for run, metrics, *_ in connection.execute(_QUERIES[epochs], (study,)):
            histories.setdefault(run, []).append(from_json(metrics, f"an epoch of run {run}"))
    for run in connection.execute("SELECT * FROM runs WHERE study = ? ORDER BY number", (study,)):
        yield row_of(run, histories.get(run["number"], []), owned=owned)


def row_of(run: sqlite3.Row, history: list[Any], *, owned: bool) -> Row:
    """A run of the database as a row; see ``read_rows``."""
    number = run["number"]
    parts = {
        part: from_json(run[part], f"the {part} of run {number}")
        for part in ("config", "summary", "info", "coordinates")
    }
    return Row(
        number=number,
        run_id=run["run_id"] or "",
        name=run["name"],
        status="waiting" if run["status"] == "running" and not owned else run["status"],
        history=history,
        value=run["value"],
        reason=run["reason"],
        started=utc(run["started"]),
        finished=utc(run["finished"]),
        **parts,
    )
