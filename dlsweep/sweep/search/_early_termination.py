"""Early termination: which runs a sweep's ``early_terminate`` stops, as W&B decides it.

The rule is that of W&B's own ``sweeps`` package (sweeps/hyperband_stopping.py, version 0.3.0), in
which a bracket of 3 is looked at after 3 epochs; version 0.2.0 looked at the fourth. It follows
Hyperband (Li et al. 2018, https://arxiv.org/abs/1603.06560) without its schedule of who starts
when: a run is compared with all runs that have come as far as its last bracket, whatever became of
them, and is stopped unless it is among their best 1/eta.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dlsweep.sweep.file import Hyperband, Metric, number


@dataclass(slots=True)
class _Curve:
    """What the rule needs of a run. Values have the sign with which less is better."""

    epochs: int = 0
    finite: int = 0  # epochs with a finite value: only these count for the rule
    best: float = math.inf
    reached: list[float] = field(default_factory=list)  # values at the brackets passed, in order


class EarlyTermination:
    """The rule, applied to the runs of a sweep as they log epochs.

    An epoch costs about the same however many runs there are.

    Args:
        rule: the sweep's ``early_terminate``.
        metric: what it looks at.
    """

    def __init__(self, rule: Hyperband, metric: Metric) -> None:
        self._rule = rule
        self._name = metric.name
        self._sign = -1.0 if metric.goal == "maximize" else 1.0
        self._curves: dict[int, _Curve] = {}
        self._horizon = 0  # the epoch up to which brackets are known
        self._brackets: list[int] = []
        self._values: list[list[float]] = []  # for each bracket, of all runs there, sorted

    def add(self, run: int, history: Sequence[Mapping[str, Any]]) -> None:
        """Take over what a run has logged so far, in place of what was known of it."""
        self.load({run: [number(epoch.get(self._name)) for epoch in history]})

    def load(self, curves: Mapping[int, Sequence[float | None]]) -> None:
        """Take over the metric of several runs, epoch by epoch; see ``add``."""
        for run, values in curves.items():
            if run in self._curves:
                reached = self._curves.pop(run).reached
                for at_bracket, old in zip(self._values, reached, strict=False):
                    del at_bracket[bisect_left(at_bracket, old)]
            for value in values:
                self._append(run, value)

    def stops(self, epochs: Mapping[int, tuple[int, Mapping[str, Any]]]) -> set[int]:
        """Which of some running runs are to end.

        Args:
            epochs: of each of them the number of one more epoch, from 1, and what was logged in it.
                An epoch that is known already is not counted again.
        """
        for run, (epoch, metrics) in epochs.items():
            if epoch > self.epochs(run):
                self._append(run, number(metrics.get(self._name)))
                self._curves[run].epochs = epoch
        return {run for run in epochs if self._is_behind(self._curves[run])}

    def epochs(self, run: int) -> int:
        """The number of the last epoch of a run that is known."""
        return self._curves[run].epochs if run in self._curves else 0

    def _append(self, run: int, value: float | None) -> None:
        curve = self._curves.setdefault(run, _Curve())
        curve.epochs += 1
        if value is None or not math.isfinite(value):
            return
        curve.finite += 1
        value *= self._sign
        curve.best = min(curve.best, value)
        if curve.finite > self._horizon:
            self._horizon = 2 * curve.finite
            self._brackets = self._rule.brackets(self._horizon)
            self._values += [[] for _ in self._brackets[len(self._values) :]]
        passed = len(curve.reached)
        if passed < len(self._brackets) and self._brackets[passed] == curve.finite:
            curve.reached.append(value)
            insort(self._values[passed], value)

    def _is_behind(self, curve: _Curve) -> bool:
        """Whether a run is outside the best 1/eta of those that have passed its last bracket."""
        if not curve.reached:
            return False
        values = self._values[len(curve.reached) - 1]
        value = curve.reached[-1] if self._rule.strict else curve.best
        return value > values[int(1 / self._rule.eta * len(values))]
