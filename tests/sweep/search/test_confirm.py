"""Confirmation: who is the best, how sure that is, and how many seeds it takes."""

from __future__ import annotations

import numpy as np
import pytest

from dlsweep.sweep.search import Candidate, Comparison, Confirmation, affordable


def confirm(scores: dict[int, list[float]], most: int = 5, goal: str = "maximize") -> Comparison:
    """Train candidates for as long as it is asked for; each has its scores, seed by seed."""
    tried = dict.fromkeys(scores, 0)
    while True:
        candidates = [
            Candidate(n, 1.0, tuple(scores[n][: tried[n]]), tried[n], size=float(n)) for n in scores
        ]
        comparison = Comparison(candidates, goal)
        more = comparison.more_seeds(most)
        if not more:
            return comparison
        for number, seeds in more.items():
            tried[number] += seeds
            assert tried[number] <= most


@pytest.mark.parametrize("spread", [0.0, 0.5, 3.0])
def test_the_interval_of_the_best_has_its_true_mean_and_the_group_the_true_best(spread: float):
    generator = np.random.default_rng(5)
    trials, covered, missed, seeds = 400, 0, 0, 0
    for _ in range(trials):
        true = generator.normal(0, spread, 6)
        scores = {i: list(mean + generator.normal(0, 1, 5)) for i, mean in enumerate(true)}
        comparison = confirm(scores)
        found = comparison.result()
        assert found.best is not None
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= true[found.best.number] <= found.high
        missed += int(true.argmax()) not in found.equal
        seeds += sum(c.tried for c in comparison.candidates)
    assert covered / trials >= 0.95
    assert missed / trials <= 0.08
    if spread == 3:  # those that are clearly worse get no more seeds
        assert seeds / trials < 6 * 4


def test_a_clear_best_is_told_with_the_first_seeds():
    scores = {1: [0.80, 0.81, 0.82, 9, 9], 2: [0.70, 0.71, 0.72, 9, 9], 3: [0.5, 0.51, 0.52]}
    found = confirm(scores).result()
    assert found.equal == (1,)
    assert [c.tried for c in found.candidates] == [3, 3, 3]
    assert found.best is not None
    assert found.best.mean == pytest.approx(0.81)
    assert found.optimism == pytest.approx(1 - np.mean([0.81, 0.71, 0.51]))
    assert confirm(scores, goal="minimize").result().equal == (3,)


def test_the_simplest_of_those_that_cannot_be_told_apart():
    noise = [0.0, 0.04, -0.04, 0.02, -0.02]
    scores = {n: [0.8 + 0.001 * n + e for e in noise] for n in (3, 1, 2)}
    found = confirm(scores).result()
    assert found.equal == (3, 2, 1)
    assert found.simplest == 1


def test_what_says_nothing_of_noise_has_no_interval():
    found = confirm({1: [0.5], 2: [0.6]}, most=1).result()
    assert (found.equal, found.low, found.deviation) == ((2, 1), None, None)
    same = confirm({1: [0.5] * 5, 2: [0.5] * 5, 3: [0.4] * 5}).result()  # the seed does nothing
    assert same.equal == (1, 2)
    assert (same.low, same.high, same.deviation) == pytest.approx((0.5, 0.5, 0.0))
    assert [c.tried for c in same.candidates] == [3, 3, 3]


def test_one_that_diverges_is_not_the_best_and_one_that_fails_is_not_tried_for_ever():
    values = (0.9, 0.91)
    diverged = Candidate(1, 0.9, values, tried=3, diverged=True)
    failed = Candidate(2, 0.9, (), tried=3)
    other = Candidate(3, 0.5, (0.5, 0.51, 0.52), tried=3)
    comparison = Comparison([diverged, failed, other], "maximize", (0.0, 0.515))
    assert comparison.more_seeds(3) == {}
    found = comparison.result()
    assert [c.number for c in found.candidates] == [3, 1, 2]
    assert (found.equal, found.high) == ((3,), 0.515)
    assert Comparison([failed], "maximize").result() == Confirmation((failed,))


def test_what_a_tenth_of_the_search_pays_for():
    assert affordable(59, None, None)[0] == 0
    assert affordable(60, None, None) == (2, 3)
    assert affordable(129, None, None) == (4, 3)
    assert affordable(250, None, None) == (5, 5)
    assert affordable(10_000, None, None) == (10, 5)
    assert affordable(5, 3, None) == (3, 5)
    assert affordable(5, 3, 2) == (3, 2)
    assert affordable(100, 0, None)[0] == 0
