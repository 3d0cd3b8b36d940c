"""From a source to a runs table: a local study, a W&B sweep or a W&B project."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from pathlib import Path

from dlsweep.config import ConfigError
from dlsweep.report._online import from_online
from dlsweep.report._runs import Online, RunsTable, varied, versions
from dlsweep.report._studies import Studies, comparable
from dlsweep.sweep import (
    StorageError,
    StudyTable,
    read_study,
    storage_file,
    study_names,
)

_ONLINE = re.compile(
    r"(?:https?://[^/]+/)?([^/\s]+)/([^/\s]+)(?:/(?:sweeps/)?([^/\s?]+))?(?:\?.*)?"
)
_STUDY_FILES = (".db", ".sqlite", ".sqlite3")


def read_runs(source: str | None = None, storage: str | None = None) -> RunsTable:
    """The runs of a local study, of a W&B sweep or of a W&B project.

    Args:
        source: the name of a study or of its sweep in ``storage``; or the path of a study file,
            whose newest study is meant, or FILE#STUDY; or entity/project/sweep_id or entity/project
            at W&B, also as the address of its page. By default the newest study of the storage.
        storage: the path of a study file; ``dlsweep.db`` by default.

    Raises:
        ConfigError: in one line, where there is no such thing or it cannot be read.
        dlsweep.tracking.TrackingError: where W&B cannot be reached.
    """
    place = online_place(source) if source is not None and storage is None else None
    if place is not None:
        return from_online(place)
    storage, name = _study(source, storage)
    return from_study(read_study(storage, name), storage, _others(storage, name))


def read_studies(
    sources: Sequence[str],
    storage: str | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Studies:
    """The runs of several studies, sweeps or projects, to be compared.

    A study file that cannot be read, such as an empty one among those of a whole class, is left out
    with a notice; so is one that another metric judges than most, see ``comparable``.

    Args:
        sources: each as for ``read_runs``; and FILE#PATTERN, such as ``dlsweep.db#*``: all
            studies of the file whose names it fits. What is named twice is read once.
        storage: the path of the file of the studies that are given by name.
        progress: called with how many studies have been read, and of how many.

    Raises:
        ConfigError: a line for each name of which there is no study, and where no two studies can
            be compared.
        dlsweep.tracking.TrackingError: where W&B cannot be reached.
    """
    tables: dict[str, RunsTable] = {}
    notices, problems = list[str](), list[str]()
    sources = list(dict.fromkeys(_each(sources, storage, problems)))
    for done, source in enumerate(sources):
        progress(done, len(sources))
        is_file = _is_study_file(source.rpartition("#")[0] or source)
        try:
            table = read_runs(source, None if is_file else storage)
        except (ConfigError, StorageError) as error:
            told = error.problems if isinstance(error, ConfigError) else (str(error),)
            if is_file and Path(source).is_file():
                notices.append(f"left out: {source}, {told[0]}")
            else:
                problems += told
            continue
        local = table.online is None
        place = storage_file(table.storage or None).resolve() if local else "W&B"
        tables.setdefault(f"{place} {table.name}", table)
    if problems:
        raise ConfigError(problems)
    return comparable(tuple(tables.values()), notices)


def _each(sources: Sequence[str], storage: str | None, problems: list[str]) -> Iterator[str]:
    """The sources; for a pattern of studies' names all that it fits."""
    for source in sources:
        file, separator, pattern = source.rpartition("#")
        if not separator or not any(mark in pattern for mark in "*?["):
            yield source
            continue
        names = study_names(file or storage)
        fitting = [name for name in names if fnmatchcase(name, pattern)]
        if not fitting:
            problems.append(f"{source}: fits none of the studies {', '.join(names)}")
        yield from (f"{file or storage_file(storage)}#{name}" for name in fitting)


def _study(source: str | None, storage: str | None) -> tuple[str | None, str | None]:
    """The study file and the study that a source means; None for the usual file, the newest."""
    if source is None:
        return storage, None
    file, separator, name = source.rpartition("#")
    if not (separator and _is_study_file(file)):
        file, name = (source, "") if _is_study_file(source) else ("", source)
    if file and storage is not None:
        raise ConfigError([f"{source}: give the study file once, as SOURCE or as --storage"])
    return file or storage, name or None


def online_place(source: str) -> Online | None:
    """What a source means at W&B; None for one that is local."""
    if "://" in source and not source.startswith("http"):
        return None
    if _is_study_file(source) or _is_study_file(source.rpartition("#")[0]):
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
        others=study.others,
        runs=study.rows,
        parameters=varied([row.config for row in study.rows if row.run_id], own=program is None),
        versions=versions(),
        made=datetime.now(timezone.utc),
        name=study.name,
        notices=notices,
        own=program is None,
        repeat=None if program is None else program.command_line,
        storage=storage or "",
    )
