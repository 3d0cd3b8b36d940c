"""Early termination: the rule, held against W&B's own."""

from __future__ import annotations

import importlib.util
import random
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from dlsweep.sweep import Hyperband
from dlsweep.sweep._hyperband import to_stop

Histories = Mapping[int, Sequence[float | None]]


def test_brackets():
    assert Hyperband(min_iter=3).brackets(30) == [3, 9, 27]
    assert Hyperband(min_iter=1, eta=1.5).brackets(5) == [1, 2, 3, 5]
    assert Hyperband(min_iter=3).brackets(2) == []
    assert Hyperband(max_iter=27, s=2).brackets(27) == [3, 9]
    assert Hyperband(max_iter=27, s=9).brackets(27) == [1, 3, 9]
    assert Hyperband(max_iter=27, s=9).brackets(5) == [1, 3]
    # As in W&B's rule, these go before min_iter.
    assert Hyperband(min_iter=3, eta=1e300).brackets(30) == [3]
    assert Hyperband(max_iter=8, s=10**9, eta=1 + 1e-9).brackets(99) == [7]
    assert Hyperband(min_iter=5, max_iter=8, s=1, eta=2).brackets(99) == [4]


FIVE: Histories = {
    0: [0.5, 0.4],
    1: [0.5, 0.8, 0.6],
    2: [0.9, 0.7, 0.7],
    3: [0.1, 0.9, 0.9],
    4: [0.1],
}


@pytest.mark.parametrize(
    ("rule", "goal", "stopped"),
    [
        # Of 0.4, 0.8, 0.7 and 0.9 in the second epoch, 0.7 still passes.
        (Hyperband(min_iter=2, eta=2), "maximize", {0}),
        # Now 0.8 does, and the run with 0.7 had 0.9 in its first epoch.
        (Hyperband(min_iter=2, eta=4), "maximize", {0}),
        # With strict, that does not help it.
        (Hyperband(min_iter=2, eta=4, strict=True), "maximize", {0, 2}),
        (Hyperband(min_iter=2, eta=2), "minimize", set()),
        (Hyperband(min_iter=2, eta=2, strict=True), "minimize", {3}),
        (Hyperband(min_iter=4, eta=2), "maximize", set()),
    ],
)
def test_who_is_stopped(rule: Hyperband, goal: str, stopped: set[int]):
    assert to_stop(rule, goal, FIVE, set(FIVE)) == stopped
    # Those that are over are compared with, and left alone.
    assert to_stop(rule, goal, FIVE, {1, 4}) == stopped & {1, 4}


def test_nothing_is_stopped_without_anything_to_compare_with():
    assert to_stop(Hyperband(min_iter=1), "maximize", {}, set()) == set()
    assert to_stop(Hyperband(min_iter=1), "maximize", {0: [0.1]}, {0, 1}) == set()


def wandb_stops(rule: dict[str, Any], goal: str, histories: Histories, running: set[int]) -> Any:
    """What W&B's package says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is written for an older pydantic
        from sweeps import SweepRun, stop_runs

    runs = [
        SweepRun(
            name=str(number),
            state="running" if number in running else "finished",
            history=[{"metric": value} for value in history],
        )
        for number, history in histories.items()
    ]
    config = {
        "method": "random",
        "metric": {"name": "metric", "goal": goal},
        "parameters": {"a": {"values": [1]}},
        "early_terminate": {"type": "hyperband", **rule},
    }
    return {int(run.name) for run in stop_runs(config, runs)}


@pytest.mark.skipif(
    importlib.util.find_spec("sweeps") is None,
    reason="W&B's rule is not here: pip install --no-deps sweeps==0.3.0",
)
def test_the_rule_is_that_of_wandb():
    draw = random.Random(0)
    stopped = 0
    for _ in range(300):
        eta = draw.choice([1.5, 2, 3, 4])
        rule: dict[str, Any] = {"eta": eta, "strict": draw.random() < 0.5}
        if draw.random() < 0.5:
            rule["min_iter"] = draw.randint(1, 4)
        else:
            rule |= {"max_iter": draw.randint(4, 30), "s": draw.randint(1, 4)}
        # Few distinct values, so that there are equals; some epochs without a number.
        values = [*(value / 8 for value in range(8)), float("nan"), None]
        histories = {
            number: draw.choices(values, k=draw.randint(0, 20))
            for number in range(draw.randint(1, 12))
        }
        running = {number for number in histories if draw.random() < 0.7}
        goal = draw.choice(["maximize", "minimize"])
        found = to_stop(Hyperband(**rule), goal, histories, running)
        assert found == wandb_stops(rule, goal, histories, running)
        stopped += len(found)
    assert stopped > 200
