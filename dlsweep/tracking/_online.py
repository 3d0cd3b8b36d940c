"""Reading runs back from W&B: a sweep's, a group's or a project's, with their histories."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import wandb

from dlsweep.config import ConfigError
from dlsweep.tracking._errors import TrackingError, in_one_line
from dlsweep.tracking._mode import has_credentials

JOB_TYPE = "data"
"""The job type of a run that shows a data set: by it the dashboard and the reports tell it from
trainings."""
PER_PAGE = 200
THREADS = 16
SAMPLES = 500
"""Rows of history asked for each run; a longer one is thinned out evenly by W&B."""


@dataclass(frozen=True)
class OnlineRun:
    """One run as W&B has it: nothing renamed, nothing judged.

    Attributes:
        id, name: the run's id and its display name.
        state: finished, running, failed, crashed, killed …
        config, summary: without wandb's own keys, which start with an underscore.
        history: rows as they were logged, at most ``SAMPLES`` of them.
        created, seen: when it was made and when it last sent anything, in UTC; None if unknown.
        url: its page.
    """

    id: str
    name: str
    state: str
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    created: datetime | None
    seen: datetime | None
    url: str


@dataclass(frozen=True)
class OnlineRuns:
    """The runs of a sweep, a group or a project.

    Attributes:
        name: what the dashboard calls the sweep; else the project's or the group's name.
        sweep: the sweep's configuration; empty where it is not a sweep.
        runs: oldest first.
    """

    name: str
    sweep: Mapping[str, Any] = field(default_factory=dict)
    runs: tuple[OnlineRun, ...] = ()


def fetch_runs(
    entity: str, project: str, sweep: str | None = None, group: str | None = None
) -> OnlineRuns:
    """Read runs from W&B: a page of 200 runs for each request, and one request for each history.

    Args:
        entity: user or team.
        project: the project.
        sweep: only the runs of the sweep with this id.
        group: only the runs of this group.

    Raises:
        ConfigError: in one line, if no account is set up, or there is no such sweep or group.
        TrackingError: where W&B cannot be reached.
    """
    where = f"{entity}/{project}"
    name, described = group or project, {}
    filters: dict[str, Any] = {"group": group} if group else {}
    with _api() as api:
        if sweep is not None:
            its = _sweep(api, f"{where}/{sweep}")
            name, described = str(its.name or sweep), dict(its.config)
            filters = {"sweep": sweep}
        # Not lazy: else every run's configuration and summary would be a request of its own.
        pages = api.runs(where, filters=filters, order="+created_at", per_page=PER_PAGE, lazy=False)
        # Runs that show the data have trained nothing.
        runs = [run for run in pages if getattr(run, "job_type", None) != JOB_TYPE]
        if not runs:
            what = f"sweep {sweep}" if sweep else f"group {group}" if group else f"project {where}"
            raise ConfigError([f"W&B: there are no runs in the {what}"])
        with ThreadPoolExecutor(THREADS) as pool:
            histories = list(pool.map(_history, runs))
    read = tuple(_read(run, history) for run, history in zip(runs, histories, strict=True))
    return OnlineRuns(name, described, read)


def default_entity() -> str:
    """The entity to which this user's runs go where none is named.

    Raises:
        ConfigError: in one line, where no account is set up here.
        TrackingError: where W&B cannot be reached.
    """
    with _api() as api:
        return str(api.default_entity)


def online_ids(entity: str, project: str, group: str) -> set[str]:
    """The ids of the runs of a group at W&B, and nothing else of them; empty where there are none.

    Raises:
        ConfigError: in one line, where no account is set up here.
        TrackingError: where W&B cannot be reached.
    """
    try:
        with _api() as api:
            runs = api.runs(f"{entity}/{project}", filters={"group": group}, per_page=PER_PAGE)
            return {str(run.id) for run in runs}
    except TrackingError as error:
        if "Could not find" in str(error) or "not found" in str(error):
            return set()
        raise


@contextlib.contextmanager
def _api() -> Iterator[wandb.Api]:
    """W&B's public API, with one kind of error."""
    if not has_credentials():
        raise ConfigError(["W&B: no account is set up here; see `wandb login`"])
    try:
        yield wandb.Api()
    except ConfigError:
        raise
    except (wandb.Error, ValueError) as error:
        raise TrackingError(f"W&B: {in_one_line(error)}") from error


def _sweep(api: wandb.Api, path: str) -> Any:
    try:
        return api.sweep(path)  # type: ignore[no-untyped-call]
    except (wandb.Error, ValueError) as error:
        if "Could not find" not in str(error):
            raise
        hint = "the id is the end of the sweep's address"
        raise ConfigError([f"W&B: no sweep {path}; {hint}"]) from None


def _history(run: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = run.history(samples=SAMPLES, pandas=False)
    return rows


def _read(run: Any, history: Sequence[Mapping[str, Any]]) -> OnlineRun:
    return OnlineRun(
        id=str(run.id),
        name=str(run.name or run.id),
        state=str(run.state),
        config=_own(run.config),
        summary=_own(run.summary_metrics),
        history=history,
        created=_time(run.created_at),
        seen=_time(getattr(run, "heartbeat_at", None)),
        url=str(run.url),
    )


def _own(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if not key.startswith("_")}


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
