"""From a source to a runs table: a local study, a W&B sweep or a W&B project."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from dlsweep.config import ConfigError
from dlsweep.report._foreign import from_online
from dlsweep.report._runs import Online, Run, RunsTable, varied, versions
from dlsweep.sweep import Row, StudyTable, list_studies, read_study

_ONLINE = re.compile(
    r"(?:https?://[^/]+/)?([^/\s]+)/([^/\s]+)(?:/(?:sweeps/)?([^/\s?]+))?(?:\?.*)?"
)
_DATABASES = (".db", ".sqlite", ".sqlite3")


def read_runs(source: str | None = None, storage: str | None = None) -> RunsTable:
    """The runs of a local study, of a W&B sweep or of a W&B project.

    Args:
        source: the name of a study or of its sweep in ``storage``; or a SQLite file or database
            URL, whose newest study is meant; or entity/project/sweep_id or entity/project at W&B,
            also as the address of its page. By default the newest study of the storage.
        storage: where studies are: the path of a SQLite file or a database URL; ``dlsweep.db`` by
            default.

    Raises:
        ConfigError: in one line, where there is no such thing or it cannot be read.
        dlsweep.tracking.TrackingError: where W&B cannot be reached.
    """
    place = online_place(source) if source is not None and storage is None else None
    if place is not None:
        return from_online(place)
    if source is not None and _is_database(source):
        if storage is not None:
            raise ConfigError([f"{source}: give the database once, as SOURCE or as --storage"])
        source, storage = None, source
    return from_study(read_study(storage, source), storage, _others(storage, source))


def online_place(source: str) -> Online | None:
    """What a source means at W&B; None for one that is local."""
    if _is_database(source) or ("://" in source and not source.startswith("http")):
        return None
    found = _ONLINE.fullmatch(source.rstrip("/"))
    if found is None:
        return None
    entity, project, sweep = found.groups()
    return Online(entity, project, sweep)


def _is_database(source: str) -> bool:
    if "://" in source:
        return not source.startswith("http")
    return source.endswith(_DATABASES) or Path(source).is_file()


def _others(storage: str | None, source: str | None) -> tuple[str, ...]:
    """A notice where the newest of several studies was taken."""
    if source is not None:
        return ()
    names = [study.name for study in list_studies(storage)]
    if len(names) < 2:
        return ()
    return (f"the newest of {len(names)} studies; the others: {', '.join(names[:-1])}",)


def from_study(
    study: StudyTable, storage: str | None = None, notices: tuple[str, ...] = ()
) -> RunsTable:
    """A local study as a runs table."""
    return RunsTable(
        title=study.sweep.name,
        source=f"the local study {study.name} in {_without_password(storage or 'dlsweep.db')}",
        metric=study.sweep.metric,
        runs=tuple(map(_run, study.rows)),
        parameters=varied([row.config for row in study.rows if row.run_id]),
        versions=versions(),
        made=datetime.now(),
        name=study.name,
        notices=notices,
    )


def _run(row: Row) -> Run:
    summary = dict(row.summary)
    for name in ("val_confusion", "test_confusion"):
        if name in row.info:
            summary.setdefault(name, row.info[name])
    return Run(
        id=row.run_id or row.name,
        name=row.name,
        status=row.status,
        config=row.config,
        history=tuple(row.history),
        summary=summary,
        value=row.value,
        reason=row.reason,
        started=row.started,
        finished=row.finished,
    )


def _without_password(storage: str) -> str:
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", storage)
