"""A report as a W&B report: the same blocks as native panels over the runs that are there."""

from __future__ import annotations

import dataclasses
from typing import Any

from dlsweep.config import ConfigError
from dlsweep.report import _panels as panels
from dlsweep.report._markdown import provenance
from dlsweep.report._report import Report
from dlsweep.report._runs import Online, RunsTable

LONGEST_TITLE = 128


def publish(
    report: Report, table: RunsTable, place: Online | None = None, *, draft: bool = False
) -> str:
    """Save a report at W&B.

    The panels read the runs that are there, and go on doing so; text and tables are of the moment.

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
    try:
        saved.save(draft=draft)
    except ConfigError:
        raise
    except Exception as error:  # whatever its client makes of an answer
        raise TrackingError(f"W&B: {' '.join(str(error).split())}") from error
    return str(saved.url)


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
    from dlsweep.tracking import default_entity, online_ids

    entity, _, project = (where or "").strip("/").rpartition("/")
    config = table.runs[0].config if table.runs else {}
    entity = entity or config.get("wandb_entity") or default_entity()
    project = project or config.get("wandb_project") or ""
    place = Online(entity, project, group=table.name)
    there = online_ids(entity, project, table.name)
    found = len(there & {run.id for run in table.runs})
    if not found:
        raise ConfigError(
            [
                f"--publish: no run of the study {table.name} is in {entity}/{project} at W&B; "
                "send them there with `wandb sync wandb/offline-run-*`, or name another --project"
            ]
        )
    return place, found
