"""The points of a study: its runs by configuration, whatever their seeds."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from dlsweep.config import RunConfig
from dlsweep.sweep.file import Config, Metric, number
from dlsweep.sweep.study._runs import Row, RowsOfAStudy

if TYPE_CHECKING:
    from dlsweep.sweep.search import Candidate, Confirmation

SEED = "seed"
"""The setting of built-in runs that decides what is random in them."""
_FEW_EPOCHS = 6
_CLEAR = 3.0  # standard errors by which a point must be behind to be out of the running


@dataclass(frozen=True)
class Point:
    """The runs of one configuration.

    Attributes:
        number: of its first run.
        rows: those that the search has made of it, several where it was repeated.
        confirmations: those with new seeds, which did not choose it.
    """

    number: int
    rows: tuple[Row, ...]
    confirmations: tuple[Row, ...] = ()

    def new_seeds(self, n: int, parameter: str) -> list[int]:
        """The next ``n`` seeds that none of its runs has; ``parameter`` is the setting's name."""
        return new_seeds(
            [row.config.get(parameter) for row in (*self.rows, *self.confirmations)], n
        )

    @property
    def values(self) -> list[float]:
        """The values of the metric in the search."""
        return [row.value for row in self.rows if row.value is not None]

    @property
    def value(self) -> float | None:
        """Their mean; None where there is none, or one of the runs has not ended or diverged."""
        spoilt = any(row.status in ("running", "waiting", "diverged") for row in self.rows)
        return None if spoilt or not self.values else fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """Their standard deviation; None of less than two."""
        return stdev(self.values) if len(self.values) > 1 else None


def points_of(table: RowsOfAStudy, seed: str | None = None) -> list[Point]:
    """The points of a study by number; runs that are not valid have none.

    Args:
        table: the study.
        seed: the setting that is the seed, in which the runs of a point may differ; by default what
            ``seed_of`` finds.
    """
    seed = seed or seed_of(table)
    groups: dict[str, tuple[list[Row], list[Row]]] = {}
    keys: dict[int, str] = {}
    for row in table.rows:
        if not row.run_id or row.role == "extra":
            continue
        if row.role == "confirmation":
            key = keys.get(row.point)
            if key is not None:
                groups[key][1].append(row)
            continue
        config = {name: value for name, value in row.config.items() if name != seed}
        keys[row.number] = key = json.dumps(config, sort_keys=True, default=str)
        groups.setdefault(key, ([], []))[0].append(row)
    return [Point(rows[0].number, tuple(rows), tuple(more)) for rows, more in groups.values()]


def seed_of(table: RowsOfAStudy) -> str | None:
    """The setting that is a run's seed: of a program, that in which a run and its repeat differ."""
    if not table.of_program:
        return SEED
    by_number = {row.number: row for row in table.rows}
    for row in table.rows:
        first = by_number.get(row.point)
        if first is not None and first is not row:
            changed = [n for n, v in row.config.items() if first.config.get(n, row) != v]
            if len(changed) == 1:
                return changed[0]
    return None


def with_seed(config: Config, seed: int, parameter: str) -> Config:
    """A configuration with another seed; ``parameter`` is the setting's name."""
    if isinstance(config, RunConfig):
        return dataclasses.replace(config, seed=seed)
    return dataclasses.replace(config, values={**config.values, parameter: seed})


def new_seeds(used: Sequence[object], n: int) -> list[int]:
    """The next ``n`` seeds after the first of those that were used, without these.

    Args:
        used: seeds as configurations have them; None where a program has none of its own.
        n: how many.
    """
    first = int(number(used[0]) or 0) if used else 0
    known = {number(seed) for seed in used}
    return list(itertools.islice((s for s in itertools.count(first + 1) if s not in known), n))


def candidates_of(table: RowsOfAStudy, most: int, seed: str | None = None) -> list[Candidate]:
    """The configurations that may be the best, and those of which some were confirmed before.

    They are ranked by what their curves have shown at the end, not by their last epochs alone,
    which are luck to a larger part.

    Args:
        table: the study.
        most: how many of the best are taken at most; where points were repeated, without those
            that are too far behind for the noise between their seeds.
        seed: see ``points_of``.
    """
    sign = 1 if table.metric.goal == "maximize" else -1
    points = points_of(table, seed)
    shown = _shown(points, table.metric)
    valued = [
        (fmean(shown[row.number] for row in point.rows if row.number in shown), point)
        for point in points
        if point.value is not None
    ]
    valued.sort(key=lambda item: (-sign * item[0], item[1].number))
    noise = _noise(point for _, point in valued)
    chosen = [
        point
        for value, point in valued[:most]
        if noise is None
        or sign * (valued[0][0] - value)
        <= _CLEAR * noise * math.sqrt(1 / len(valued[0][1].values) + 1 / len(point.values))
    ]
    known = {point.number for point in chosen}
    chosen += [p for p in points if p.confirmations and p.number not in known]
    return [_candidate(point) for point in chosen]


def steadied(curves: Mapping[int, Sequence[float]]) -> dict[int, float]:
    """What runs have shown: less a matter of luck than their last epochs (benchmarks/README.md).

    It is the mean of the last third of a run's epochs, and what the curves of this length rise from
    there to their ends on average. Of few epochs the last one counts alone.

    Args:
        curves: the metric after each epoch, by run.
    """
    means = {
        run: fmean(curve[-(len(curve) // 3) :]) if len(curve) >= _FEW_EPOCHS else curve[-1]
        for run, curve in curves.items()
    }
    rises: defaultdict[int, list[float]] = defaultdict(list)
    for run, curve in curves.items():
        rises[len(curve)].append(curve[-1] - means[run])
    return {run: means[run] + fmean(rises[len(curve)]) for run, curve in curves.items()}


def _shown(points: Iterable[Point], metric: Metric) -> dict[int, float]:
    """What the runs of the search have shown, by number; its value where a curve says nothing."""
    rows = [row for point in points for row in point.rows if row.value is not None]
    curves = {}
    for row in rows:
        curve = [number(epoch[metric.name]) for epoch in row.history if metric.name in epoch]
        known = [value for value in curve if value is not None]
        if len(known) == len(curve) and known and known[-1] == row.value:
            curves[row.number] = known
    return {row.number: row.value or 0.0 for row in rows} | steadied(curves)


def confirmation_of(table: RowsOfAStudy) -> Confirmation | None:
    """What confirmation has shown so far; None where no run of it has ended."""
    from dlsweep.sweep.search import Comparison  # with SciPy, which readers mostly do without

    candidates = [c for c in candidates_of(table, 0) if c.values]
    if not candidates:
        return None
    return Comparison(candidates, table.metric.goal, _bounds(table, candidates)).result()


def _candidate(point: Point) -> Candidate:
    from dlsweep.sweep.search import Candidate

    rows = point.confirmations
    return Candidate(
        point.number,
        point.value if point.value is not None else math.nan,
        tuple(row.value for row in rows if row.value is not None),
        len(rows),
        any(row.status == "diverged" for row in rows),
        number(point.rows[0].summary.get("parameters")),
    )


def _noise(points: Iterable[Point]) -> float | None:
    """The deviation between seeds, pooled over the points; None where none was repeated."""
    squares, freedom = 0.0, 0
    for point in points:
        if point.deviation is not None:
            squares += point.deviation**2 * (len(point.values) - 1)
            freedom += len(point.values) - 1
    return math.sqrt(squares / freedom) if freedom else None


def _bounds(table: RowsOfAStudy, candidates: Sequence[Candidate]) -> tuple[float, float]:
    """What the metric may be; that of a program is an accuracy if it is called so and looks so."""
    values = [value for c in candidates for value in c.values]
    if "acc" in table.metric.name.lower() and all(0 <= value <= 1 for value in values):
        return 0.0, 1.0
    if "loss" in table.metric.name.lower() and not table.of_program:
        return 0.0, math.inf
    return -math.inf, math.inf
