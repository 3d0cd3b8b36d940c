"""Early termination of points that several seeds train: by the mean of their curves."""

from __future__ import annotations

import itertools
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
        self._seeds: defaultdict[int, list[int]] = defaultdict(list)
        self._indexed = 0  # runs of ``point_of`` that are in there
        self._counted: defaultdict[int, int] = defaultdict(int)  # epochs of each point
        self._stopped: set[int] = set()

    def load(self, curves: Mapping[int, Sequence[float | None]]) -> None:
        """Take over the metric of several runs, epoch by epoch; see ``add``."""
        for run, values in curves.items():
            self._seen[run] = list(values)
        for point in {self._point_of.get(run, run) for run in curves}:
            means: list[float] = []
            while (mean := self._mean(point, len(means))) is not None:
                means.append(mean)
            super().load({point: means})
            self._counted[point] = len(means)
            self._stopped.discard(point)

    def stops(self, epochs: Mapping[int, tuple[int, Mapping[str, Any]]]) -> set[int]:
        """Which of some running runs are to end."""
        for run, (epoch, metrics) in epochs.items():
            values = self._seen.setdefault(run, [])
            if epoch > len(values):
                values += [None] * (epoch - 1 - len(values))
                values.append(number(metrics.get(self._metric)))
        points: Collection[int] = {self._point_of.get(run, run) for run in epochs}
        while points:  # an epoch at a time, for one of the seeds may have been far ahead
            means = {point: self._mean(point, self._counted[point]) for point in points}
            new = {point: mean for point, mean in means.items() if mean is not None}
            for point in new:
                self._counted[point] += 1
            self._stopped |= super().stops(
                {p: (self._counted[p], {self._metric: mean}) for p, mean in new.items()}
            )
            points = new.keys()
        return {run for run in epochs if self._point_of.get(run, run) in self._stopped}

    def _mean(self, point: int, epoch: int) -> float | None:
        """The mean of a point after ``epoch`` more epochs than one.

        It is NaN where a seed has no finite value, and None where it is not known yet.
        """
        for run, its in itertools.islice(self._point_of.items(), self._indexed, None):
            self._seeds[its].append(run)
        self._indexed = len(self._point_of)
        seeds = self._seeds[point] or [point]
        seen = [self._seen.get(seed, []) for seed in seeds]
        if max(map(len, seen)) <= epoch:
            return None
        if any(len(s) <= epoch and n in self._open_runs for n, s in zip(seeds, seen, strict=True)):
            return None
        values = [values[min(epoch, len(values) - 1)] for values in seen if values]
        finite = [value for value in values if value is not None]
        return math.fsum(finite) / len(values) if len(finite) == len(values) else math.nan
