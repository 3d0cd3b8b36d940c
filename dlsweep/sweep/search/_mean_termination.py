"""Early termination of points that several seeds train: by the mean of their curves."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from dlsweep.sweep.file import Hyperband, Metric, number
from dlsweep.sweep.search._early_termination import EarlyTermination


class MeanTermination(EarlyTermination):
    """Stops all seeds of a point at once, once the mean of their curves is behind.

    An epoch of a point counts as soon as every seed that is open has trained it. One that has ended
    before keeps its last value; one without a finite value spoils the mean of that epoch.

    Args:
        rule, metric: see ``EarlyTermination``.
        point_of: the number of its point, by the number of a run; it may grow meanwhile.
        open_runs: the numbers of the runs that have not ended; the same.
    """

    def __init__(
        self,
        rule: Hyperband,
        metric: Metric,
        point_of: Mapping[int, int],
        open_runs: Collection[int],
    ) -> None:
        super().__init__(rule, metric)
        self._metric = metric.name
        self._point_of = point_of
        self._open_runs = open_runs
        self._seen: dict[int, list[float | None]] = {}
        self._seeds: defaultdict[int, set[int]] = defaultdict(set)
        self._counted: defaultdict[int, int] = defaultdict(int)  # epochs of each point
        self._stopped: set[int] = set()

    def load(self, curves: Mapping[int, Sequence[float | None]]) -> None:
        """See ``EarlyTermination``; what a point has counted stays, for runs repeat themselves."""
        for run, values in curves.items():
            self._seen[run] = list(values)
        self._count({self._point_of.get(run, run) for run in curves})

    def stops(self, epochs: Mapping[int, tuple[int, Mapping[str, Any]]]) -> set[int]:
        """See ``EarlyTermination``."""
        for run, (epoch, metrics) in epochs.items():
            values = self._seen.setdefault(run, [])
            if epoch > len(values):
                values += [None] * (epoch - 1 - len(values))
                values.append(number(metrics.get(self._metric)))
        self._count({self._point_of.get(run, run) for run in epochs})
        return {run for run in epochs if self._point_of.get(run, run) in self._stopped}

    def _count(self, points: Collection[int]) -> None:
        """Apply the rule to the epochs of points that all of their seeds have trained now."""
        for run, point in self._point_of.items():
            if point in points:
                self._seeds[point].add(run)
        while points:
            means = {}
            for point in points:
                mean = self._mean(self._seeds[point] or {point}, self._counted[point])
                if mean is not None:
                    self._counted[point] += 1
                    means[point] = (self._counted[point], {self._metric: mean})
            self._stopped |= super().stops(means)
            points = means.keys()

    def _mean(self, seeds: Collection[int], epoch: int) -> float | None:
        """The mean after ``epoch`` more epochs than one; NaN without one, None if not known yet."""
        values: list[float | None] = []
        for seed in seeds:
            seen = self._seen.get(seed, [])
            if len(seen) > epoch:
                values.append(seen[epoch])
            elif seed in self._open_runs:
                return None
            elif seen:
                values.append(seen[-1])
        longest = max((len(self._seen.get(seed, [])) for seed in seeds), default=0)
        if longest <= epoch:
            return None
        finite = [value for value in values if value is not None]
        return math.fsum(finite) / len(values) if len(finite) == len(values) else math.nan
