"""From a source to a runs table: a local study, a W&B sweep or a W&B project."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

from dlsweep.config import ConfigError
from dlsweep.report._online import from_online
from dlsweep.report._runs import Online, Run, RunsTable, varied, versions
from dlsweep.sweep import Row, StudyTable, read_study, storage_file, study_names

_ONLINE = re.compile(
    r"(?:https?://[^/]+/)?([^/\s]+)/([^/\s]+)(?:/(?:sweeps/)?([^/\s?]+))?(?:\?.*)?"
)
BESIDE = ("confirmation", "extra")
"""The roles of a study's runs that are no points of its search, nor repeats of one."""
_STUDY_FILES = (".db", ".sqlite", ".sqlite3")


def read_runs(source: str | None = None, storage: str | None = None) -> RunsTable:
    """The runs of a local study, of a W&B sweep or of a W&B project.

    Args:
        source: the name of a study or of its sweep in ``storage``; or the path of a study file,
            whose newest study is meant; or entity/project/sweep_id or entity/project at W&B,
            also as the address of its page. By default the newest study of the storage.
        storage: the path of a study file; ``dlsweep.db`` by default.

    Raises:
        ConfigError: in one line, where there is no such thing or it cannot be read.
        dlsweep.tracking.TrackingError: where W&B cannot be reached.
    """
    place = online_place(source) if source is not None and storage is None else None
    if place is not None:
        return from_online(place)
    if source is not None and _is_study_file(source):
        if storage is not None:
            raise ConfigError([f"{source}: give the study file once, as SOURCE or as --storage"])
        source, storage = None, source
    return from_study(read_study(storage, source), storage, _others(storage, source))


def online_place(source: str) -> Online | None:
    """What a source means at W&B; None for one that is local."""
    if _is_study_file(source) or ("://" in source and not source.startswith("http")):
        return None
    found = _ONLINE.fullmatch(source.rstrip("/"))
    if found is None:
        return None
    entity, project, sweep = found.groups()
    return Online(entity, project, sweep)


def _is_study_file(source: str) -> bool:
    if "://" in source:
        return not source.startswith("http")
    return source.endswith(_STUDY_FILES) or Path(source).is_file()


def _others(storage: str | None, source: str | None) -> tuple[str, ...]:
    """A notice where the newest of several studies was taken."""
    if source is not None:
        return ()
    names = study_names(storage)
    if len(names) < 2:
        return ()
    return (f"the newest of {len(names)} studies; the others: {', '.join(names[:-1])}",)


def from_study(
    study: StudyTable, storage: str | None = None, notices: tuple[str, ...] = ()
) -> RunsTable:
    """A local study as a runs table."""
    program = study.sweep if study.sweep is not None and study.sweep.command is not None else None
    return RunsTable(
        title=study.sweep.name if study.sweep is not None else study.name,
        source=f"the local study {study.name} in {storage_file(storage)}",
        metric=study.metric,
        runs=tuple(map(_run, study.rows)),
        parameters=varied([row.config for row in study.rows if row.run_id], own=program is None),
        versions=versions(),
        made=datetime.now(timezone.utc),
        name=study.name,
        notices=notices,
        own=program is None,
        repeat=None if program is None else program.command_line,
        storage=storage or "",
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
        beside=row.role in BESIDE,
    )
