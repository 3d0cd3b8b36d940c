"""What a sweep is told before it begins."""

from __future__ import annotations

from typing import Any

import pytest

from dlsweep.sweep.local._doubts import doubts_of
from tests.sweep.helpers import sweep

EPOCHS = {"epochs": {"values": [5, 30]}, "learning_rate": {"values": [0.01, 0.001]}}


@pytest.mark.parametrize(
    ("rule", "first"),
    [
        ({"type": "hyperband", "min_iter": 3}, 3),
        ({"type": "hyperband", "max_iter": 30, "s": 2, "eta": 2}, 7),
        ({"type": "asha", "min_iter": 2}, 2),
        ({"type": "hyperband", "min_iter": 1}, 0),
        ({"type": "hyperband", "min_iter": 50}, 0),  # which stops nothing at all
        (None, 0),
    ],
)
def test_a_late_first_look_is_said_with_what_it_costs(rule: dict[str, Any] | None, first: int):
    more = {"early_terminate": rule} if rule else {}
    lines = [line for line in doubts_of(sweep(EPOCHS, **more)) if "early_terminate" in line]
    assert len(lines) == bool(first)
    if first:
        assert f"the first look at a run is after {first} epochs; with min_iter: 1" in lines[0]
        assert "80.5 instead of 78.8 %" in lines[0]
