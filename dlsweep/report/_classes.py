"""What runs hold of classes: their names, and matrices of counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeGuard

from dlsweep.data import DataFacts, DataSettings, known_facts
from dlsweep.sweep import Row

DIGITS = 5
"""Significant digits of every number: more than a figure shows or a split of 10,000 images has."""


def classes_of(runs: Sequence[Row]) -> list[str]:
    """The names of the classes, where all runs were trained on one data set that is known."""
    found = {DataSettings.among(run.config): run for run in runs if run.config.get("dataset")}
    facts = facts_of(*found.values()) if len(found) == 1 else None
    return [] if facts is None else list(facts.classes)


def facts_of(run: Row) -> DataFacts | None:
    """What is known of the data that a run was trained on."""
    return (
        known_facts(DataSettings.among(run.config).of_pictures)
        if run.config.get("dataset")
        else None
    )


def is_matrix(matrix: Any) -> TypeGuard[Sequence[Sequence[int]]]:
    """Whether this is a square matrix of counts."""
    return (
        isinstance(matrix, list | tuple)
        and len(matrix) > 1
        and all(isinstance(row, list | tuple) and len(row) == len(matrix) for row in matrix)
        and all(rounded(count) is not None for row in matrix for count in row)
    )


def rounded(value: Any) -> Any:
    """A number at `DIGITS` significant digits; None for anything that is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.{DIGITS}g}")
