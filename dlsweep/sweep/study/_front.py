"""The best compromises of a study with several metrics: its Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

from dlsweep.sweep.file import Metric, objective
from dlsweep.sweep.study._points import points_of
from dlsweep.sweep.study._runs import Row, RowsOfAStudy

_WHOLE = ("finished", "early_stopped")


class RowsWithMetrics(RowsOfAStudy, Protocol):
    """The runs of a study that has several metrics."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """All metrics, the one that decides first."""


@dataclass(frozen=True)
class Compromise:
    """A configuration that no other one beats in all metrics.

    Attributes:
        row: its first run.
        values: its metrics, in the order of the study's: means over its seeds, of the new ones
            alone where it was confirmed.
    """

    row: Row
    values: tuple[float, ...]


def front_of(table: RowsWithMetrics) -> tuple[Compromise, ...]:
    """The configurations that no other one beats, best first by the metric that decides.

    One beats another if it is at least as good in every metric, and better in one. Runs that were
    stopped early are left out: they are short of seconds and of epochs for that reason alone.

    Args:
        table: the study.
    """
    metrics = table.metrics
    if len(metrics) < 2:
        return ()
    found = []
    for point in points_of(table):
        rows = point.confirmations or point.rows
        values = [_values(row, metrics) for row in rows if row.status in _WHOLE]
        whole = [v for v in values if v is not None]
        if whole and len(whole) == len(rows):
            means = tuple(map(fmean, zip(*whole, strict=True)))
            found.append(Compromise(point.rows[0], means))
    return tuple(found[place] for place in unbeaten([one.values for one in found], metrics))


def unbeaten(values: Sequence[Sequence[float]], metrics: Sequence[Metric]) -> list[int]:
    """The places of those that no other one beats, best first by the first metric.

    Args:
        values: of each its metrics.
        metrics: what they are.
    """
    signs = [1 if metric.goal == "maximize" else -1 for metric in metrics]
    scores = [[s * v for s, v in zip(signs, its, strict=True)] for its in values]
    kept = [place for place, score in enumerate(scores) if not _beaten(score, scores)]
    return sorted(kept, key=lambda place: -scores[place][0])


def _values(row: Row, metrics: Sequence[Metric]) -> tuple[float, ...] | None:
    """A run's metrics; None unless it has all of them."""
    values = [objective(metric, row.history, row.summary) for metric in metrics]
    known = [value for value in values if value is not None]
    return tuple(known) if len(known) == len(metrics) else None


def _beaten(score: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
    return any(
        all(o >= s for s, o in zip(score, other, strict=True)) and other != score
        for other in others
    )
