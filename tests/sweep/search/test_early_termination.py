"""Early termination: what is kept of runs as they train, against the rule over whole histories."""

from __future__ import annotations

import importlib.util
import math
import random
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pytest

from dlsweep.sweep.file import Hyperband, Metric
from dlsweep.sweep.search import EarlyTermination

Histories = Mapping[int, Sequence[float | None]]


def to_stop(rule: Hyperband, goal: str, histories: Histories, running: Collection[int]) -> set[int]:
    """The runs that are to end now: the rule as it is defined, over the histories of all runs."""
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


def random_rule(draw: random.Random) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "eta": draw.choice([1.5, 2, 3, 4]),
        "strict": draw.random() < 0.5,
    }
    if draw.random() < 0.5:
        return rule | {"min_iter": draw.randint(1, 4)}
    return rule | {"max_iter": draw.randint(4, 30), "s": draw.randint(1, 4)}


# Few distinct values, so that there are equals; some epochs without a number.
VALUES = [*(value / 8 for value in range(8)), float("nan"), None]


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
def test_which_runs_are_stopped(rule: Hyperband, goal: str, stopped: set[int]):
    assert to_stop(rule, goal, FIVE, set(FIVE)) == stopped
    # Runs that have ended are compared with.
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
        rule = random_rule(draw)
        histories = {
            number: draw.choices(VALUES, k=draw.randint(0, 20))
            for number in range(draw.randint(1, 12))
        }
        running = {number for number in histories if draw.random() < 0.7}
        goal = draw.choice(["maximize", "minimize"])
        found = to_stop(Hyperband(**rule), goal, histories, running)
        assert found == wandb_stops(rule, goal, histories, running)
        stopped += len(found)
    assert stopped > 200


def epochs_of(history: Sequence[float | None]) -> list[dict[str, Any]]:
    return [{"epoch": i, "val_loss": value} for i, value in enumerate(history, start=1)]


def test_what_is_kept_of_runs_is_all_the_rule_needs():
    """Runs start, log epochs together, end, begin again and come from earlier processes."""
    draw = random.Random(0)
    assert sum(play(draw) for _ in range(40)) > 1000


def play(draw: random.Random) -> int:
    """Compare a sweep's answers with those of the whole rule; how many runs were stopped."""
    rule, goal = Hyperband(**random_rule(draw)), draw.choice(["maximize", "minimize"])
    found = EarlyTermination(rule, Metric("val_loss", goal))
    histories: dict[int, list[float | None]] = {
        run: draw.choices(VALUES, k=draw.randint(0, 30)) for run in range(draw.randint(0, 5))
    }
    found.load(histories)
    running: set[int] = set()
    stopped = 0
    for step in range(300):
        match draw.randrange(6):
            case 0:  # one starts
                run = 100 + step
                found.add(run, [])
                histories[run] = []
                running.add(run)
            case 1 if histories:  # one goes on from a checkpoint, or begins again
                run = draw.choice(sorted(histories))
                histories[run] = draw.choices(VALUES, k=draw.choice([0, 1, draw.randint(0, 12)]))
                found.add(run, epochs_of(histories[run]))
                running.add(run)
            case _:
                stack = {run for run in sorted(running) if draw.random() < 0.7}
                new = {}
                for run in stack:
                    if not histories[run] or draw.random() < 0.9:  # else it trains one again
                        histories[run].append(draw.choice(VALUES))
                    new[run] = len(histories[run]), epochs_of(histories[run])[-1]
                stops = found.stops(new)
                assert stops == to_stop(rule, goal, histories, stack)
                running -= {run for run in stops if draw.random() < 0.8}
                stopped += len(stops)
        assert all(found.epochs(run) == len(history) for run, history in histories.items())
    return stopped
