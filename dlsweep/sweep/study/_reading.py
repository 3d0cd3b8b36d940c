"""Reading studies without owning them, and asking their owners to stop."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from dlsweep.config import ConfigError
from dlsweep.config.errors import did_you_mean
from dlsweep.sweep.file import SweepFile, parse_sweep
from dlsweep.sweep.study._database import Database, from_json
from dlsweep.sweep.study._lock import is_held
from dlsweep.sweep.study._runs import Row
from dlsweep.sweep.study._table import StudyTable

_log = logging.getLogger("dlsweep.sweep")

Epochs = Literal["all", "last", "none"]
"""Which epochs of each run are read."""

_QUERIES = {
    "all": "SELECT run, metrics FROM epochs WHERE study = ? ORDER BY run, epoch",
    # SQLite takes the other columns from the row that has the maximum.
    "last": "SELECT run, metrics, max(epoch) FROM epochs WHERE study = ? GROUP BY run",
    "none": "SELECT run, metrics FROM epochs WHERE study = ? LIMIT 0",
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
            read_table(database.file, connection, study, sweep, "all")
            for study in all_studies(connection)
            if (sweep := sweep_of(study)) is not None
        ]


def study_names(storage: str | None = None) -> list[str]:
    """The names of all studies of a file, oldest first; no run is read.

    Raises:
        ConfigError, StorageError: as ``list_studies``.
    """
    with Database(storage, write=False) as database:
        return [name for (name,) in database.query("SELECT name FROM studies ORDER BY id")]


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
        names = []
        for study in reversed(all_studies(connection)):
            sweep = sweep_of(study)
            if sweep is not None:
                if name in (None, study["name"], sweep.name, study["fingerprint"]):
                    return read_table(database.file, connection, study, sweep, epochs)
                names += [sweep.name, study["name"]]
    if name is None:
        raise ConfigError(["study: there is none yet; `dlsweep sweep sweep.yaml` makes one"])
    if Path(name).is_file() and not name.endswith((".yaml", ".yml")):
        raise ConfigError([f"study: got {name!r}, a file; of a study file, give --storage {name}"])
    raise ConfigError([f"study: got {name!r}, no such study{did_you_mean(name, names)}"])


def stop_study(storage: str | None = None, name: str | None = None) -> StudyTable:
    """Ask the process that trains a study to leave after the present epoch, and let none begin.

    Returns:
        The study as it was before.

    Raises:
        ConfigError, StorageError: as ``read_study``.
    """
    return _set_stopped(storage, name, True)


def resume_study(storage: str | None = None, name: str | None = None) -> StudyTable:
    """Let a study that was stopped be trained again; see ``stop_study``."""
    return _set_stopped(storage, name, False)


def _set_stopped(storage: str | None, name: str | None, stopped: bool) -> StudyTable:
    table = read_study(storage, name, epochs="none")
    with Database(storage) as database:
        database.write("UPDATE studies SET stopped = ? WHERE name = ?", [(stopped, table.name)])
    return table


def all_studies(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    """All studies, oldest first."""
    return connection.execute("SELECT * FROM studies ORDER BY id").fetchall()


def sweep_of(study: sqlite3.Row) -> SweepFile | None:
    """The sweep of a study; None, and a warning, where this version of dlsweep refuses it."""
    name = study["name"]
    stored = from_json(study["sweep"], f"the sweep of study {name}")
    builtin = not stored.keys() & {"program", "command"}
    try:
        return parse_sweep(stored, name=name, builtin=builtin, read_data=False)
    except ConfigError as error:
        why = "is not one of this version of dlsweep's"
        _log.warning("study %s is left out, it %s: %s", name, why, error.problems[0])
        return None


def read_table(
    file: Path, connection: sqlite3.Connection, study: sqlite3.Row, sweep: SweepFile, epochs: Epochs
) -> StudyTable:
    """A study with its runs; see ``read_rows``."""
    owned = is_held(lock_file(file, study["id"]))
    rows = tuple(read_rows(connection, study["id"], owned=owned, epochs=epochs))
    folders = tuple(from_json(study["folders"], f"the folders of study {study['name']}"))
    stopped = bool(study["stopped"])
    return StudyTable(study["name"], sweep.metric, rows, sweep, stopped, folders, sweep.others)


def lock_file(file: Path, study: int) -> Path:
    """Where the owner of a study holds its lock."""
    return file.with_name(f"{file.name}-{study}.lock")


def read_rows(
    connection: sqlite3.Connection, study: int, *, owned: bool, epochs: Epochs
) -> Iterator[Row]:
    """The runs of a study by number; those that are open wait, unless a process owns it."""
    histories: dict[int, list[Any]] = {}
    for run, metrics, *_ in connection.execute(_QUERIES[epochs], (study,)):
        histories.setdefault(run, []).append(from_json(metrics, f"an epoch of run {run}"))
    for run in connection.execute("SELECT * FROM runs WHERE study = ? ORDER BY number", (study,)):
        yield row_of(run, histories.get(run["number"], []), owned=owned)


def row_of(run: sqlite3.Row, history: Sequence[Any], *, owned: bool = True) -> Row:
    """A run of the database as a row; see ``read_rows``."""
    parts = {
        part: from_json(run[part], f"the {part} of run {run['number']}")
        for part in ("config", "summary", "info", "coordinates")
    }
    known = set(run.keys())  # a file of format 1 has no roles
    return Row(
        **{part: run[part] for part in ("role", "repeat_of") if part in known},
        **{part: run[part] for part in ("number", "name", "value", "reason")},
        run_id=run["run_id"] or "",
        status="waiting" if run["status"] == "running" and not owned else run["status"],
        history=history,
        started=_utc(run["started"]),
        finished=_utc(run["finished"]),
        **parts,
    )


def _utc(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)


@dataclass(frozen=True)
class StudyFolders:
    """Where the runs of a study are.

    Attributes:
        waiting: the folders of which W&B does not have everything, by the number of their runs.
        sent: those that `wandb sync` has sent.
        online: how many runs went to W&B while they were trained.
        missing: folders that are not there.
        unfinished: how many runs have not ended; an attempt at one of these is never sent.
    """

    waiting: tuple[Path, ...]
    sent: tuple[Path, ...]
    online: int
    missing: tuple[Path, ...]
    unfinished: int


def study_folders(study: StudyTable) -> StudyFolders:
    """Look for the folders of a study's runs: where they were made, or below here.

    Each run that has ended has one folder, that of the attempt which ended it; that of a program
    that began its run several times has several.
    """
    from dlsweep.tracking import is_synced  # which imports more than readers need

    waiting, sent, missing = list[Path](), list[Path](), list[Path]()
    online = 0
    ended = [row for row in study.rows if row.status not in ("waiting", "running")]
    kept = [folder for row in ended for folder in _folders(row)]
    for folder in map(Path, dict.fromkeys([*study.folders, *kept])):
        place = folder if folder.is_dir() else Path("wandb") / folder.name
        if not folder.name.startswith("offline-") and (is_synced(place) or not place.is_dir()):
            online += 1  # where it is on another machine, that one knows what became of it
        elif not place.is_dir():
            missing.append(folder)
        elif is_synced(place):
            sent.append(place)
        else:
            waiting.append(place)
    unfinished = len(study.rows) - len(ended)
    return StudyFolders(tuple(waiting), tuple(sent), online, tuple(missing), unfinished)


def _folders(row: Row) -> list[str]:
    """The folders of a run: one, or several of a program that began its run several times."""
    folder = row.info.get("directory")
    return list(row.info.get("directories") or ([folder] if folder else []))
