"""A report as a W&B report: the same blocks as native panels over the runs that are there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from dlsweep.config import ConfigError
from dlsweep.report import _panels as panels
from dlsweep.report._markdown import provenance
from dlsweep.report._report import Report
from dlsweep.report._runs import Online, RunsTable
from dlsweep.report._saved_reports import SavedReports
from dlsweep.report._studies import Studies
from dlsweep.report.findings import best_of_each

LONGEST_TITLE = 128


def publish(
    report: Report, table: RunsTable, place: Online | None = None, *, draft: bool = False
) -> str:
    """Save a report at W&B; what was made of these runs under this title before is updated.

    The panels read the runs that are there, and go on doing so; text and tables are of the moment.
    What is published stays published: a draft beside it is a report of its own, which the next
    publication of it makes the published one where there is none. See ``SavedReports``.

    Args:
        report: what to show.
        table: the runs.
        place: where they are at W&B; by default where the table was read. A local study's runs
            are there once they have been synced: see ``synced``.
        draft: only for its author, until it is published on its page.

    Returns:
        The report's address.

    Raises:
        ConfigError: in one line, where the table has no place at W&B, no account is set up here,
            or wandb-workspaces is not installed.
        dlsweep.tracking.TrackingError: where W&B cannot be reached, or refuses.
    """
    from dlsweep.tracking import TrackingError, has_credentials  # it imports wandb

    reports = panels.native()
    if not has_credentials():
        raise ConfigError(["--publish: no W&B account is set up here; see `wandb login`"])
    place = place or table.online
    if place is None:
        raise ConfigError(["--publish: the runs are not at W&B; `wandb sync` them first"])
    table = dataclasses.replace(table, online=place)
    runsets = [panels.all_runs(table, place)]
    blocks: list[Any] = [reports.TableOfContents()]
    for block in report.shown(table):
        blocks += block.wandb(table, runsets)
    blocks += panels.markdown(f"*{provenance(table)}*")
    saved = reports.Report(
        entity=place.entity,
        project=place.project,
        title=(report.title or table.title)[:LONGEST_TITLE],
        description=f"{len(table.runs):,} runs of {table.source}",
        blocks=blocks,
        width="fluid",
    )
    known = SavedReports(table, place, report.title)
    try:
        saved.id = _to_update(known, draft)
        saved.save(draft=draft)
    except ConfigError:
        raise
    except Exception as error:  # whatever its client makes of an answer
        raise TrackingError(f"W&B: {' '.join(str(error).split())}") from error
    known.keep(saved.id, draft)
    return str(saved.url)


def _to_update(known: SavedReports, draft: bool) -> str:
    """The id of the report to be updated; empty where a new one is to be made."""
    if draft:
        its = known.get(draft=True)
        # Its author may have published it on its page, where it must not be taken back.
        return its if its and panels.kind_of_report(its) == "runs/draft" else ""
    known_ones = (known.get(draft=False), known.get(draft=True))
    return next((its for its in known_ones if its and panels.kind_of_report(its)), "")


def synced(table: RunsTable, where: str | None = None) -> tuple[Online, int]:
    """Where the runs of a local study are at W&B, after `wandb sync`.

    Args:
        table: of a local study. Its runs are a group that is called as the study.
        where: ENTITY/PROJECT or PROJECT; by default what the runs' own settings say.

    Returns:
        The place, and how many of the table's runs are there.

    Raises:
        ConfigError: in one line, where none of them is there.
        dlsweep.tracking.TrackingError: where W&B cannot be reached.
    """
    place = dataclasses.replace(_project(table, where), group=table.name)
    found = _there([table], place) & {run.id for run in table.runs}
    if not found:
        raise _not_there(f"no run of the study {table.name}", place)
    return place, len(found)


def synced_best(studies: Studies, where: str | None = None) -> tuple[Online, int]:
    """Where the best runs of several local studies are at W&B; see ``synced``.

    Returns:
        The place, which is of just these runs, and how many of them are there.
    """
    runs = best_of_each(studies).runs
    place = _project(studies.tables[0], where)
    there = _there(studies.tables, place)
    ids = tuple(run.id for run in runs if run.id in there)
    if not ids:
        raise _not_there("none of the studies' best runs", place)
    return dataclasses.replace(place, ids=ids), len(ids)


def _project(table: RunsTable, where: str | None) -> Online:
    from dlsweep.tracking import default_entity

    entity, _, project = (where or "").strip("/").rpartition("/")
    config = table.runs[0].config if table.runs else {}
    entity = entity or config.get("wandb_entity") or default_entity()
    return Online(entity, project or config.get("wandb_project") or "")


def _there(tables: Sequence[RunsTable], place: Online) -> set[str]:
    """The ids of the runs of local studies that are at W&B."""
    from dlsweep.tracking import online_ids

    found = (online_ids(place.entity, place.project, table.name) for table in tables)
    return {run for ids in found for run in ids}


def _not_there(what: str, place: Online) -> ConfigError:
    return ConfigError(
        [
            f"--publish: {what} is in {place.entity}/{place.project} at W&B; "
            "send them there with `wandb sync wandb/offline-run-*`, or name another --project"
        ]
    )
