"""What early termination would have saved, said at the end of a sweep that does without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dlsweep.cli._confirmation import savings_line
from dlsweep.sweep.study import Study, StudyTable
from tests.sweep.helpers import history, sweep


def table(path: Path, curves: list[list[float]], **more: Any) -> StudyTable:
    made = sweep({"learning_rate": {"min": 0.0, "max": 1.0}}, run_cap=len(curves), **more)
    with Study.open(made, str(path / "a.db")) as study:
        for run, curve in zip(study.take(len(curves)), curves, strict=True):
            study.finish(run, "finished", history(*curve))
        return study.table()


def test_what_it_would_have_saved_is_said(tmp_path: Path):
    good = [[0.5, 0.6, 0.7, 0.9]]
    poor = [[0.1 + 0.01 * i, 0.2, 0.2, 0.2] for i in range(11)]
    found = table(tmp_path, good + poor)
    savings = found.savings()
    assert savings is not None
    assert savings.epochs == 48
    assert 12 <= savings.saved <= 33  # of those that are stopped after their first epoch, 3 each
    assert savings.saved % 3 == 0
    assert savings_line(found) == (
        f"early_terminate {{type: hyperband, min_iter: 1}} would have saved {savings.saved} of the "
        "48 epochs, and have found the same best run"
    )


def test_a_best_run_that_begins_badly_is_not_promised(tmp_path: Path):
    slow = [[0.05, 0.1, 0.2, 0.95]]
    others = [[0.5 - 0.01 * i, 0.6, 0.6, 0.7 - 0.01 * i] for i in range(11)]
    line = savings_line(table(tmp_path, others + slow))
    assert line.endswith("; the best run that it would not have stopped has val_accuracy 0.7000")


@pytest.mark.parametrize(
    ("curves", "more"),
    [
        ([[0.1, 0.2]] * 8, {}),  # few runs
        ([[0.1 * i] for i in range(10)], {}),  # of one epoch each
        (
            [[0.1 * i, 0.2] for i in range(10)],
            {"early_terminate": {"type": "hyperband", "min_iter": 1}},
        ),
    ],
)
def test_where_there_is_nothing_to_say(tmp_path: Path, curves: list[list[float]], more: Any):
    assert savings_line(table(tmp_path, curves, **more)) == ""
