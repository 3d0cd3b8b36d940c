"""The ways to search that `dlsweep sweep` has, by its own classes."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.search.curves import EPOCHS, SWEEP, number_of
from benchmarks.search.replay import Seeds, Trace
from dlsweep.sweep import SweepFile, parse_sweep
from dlsweep.sweep.file import Asha
from dlsweep.sweep.search import (
    Candidate,
    Comparison,
    EarlyTermination,
    Search,
    SuccessiveHalving,
)
from dlsweep.sweep.study._points import steadied


@functools.cache
def sweep(method: str, rule: tuple[tuple[str, Any], ...] = ()) -> SweepFile:
    """The sweep of the points that were trained.

    Args:
        method: of the search.
        rule: the items of ``early_terminate``; none for no rule.
    """
    more = {"early_terminate": dict(rule)} if rule else {}
    return parse_sweep({**SWEEP, "method": method, **more})


class Ours:
    """A search of `dlsweep sweep`, fed as a study feeds it; see ``Method``.

    Args:
        file: the sweep.
        seed: of the search.
    """

    def __init__(self, file: SweepFile, seed: int) -> None:
        self._search = Search(file, seed)
        self._metric = file.metric.name
        rule = file.early_terminate
        self._rule: EarlyTermination | None = None
        if rule is not None:
            self._rule = EarlyTermination(rule, file.metric)
            if isinstance(rule, Asha):
                self._rule = SuccessiveHalving(rule, file.metric, file.longest)
        self._keys = itertools.count()
        self._paused: dict[int, int] = {}  # the epochs of runs that wait at a rung
        self._points: dict[int, int] = {}

    def ask(self) -> tuple[int, int, int] | None:
        """See ``Method``; of asha, what may go on comes before what is new."""
        if isinstance(self._rule, SuccessiveHalving):
            for key in self._rule.promotable():
                if key in self._paused:
                    return key, self._points[key], self._paused.pop(key)
        while (draft := self._search.next()) is not None:
            if draft.config is None:
                continue
            key = next(self._keys)
            self._points[key] = number_of(draft.config.as_dict())
            if self._search.bayes is not None:
                self._search.bayes.add(key, draft.coordinates, draft.ticket)
            return key, self._points[key], 0
        return None

    def report(self, epochs: Mapping[int, tuple[int, float | None]]) -> Collection[int]:
        """See ``Method``."""
        if self._rule is None:
            return ()
        logged = {key: (n, {self._metric: value}) for key, (n, value) in epochs.items()}
        return self._rule.stops(logged)

    def tell(self, key: int, epochs: int, value: float | None) -> None:
        """See ``Method``."""
        stopped = None if epochs == EPOCHS or value is None else epochs
        if stopped is not None:
            self._paused[key] = epochs
        if self._search.bayes is not None:
            values = None if value is None else (value,)
            self._search.bayes.tell(key, values, counts=True, stopped=stopped)


@dataclass(frozen=True)
class Named:
    """The point that a search has named the best.

    Attributes:
        point: its number.
        reported: the accuracy that goes with it.
        seen: how many of its seeds the search and its confirmation have seen.
        low, high: the interval that is said to have the true mean; None where none is said.
        spent: how many epochs it took in all.
    """

    point: int
    reported: float
    seen: int = 1
    low: float | None = None
    high: float | None = None
    spent: int = 0


class Missing(Exception):
    """Points are to be confirmed that were not trained with seeds enough.

    Attributes:
        points: their numbers.
    """

    def __init__(self, points: Collection[int]) -> None:
        super().__init__(points)
        self.points = points


def steadiest(trace: Trace, spent: int, most: int = 1) -> dict[int, float]:
    """The points that a sweep would confirm, with their latest accuracies: see ``candidates_of``.

    Args:
        trace: the search.
        spent: how many epochs of it count.
        most: how many points.
    """
    curves = trace.curves(spent)
    shown = steadied(curves)
    best = sorted(shown, key=lambda point: -shown[point])[:most]
    return {point: curves[point][-1] for point in best}


def confirm(trace: Trace, seeds: Seeds, spent: int, candidates: int, most: int) -> Named:
    """The best by confirmation, as ``Confirming`` does it at the end of a sweep.

    Args:
        trace: the search.
        seeds: what each point gets with new seeds.
        spent: how many epochs of it count.
        candidates, most: how many are trained over how many new seeds at most.
    """
    first = steadiest(trace, spent, candidates)
    values: dict[int, list[float | None]] = {point: [] for point in first}

    def compared() -> Comparison:
        found = []
        for point, its in values.items():
            known = tuple(value for value in its if value is not None)
            found.append(Candidate(point, first[point], known, len(its), None in its))
        return Comparison(found, "maximize", (0.0, 1.0))

    while more := compared().more_seeds(most):
        wanted = {point: len(values[point]) + n for point, n in more.items()}
        values |= {point: seeds.confirmed(point, n) for point, n in wanted.items()}
        if missing := [point for point, n in wanted.items() if len(values[point]) < n]:
            raise Missing(missing)
    result = compared().result()
    spent += EPOCHS * sum(map(len, values.values()))
    if result.best is None:
        point, value = trace.best(spent)
        return Named(point, value, 1, spent=spent)
    best = result.best
    return Named(best.number, best.mean, 1 + best.tried, result.low, result.high, spent)
