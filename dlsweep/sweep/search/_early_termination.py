"""Early termination: which runs a sweep's ``early_terminate`` stops, as W&B decides it.

The rule is that of W&B's own ``sweeps`` package (sweeps/hyperband_stopping.py, version 0.3.0), in
which a bracket of 3 is looked at after 3 epochs; version 0.2.0 looked at the fourth. It follows
Hyperband (Li et al. 2018, https://arxiv.org/abs/1603.06560) without its schedule of who starts
when: a run is held against all that have come as far as its last bracket.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from dlsweep.sweep.file import Hyperband, Metric, number


def to_stop(
    rule: Hyperband,
    goal: str,
    histories: Mapping[int, Sequence[float | None]],
    running: Collection[int],
) -> set[int]:
    """The runs that are to end now.

    Args:
        rule: the sweep's ``early_terminate``.
        goal: maximize or minimize.
        histories: of all runs of the sweep, whatever became of them, the metric by epoch, by the
            run's number. Epochs without a finite value do not count.
        running: which of them are still in training.
    """
    sign = -1.0 if goal == "maximize" else 1.0  # below, less is better
    curves = {
        run: [sign * value for value in history if value is not None and math.isfinite(value)]
        for run, history in histories.items()
    }
    longest = max(map(len, curves.values()), default=0)
    thresholds = {}
    for bracket in rule.brackets(longest):
        values = sorted(curve[bracket - 1] for curve in curves.values() if len(curve) >= bracket)
        thresholds[bracket] = values[int(1 / rule.eta * len(values))]
    found = set()
    for run in running:
        curve = curves.get(run, [])
        passed = [bracket for bracket in thresholds if bracket <= len(curve)]
        if passed:
            reached = curve[passed[-1] - 1] if rule.strict else min(curve)
            if reached > thresholds[passed[-1]]:
                found.add(run)
    return found


class EarlyTermination:
    """The rule over the runs of a sweep, as their epochs come in.

    Args:
        rule: the sweep's ``early_terminate``.
        metric: what it looks at.
    """

    def __init__(self, rule: Hyperband, metric: Metric) -> None:
        self._rule = rule
        self._metric = metric
        self._histories: dict[int, list[float | None]] = {}

    def add(self, run: int, history: Sequence[Mapping[str, Any]]) -> None:
        """A run with what it has logged so far, in place of what was known of it."""
        self._histories[run] = [number(epoch.get(self._metric.name)) for epoch in history]

    def load(self, curves: Mapping[int, Sequence[float | None]]) -> None:
        """What runs have logged so far of the metric, epoch by epoch."""
        self._histories |= {run: list(curve) for run, curve in curves.items()}

    def stops(self, epochs: Mapping[int, Mapping[str, Any]]) -> set[int]:
        """Which of some running runs are to end, after one more epoch of each of them."""
        for run, epoch in epochs.items():
            self._histories.setdefault(run, []).append(number(epoch.get(self._metric.name)))
        return to_stop(self._rule, self._metric.goal, self._histories, epochs.keys())

    def epochs(self, run: int) -> int:
        """How many epochs of a run are known."""
        return len(self._histories.get(run, ()))
