"""Runs that are no better than always answering one class, and those that never were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy import stats

from dlsweep.report._classes import facts_of, is_matrix
from dlsweep.report._runs import RunsTable
from dlsweep.report.findings._types import Chance
from dlsweep.report.statistics import remembered
from dlsweep.sweep import Row

RARE = 0.01
"""A run is above chance where its best epoch would be so rare for one that guesses."""
_NEAR = 1.05
"""Without the images' number, so many times chance is chance."""


@remembered
def chance(table: RunsTable) -> Chance | None:
    """The sweep's runs that are at chance; None where the metric is not an accuracy of a split.

    Nothing is known of a program: its metric may be anything.
    """
    split = table.metric.name.removeprefix("best_").partition("_")[0]
    if not table.is_share() or split == "train":
        return None
    runs = [run for run in table.finished() if not run.beside]
    levels = {id(run): level for run in runs if (level := _level(run, split)) is not None}
    known = [run for run in runs if id(run) in levels]
    if not known:
        return None
    guessing = [run for run in known if _guesses(run.value or 0.0, *levels[id(run)], 1)]
    never = []
    for run in guessing:
        seen = [run.value or 0.0, *_accuracies(run, split)]
        if _guesses(max(seen), *levels[id(run)], len(seen)):
            never.append(run)
    highest = max(level for level, _ in levels.values())
    return Chance(highest, tuple(guessing), tuple(never), len(known))


def images(run: Row, split: str = "val") -> int:
    """How many images of a split a run was judged by; 0 where it is not known."""
    counts = run.summary.get(f"{split}_confusion")
    return int(np.sum(counts)) if is_matrix(counts) else 0


def _level(run: Row, split: str) -> tuple[float, int] | None:
    """The accuracy of always answering the most frequent class, and the number of images."""
    counts = run.summary.get(f"{split}_confusion")
    if is_matrix(counts) and np.sum(counts):
        of = np.sum(counts, axis=1)
        return float(of.max() / of.sum()), int(of.sum())
    facts = facts_of(run)
    return (max(facts.train) / sum(facts.train), 0) if facts and sum(facts.train) else None


def _guesses(value: float, level: float, of: int, epochs: int) -> bool:
    """Whether the best of so many epochs is no better than chance."""
    if not of:
        return value <= _NEAR * level
    return bool(stats.binom.sf(round(value * of) - 1, of, level) > RARE / epochs)


def _accuracies(run: Row, split: str) -> Iterator[float]:
    logged: Sequence[Any] = [row.get(f"{split}_accuracy") for row in run.history]
    for value in (*logged, run.summary.get(f"best_{split}_accuracy")):
        if isinstance(value, int | float):
            yield float(value)
