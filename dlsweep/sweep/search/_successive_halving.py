"""ASHA: runs stop at rungs, and go on from there once they are among the best that came so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dlsweep.sweep.file import Asha, Metric, number
from dlsweep.sweep.search._early_termination import EarlyTermination


class SuccessiveHalving(EarlyTermination):
    """Asynchronous successive halving (Li et al. 2020, https://arxiv.org/abs/1810.05934, ASHA).

    At a rung, after min_iter · etaᵏ epochs, a run goes on only if it is among the best 1/eta of all
    that have come there. The others wait: as more runs come to a rung, more of these are among its
    best 1/eta, and ``promotable`` names them. A run is measured by its epoch at the rung.

    A rung lets nobody go on before as many have come there as in a whole bracket of successive
    halving: with 27 epochs 27 to the rung at 1, 9 to that at 3, 3 to that at 9. The best third of a
    few are luck, and cost as much as a good run does (benchmarks/README.md).

    Args:
        rule: the sweep's ``early_terminate``.
        metric: what it looks at.
        longest: how many epochs a run has in all; 0 to let runs go on however few have come.
        points: how many runs there will be; None for any number.
    """

    def __init__(
        self, rule: Asha, metric: Metric, longest: int = 0, points: int | None = None
    ) -> None:
        self._asha = rule
        self._first = rule.min_iter or 1
        self._longest = longest if points is None else min(longest, points * self._first)
        self._name = metric.name
        self._less_is_better = -1.0 if metric.goal == "maximize" else 1.0
        self._seen: dict[int, int] = {}  # the epochs of each run
        self._rungs: dict[int, dict[int, float]] = {}  # the value of each run at each rung

    def load(self, curves: Mapping[int, Sequence[float | None]]) -> None:
        """Take over earlier curves; a run's value at a rung stays, as runs repeat it."""
        for run, values in curves.items():
            self._seen[run] = len(values)
            for rung in self._asha.brackets(len(values)):
                self._record(rung, run, values[rung - 1])

    def stops(self, epochs: Mapping[int, tuple[int, Mapping[str, Any]]]) -> set[int]:
        """The runs that pause at the rung that they have come to."""
        arrived = {}
        for run, (epoch, metrics) in epochs.items():
            self._seen[run] = max(epoch, self._seen.get(run, 0))
            if epoch in self._asha.brackets(epoch):
                self._record(epoch, run, number(metrics.get(self._name)))
                arrived[run] = epoch
        return {run for run, rung in arrived.items() if run not in self._best(rung)}

    def epochs(self, run: int) -> int:
        """The number of the last epoch of a run that is known."""
        return self._seen.get(run, 0)

    def promotable(self) -> list[int]:
        """The runs that have come no further than a rung of whose best they are, best first.

        Those that come from the highest rung are first. Whether such a run waits there or has ended
        for another reason is not known here.
        """
        found = []
        for rung in sorted(self._rungs, reverse=True):
            found += [run for run in self._best(rung) if self._seen[run] == rung]
        return found

    def hurry(self) -> None:
        """There will be no more runs: from now on a rung lets go on whoever is among its best."""
        self._longest = 0

    def leader(self) -> int | None:
        """The best run at the highest rung, if none has come further; else None.

        With few runs no 1/eta of them is one whole, and the best would never be trained to its end.
        """
        for rung in sorted(self._rungs, reverse=True):
            values = self._rungs[rung]
            best = min(values, key=lambda run: (values[run], run))
            if any(self._seen[run] > rung for run in values):
                return None
            if values[best] < math.inf:
                return best
        return None

    def _record(self, rung: int, run: int, value: float | None) -> None:
        known = value is not None and math.isfinite(value)
        score = self._less_is_better * value if known and value is not None else math.inf
        self._rungs.setdefault(rung, {})[run] = score

    def _best(self, rung: int) -> list[int]:
        """The best 1/eta of the runs that have come to a rung, best first."""
        values = self._rungs[rung]
        if len(values) < self._longest // rung:
            return []
        ranked = sorted(values, key=lambda run: (values[run], run))
        best = ranked[: int(len(ranked) / self._asha.eta)]
        return [run for run in best if values[run] < math.inf]
