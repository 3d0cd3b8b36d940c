"""Reading studies without owning them, and telling their owners to stop."""

from __future__ import annotations

import logging
from pathlib import Path

from dlsweep.config import ConfigError
from dlsweep.config.errors import did_you_mean
from dlsweep.sweep._file import parse_sweep
from dlsweep.sweep._rows import StudyTable, to_row
from dlsweep.sweep._store import Store

_log = logging.getLogger("dlsweep.sweep")

SWEEP = "sweep"
"""The attribute of a study that holds its sweep; a study without it is not one of ours."""

STOP = "stop"
"""The attribute of a study that says whether its owners are to leave."""

FOLDERS = "folders"
"""The attribute that holds the folders of wandb runs beside those of the points."""

SHOWING = "showing"
"""The attribute that says who shows the data, in those runs; it is there before they are."""


def list_studies(storage: str | None = None) -> list[StudyTable]:
    """The sweeps in a storage with their runs, oldest first.

    Raises:
        ConfigError: in one line, where there is no such storage or it cannot be read.
        StorageError: in one line, where a study in it is damaged.
    """
    store = Store(storage, create=False, change=False)
    try:
        found = []
        for name, key in store.studies().items():
            attributes = store.attributes(key)
            described = attributes.get(SWEEP)
            if described is None:
                continue  # a study of someone else's, in the same database
            try:
                sweep = parse_sweep(described, name=name)
            except ConfigError as error:
                why = "is not one of this version of dlsweep's"
                _log.warning("study %s is left out, it %s: %s", name, why, error.problems[0])
                continue
            lock = store.lock(key)
            alive = lock is None or lock.held_elsewhere()
            records = store.records(key)
            rows = (to_row(r, sweep.metric, alive=alive and not r.left_alone) for r in records)
            stopped, folders = attributes.get(STOP, False), tuple(attributes.get(FOLDERS, ()))
            found.append(StudyTable(name, sweep, tuple(rows), stopped, folders))
        return found
    finally:
        store.close()


def read_study(storage: str | None = None, name: str | None = None) -> StudyTable:
    """One sweep of a storage: by its study's or its sweep's name, or else the newest.

    Raises:
        ConfigError: in one line, where there is none, or no storage.
    """
    studies = list_studies(storage)
    if not studies:
        raise ConfigError(["study: there is none yet; `dlsweep sweep sweep.yaml` makes one"])
    if name is None:
        return studies[-1]
    for study in reversed(studies):
        if name in (study.name, study.sweep.name, study.sweep.fingerprint):
            return study
    if Path(name).is_file() and not name.endswith((".yaml", ".yml")):
        raise ConfigError([f"study: got {name!r}, a file; of a database, give --storage {name}"])
    names = [n for study in studies for n in (study.sweep.name, study.name)]
    raise ConfigError([f"study: got {name!r}, no such study{did_you_mean(name, names)}"])


def stop_study(storage: str | None = None, name: str | None = None) -> StudyTable:
    """Ask all that train a study to leave after their present epoch, and let nobody begin.

    Returns:
        The study as it stood then.

    Raises:
        ConfigError: as ``read_study``.
    """
    return _mark(storage, name, stop=True)


def resume_study(storage: str | None = None, name: str | None = None) -> StudyTable:
    """Let a study that was stopped be trained again; see ``stop_study``."""
    return _mark(storage, name, stop=False)


def _mark(storage: str | None, name: str | None, *, stop: bool) -> StudyTable:
    study = read_study(storage, name)
    store = Store(storage, create=False)
    try:
        store.set_attribute(store.studies()[study.name], STOP, stop)
    finally:
        store.close()
    return study
