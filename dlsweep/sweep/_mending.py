"""A stack in training, and what becomes of one that breaks."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dlsweep.sweep._attempt import mark_of
from dlsweep.sweep._background import BackgroundRun
from dlsweep.sweep._formation import Formation
from dlsweep.sweep._jobs import Broken, Cause
from dlsweep.sweep._point import Point
from dlsweep.sweep._study import Study
from dlsweep.sweep._watcher import Watcher
from dlsweep.training import EpochMetrics

_log = logging.getLogger("dlsweep.sweep")

Again = tuple[Formation, list[Point]]

MOST_DEATHS = 3
"""So many processes may die training a point before it has failed."""


def size_again(cause: Cause, left: int, members: int, deaths: int) -> int | None:
    """How large the stacks are in which the runs of one that broke are trained again.

    Nobody knows whose fault it was. What an error broke is tried alone, and what did not fit into
    memory in halves. What took its process with it is first tried once more as it was, for most
    processes die of something else; then alone, so that the others survive the guilty one.

    Args:
        cause: why it broke.
        left: how many of its runs have not ended.
        members: how many it had.
        deaths: how many processes have died training one of these.

    Returns:
        ``members`` for the stack as it was, a smaller number, or None where they have failed.
    """
    if cause is Cause.DEATH:
        if deaths >= MOST_DEATHS:
            return None
        return 1 if deaths == MOST_DEATHS - 1 else members
    if cause is Cause.MEMORY and members > 1:
        return math.ceil(left / 2)
    return 1 if left > 1 else None


@dataclass
class StackJob:
    """A stack in training: its points that have not ended, by their places in it, and their runs.

    A member that ended before the sweep was interrupted is in the stack again where there is no
    later checkpoint, so that the others get what they would have got; nobody hears of it.
    """

    formation: Formation
    points: dict[int, Point]
    runs: dict[int, BackgroundRun]
    histories: dict[int, list[EpochMetrics]] = field(init=False)

    def __post_init__(self) -> None:
        self.histories = {i: [] for i in self.points}


class Mender:
    """Says of stacks that broke what is to be trained again.

    Args:
        study: whose points they are.
        watcher: told of those that have failed.
    """

    def __init__(self, study: Study, watcher: Watcher) -> None:
        self._study = study
        self._watcher = watcher

    def mend(self, job: StackJob, broken: Broken) -> list[Again]:
        """Train a stack again that broke, see ``size_again``; what cannot be helped has failed.

        Returns:
            The stacks that are to be trained next, with their points.
        """
        if broken.details:
            _log.debug(broken.details)
        points = list(job.points.values())
        if not points:  # all had ended before it broke
            self._study.checkpoint(job.formation).unlink(missing_ok=True)
            return []
        reason, deaths, members = broken.reason, 0, len(job.formation.members)
        if broken.cause is Cause.DEATH:
            points = self._study.died(points)
            deaths = max(point.deaths for point in points)
        size = size_again(broken.cause, len(points), members, deaths)
        if size is None:
            if deaths:
                reason = f"{reason}; {deaths} processes have died training this run"
            self._fail(job, reason)
            return []
        if size < members:
            return self._split(job, points, size, reason)
        _log.warning("%s; %s again", reason, _runs(points))
        self._discard(job, reason)
        return [(job.formation, points)]

    def _split(self, job: StackJob, points: list[Point], size: int, reason: str) -> list[Again]:
        """Train what is left of a stack again in smaller ones."""
        how = f"in stacks of {size}" if size > 1 else "alone"
        _log.warning("%s; %s again, %s", reason, _runs(points), how)
        self._discard(job, reason)
        self._study.checkpoint(job.formation).unlink(missing_ok=True)
        parts = [points[i : i + size] for i in range(0, len(points), size)]
        formations = [
            self._study.begin(formation, job.formation.compile_for)
            for formation in self._study.form(parts)
        ]
        return list(zip(formations, parts, strict=True))

    def _discard(self, job: StackJob, reason: str) -> None:
        for run in job.runs.values():
            run.discard(reason)

    def _fail(self, job: StackJob, reason: str) -> None:
        for i, point in job.points.items():
            job.runs[i].fail(reason)
            info = whereabouts(job.runs[i])
            self._watcher.ended(self._study.fail(point, reason, info))
        self._study.checkpoint(job.formation).unlink(missing_ok=True)


def _runs(points: Sequence[Point]) -> str:
    return f"run {points[0].number}" if len(points) == 1 else f"{len(points)} runs"


def whereabouts(run: BackgroundRun) -> dict[str, Any]:
    """Where a run lies, as which attempt, and where in W&B it belongs."""
    place = {"project": run.config.wandb_project, "entity": run.config.wandb_entity}
    attempt = mark_of(run.directory)
    marked = {"attempt": attempt} if attempt is not None else {}
    return {"directory": str(run.directory), **marked, **place}
