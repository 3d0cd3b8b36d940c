"""What W&B's early termination would have saved of a study's epochs."""

from __future__ import annotations

from dataclasses import dataclass

from dlsweep.sweep.file import Hyperband, number
from dlsweep.sweep.study._runs import Row, RowsOfAStudy

_FEWEST_RUNS = 9
_MOST_EPOCHS = 200
"""A program that logs more rows logs steps, of which the first says nothing."""


@dataclass(frozen=True)
class Savings:
    """What ``early_terminate: {type: hyperband, min_iter: 1}`` would have come to.

    Attributes:
        epochs: how many epochs the runs have trained.
        saved: how many of them it would have saved.
        best: the best of the runs that it would not have stopped.
        lost: whether it would have stopped a better one.
    """

    epochs: int
    saved: int
    best: Row
    lost: bool


def savings_of(table: RowsOfAStudy) -> Savings | None:
    """The savings of a study; None where there is little to save, or it stops so early already."""
    rule = table.sweep.early_terminate if table.sweep is not None else None
    if rule is not None and rule.brackets(1) == [1]:
        return None
    from dlsweep.sweep.search._replay import replay

    name = table.metric.name
    searched = [row for row in table.ranked() if row.role == "search"]
    rows = [row for row in table.rows if row.role == "search" and row.status != "failed"]
    curves = {
        row.number: [number(epoch.get(name)) for epoch in row.history if name in epoch]
        for row in rows
    }
    curves = {run: curve for run, curve in curves.items() if curve}
    epochs = sum(map(len, curves.values()))
    longest = max(map(len, curves.values()), default=0)
    if len(curves) < _FEWEST_RUNS or not 1 < longest <= _MOST_EPOCHS:
        return None
    ended = replay(Hyperband(min_iter=1), table.metric, curves)
    saved = epochs - sum(ended.values())
    kept = [row for row in searched if ended.get(row.number) == len(curves.get(row.number, ()))]
    if saved * 10 < epochs or not kept:
        return None
    return Savings(epochs, saved, kept[0], kept[0] is not searched[0])
