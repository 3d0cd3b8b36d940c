"""What bayes learns of earlier studies: how their runs ended, without taking the runs over."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from dlsweep.config import RunConfig
from dlsweep.sweep.file import Coordinates, SweepFile, objective
from dlsweep.sweep.study._opening import same_program
from dlsweep.sweep.study._reading import read_rows, sweep_of
from dlsweep.sweep.study._runs import ENDED

_OF_NO_EFFECT = ("seed", "device", "figures", "examples", "projection", "save_model")
"""Settings of built-in runs that may differ, beside those that say where W&B puts a run."""


@dataclass(frozen=True)
class Lesson:
    """How a run of another study ended, as a point of this one.

    Attributes:
        coordinates: of the point.
        values: its metrics; None if it diverged.
        stopped: after how many epochs it was stopped; None if it was not.
    """

    coordinates: Coordinates
    values: tuple[float, ...] | None
    stopped: int | None


def lessons_of(
    connection: sqlite3.Connection, source: sqlite3.Row, sweep: SweepFile, known: Collection[str]
) -> tuple[list[Lesson], str]:
    """What a study teaches of a sweep's space.

    Args:
        source: the study.
        sweep: what is searched.
        known: the ids of runs that are not to be learned from again.

    Returns:
        How its runs ended whose configurations belong to the space, and a notice with their number.
    """
    before = sweep_of(source)
    if before is not None and not same_program(before, sweep):
        return [], f"learn-from: the runs of study {source['name']} are of another program"
    found: list[Lesson] = []
    outside = 0
    for run in read_rows(connection, source["id"], owned=False, epochs="all"):
        if run.status not in ENDED or run.role == "extra" or run.run_id in known:
            continue
        settings = dict(run.config)
        if sweep.command is None:
            own = RunConfig().as_dict() | sweep.space.fixed
            free = {n for n in own if n in _OF_NO_EFFECT or n.startswith("wandb_")}
            free -= {axis.setting for axis in sweep.space.axes}
            settings |= {name: own[name] for name in free}
        config = sweep.space.restore(settings)
        place = None if config is None else sweep.space.locate(config)
        values = [objective(metric, run.history, run.summary) for metric in sweep.metrics]
        known_values = tuple(value for value in values if value is not None)
        if place is None or (run.status != "diverged" and len(known_values) < len(values)):
            outside += 1
            continue
        ended = None if run.status == "diverged" else known_values
        found.append(Lesson(place, ended, len(run.history) if run.status == "stopped" else None))
    notice = f"learn-from: bayes learns from {len(found)} runs of study {source['name']}"
    return found, notice + f"; {outside} do not belong to the space" * (outside > 0)
