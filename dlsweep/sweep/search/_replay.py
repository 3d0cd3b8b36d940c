"""What early termination would have saved, replayed on the curves of runs that were trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dlsweep.sweep.file import Hyperband, Metric
from dlsweep.sweep.search._early_termination import EarlyTermination

AT_ONCE = 8
"""How many runs are taken to be in training at once."""


def replay(
    rule: Hyperband, metric: Metric, curves: Mapping[int, Sequence[float | None]]
) -> dict[int, int]:
    """After how many epochs each run would have ended.

    Args:
        rule: the ``early_terminate`` that is tried.
        metric: what it looks at.
        curves: the metric of each run after each epoch, in the order in which the runs began.
    """
    judge = EarlyTermination(rule, metric)
    waiting = list(curves)[::-1]
    training: dict[int, int] = {}
    ended: dict[int, int] = {}
    while waiting or training:
        while waiting and len(training) < AT_ONCE:
            training[waiting.pop()] = 0
        for run in [run for run, epoch in training.items() if epoch >= len(curves[run])]:
            ended[run] = training.pop(run)
        training = {run: epoch + 1 for run, epoch in training.items()}
        logged = {run: (n, {metric.name: curves[run][n - 1]}) for run, n in training.items()}
        for run in judge.stops(logged):
            ended[run] = training.pop(run)
    return ended
