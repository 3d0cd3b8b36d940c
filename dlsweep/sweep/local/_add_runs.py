"""Runs that a user adds to a study: one of given settings, or the best again over new seeds."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from statistics import fmean, stdev

from dlsweep.config import ConfigError, RunConfig
from dlsweep.sweep.driver import NO_SEED, Adding, Addition
from dlsweep.sweep.file import Metric, SweepFile, parse_sweep
from dlsweep.sweep.study import SEED, Point, Row, Study, StudyTable, points_of, seed_of, with_seed

_WHERE = ("wandb_project", "wandb_entity", "device")
"""Settings that change nothing of a run's result."""


def collecting(name: str, config: RunConfig) -> SweepFile:
    """What a study is made of that has no search, only runs that are added to it.

    Args:
        name: of the study.
        config: of its first run.
    """
    written = {
        "name": name,
        "method": "random",
        "metric": Metric().as_dict(),
        "parameters": {"dataset": {"value": config.dataset}},
    }
    return parse_sweep(written, builtin=True)


def run_like(study: Study, config: RunConfig) -> Row | None:
    """The run of a study that has the same settings, wherever it is trained.

    One that has failed, or was stopped before its end, is none.
    """
    for row in study.rows():
        if row.run_id and row.status not in ("failed", "stopped"):
            found = study.sweep.space.restore(row.config)
            if isinstance(found, RunConfig) and _alike(found, config):
                return row
    return None


def _alike(one: RunConfig, other: RunConfig) -> bool:
    same = {name: getattr(other, name) for name in _WHERE}
    return dataclasses.replace(one, **same) == other


def adding_run(study: Study, config: RunConfig, found: Row | None) -> Adding:
    """A run of these settings, or the same one again where its process died before it had ended.

    Args:
        study: where it is added.
        config: its settings.
        found: what ``run_like`` found.
    """
    if found is not None:
        return Adding([], [found.number])
    return Adding([Addition(config, "extra" if study.searches else "search")])


@dataclass(frozen=True)
class Repeated:
    """A configuration and how it does with seeds that did not choose it.

    Attributes:
        point: its runs.
    """

    point: Point

    @property
    def values(self) -> list[float]:
        """The metric of its runs with new seeds, those that have it."""
        return [row.value for row in self.point.confirmations if row.value is not None]

    @property
    def mean(self) -> float | None:
        """Their mean; None if there are none."""
        return fmean(self.values) if self.values else None

    @property
    def deviation(self) -> float | None:
        """Their standard deviation; None of less than two."""
        return stdev(self.values) if len(self.values) > 1 else None


def best_points(table: StudyTable, top: int, parameter: str | None = None) -> list[Repeated]:
    """The best configurations by the runs that were not made to repeat them, best first.

    Args:
        table: the study.
        top: how many.
        parameter: the setting that is the seed; see ``points_of``.
    """
    # A run that was added may be as good as one of the search.
    rows = tuple(
        dataclasses.replace(r, role="search") if r.role == "extra" else r for r in table.rows
    )
    sign = -1 if table.metric.goal == "maximize" else 1
    points = points_of(dataclasses.replace(table, rows=rows), parameter)
    valued = [(sign * p.value, p.number, p) for p in points if p.value is not None]
    return [Repeated(point) for *_, point in sorted(valued, key=lambda item: item[:2])[:top]]


def adding_repeats(study: Study, top: int, seeds: int, parameter: str | None = None) -> Adding:
    """The runs that the best configurations lack, so that each has so many with new seeds.

    Args:
        study: open.
        top: how many configurations.
        seeds: how many runs each is to have; those that are there already count.
        parameter: of a program, the setting that is its seed.

    Raises:
        ConfigError: if that is not known, or no run has a result.
    """
    table = study.table()
    if table.of_program:
        parameter = parameter or seed_of(table)
        if parameter is None:
            raise ConfigError([f"--seed-parameter: missing: {NO_SEED}"])
        if not all(type(row.config.get(parameter)) is int for row in table.rows if row.run_id):
            raise ConfigError([f"--seed-parameter: {parameter} is not a whole number in all runs"])
    else:
        parameter = SEED
    best = best_points(table, top, parameter)
    if not best:
        why = "no run has a result yet" if table.metric.name else "the sweep has no metric"
        raise ConfigError([f"study {table.name}: nothing to repeat: {why}"])
    additions, again = [], []
    for place in range(seeds):  # the same seed of all, so that they are trained together
        for repeated in best:
            point = repeated.point
            missing = seeds - len(point.confirmations)
            if place < missing:
                config = study.config(point.number)
                seed = point.new_seeds(missing, parameter)[place]
                config = with_seed(config, seed, parameter)
                additions.append(Addition(config, "confirmation", point.number))
    for repeated in best:
        rows = repeated.point.confirmations
        again += [row.number for row in rows if row.status in ("running", "waiting")]
    return Adding(additions, again)
