"""The numbers of a report against closed forms, SciPy, and arrays in which the truth is known."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import stats

from dlsweep.report import RunsTable
from dlsweep.report.findings import diverged_runs, low_runs, top_runs
from dlsweep.report.statistics import (
    additive,
    configurations,
    difference_interval,
    factor,
    grouped,
    holm,
    interactions,
    mean_interval,
    scores,
    select,
    settings,
    share_interval,
)
from dlsweep.sweep import Metric
from tests.report.hand_made import of_values, run, table

GRID = {
    "optimizer": ["sgd", "adam", "nadam"],
    "num_layers": [1, 2, 3],
    "batch_size": [16, 32, 64],
    "activation": ["relu", "tanh"],
}


def grid(score: Any, **axes: list[Any]) -> RunsTable:
    """Every point of a grid with its score."""
    axes = axes or GRID
    points = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    return of_values([(point, float(score(point))) for point in points])


# Configurations and settings


def test_runs_that_differ_in_their_seed_only_are_one_configuration():
    runs = [run(i, 0.1 * i, seed=i % 3, epochs=1 + i // 3) for i in range(6)]
    runs += [run(6, 0.9, seed=0, epochs=9), run(7, seed=5, epochs=1)]
    found = configurations(table(runs))
    assert [[r.name for r in c.runs] for c in found] == [
        ["run-0", "run-1", "run-2"],
        ["run-3", "run-4", "run-5"],
        ["run-6"],
    ]
    assert [c.value for c in found] == pytest.approx([0.1, 0.4, 0.9])
    assert settings(table(runs)) == ["epochs"]
    assert table(runs).parameters == ("epochs", "seed")


def test_where_a_run_was_makes_no_difference():
    runs = [run(0, 0.5, seed=1, device="cpu"), run(1, 0.5, seed=2, wandb_project="other")]
    assert len(grouped(table(runs), runs)) == 1


def test_runs_that_say_nothing_of_their_seed_are_no_repeats():
    """A foreign run's other settings may be ones that dlsweep does not know."""
    runs = [replace(run(i, 0.5), config={"optimizer": "adam"}) for i in range(3)]
    assert len(configurations(table(runs))) == 3


def test_levels_are_in_the_order_of_the_numbers_and_of_the_words():
    found = configurations(
        of_values(
            [
                ({"batch_size": b, "optimizer": o}, 0.5)
                for b, o in zip((128, 16, 32, 16), ("sgd", "adam", "sgd", "adam"), strict=True)
            ]
        )
    )
    sizes = factor(found, "batch_size")
    assert sizes.levels == ("16", "32", "128")
    # Runs 1 and 3 are one and the same configuration.
    assert sizes.codes.tolist() == [2, 0, 1]
    assert sizes.numbers.tolist() == [128, 16, 32]
    names, columns = factor(found, "optimizer").columns()
    assert names == ["adam", "sgd"]
    assert columns.tolist() == [[0, 1], [1, 0], [0, 1]]


def test_a_number_with_many_values_is_looked_at_in_ranges():
    rates = [i / 1000 for i in range(1, 41)]
    found = configurations(of_values([({"learning_rate": r}, 0.5) for r in rates]))
    ranges = factor(found, "learning_rate")
    assert ranges.levels == (
        "0.001 to 0.01",
        "0.011 to 0.02",
        "0.021 to 0.03",
        "0.031 to 0.04",
    )
    assert np.bincount(ranges.codes).tolist() == [10, 10, 10, 10]
    assert ranges.numbers.tolist() == rates


def test_a_setting_with_words_and_numbers_is_words():
    points = [({"early_stopping": v}, 0.5) for v in (None, 3, 5)]
    patience = factor(configurations(of_values(points)), "early_stopping")
    assert patience.levels == ("3", "5", "none")
    assert patience.numbers is None


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


# Intervals


def test_the_interval_of_a_mean():
    expected = stats.t.interval(0.95, 2, 2, stats.sem([1, 2, 3]))
    assert mean_interval([1.0, 2.0, 3.0]) == pytest.approx(expected)
    assert mean_interval([0.1, 0.9, 0.95], (0, 1)) == (0, 1)
    assert all(map(math.isnan, mean_interval([1.0, 3.0])))  # two say nothing of their spread


def test_the_interval_of_a_share_is_wilsons():
    low, high = share_interval(0.9, 1000)
    z = 1.959964
    middle, half = (0.9 + z**2 / 2000), z * math.sqrt(0.09 / 1000 + z**2 / 4e6)
    assert (low, high) == pytest.approx(
        ((middle - half) / (1 + z**2 / 1000), (middle + half) / (1 + z**2 / 1000)), abs=1e-5
    )
    assert 0 < share_interval(0.0, 10)[1] < 1 == share_interval(1.0, 10)[1]


def test_the_interval_of_a_difference_is_welchs_without_a_warning():
    one, other = np.array([0.1, 0.2, 0.4]), np.array([0.7, 0.8, 0.95])
    expected = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert difference_interval(one, other) == pytest.approx((expected.low, expected.high))
    low, high = difference_interval(np.array([0.1, 0.1, 0.1]), other)
    assert low < -0.7 < high < -0.4
    assert difference_interval(np.array([0.5] * 3), np.array([0.25] * 3)) == (0.25, 0.25)


# Tests in additive models


def design(n: int, seed: int) -> tuple[np.random.Generator, dict[str, np.ndarray]]:
    generator = np.random.default_rng(seed)
    return generator, {name: generator.integers(0, 3, n) for name in "abcd"}


def test_forward_selection_finds_what_there_is_and_in_that_order():
    generator, factors = design(90, 0)
    target = 2.0 * factors["b"] + 1.0 * (factors["c"] == 1) + generator.normal(0, 0.3, 90)
    found = select([scores(target)], factors, 0.05)
    assert found.names == ("b", "c")
    assert found.p["b"] <= 0.001
    assert found.p["a"] > 0.05


def test_a_small_effect_is_seen_beside_a_large_one():
    """Alone it drowns in what the other does."""
    generator, factors = design(63, 7)
    factors["a"], factors["d"] = np.tile([0, 1, 2], 21), np.repeat([0, 1, 2], 21)
    target = 10.0 * factors["a"] + 0.6 * factors["d"] + generator.normal(0, 0.3, 63)
    assert stats.kruskal(*(target[factors["d"] == i] for i in range(3))).pvalue > 0.05
    assert select([scores(target)], factors, 0.05).names == ("a", "d")


def test_one_factor_that_follows_another_is_not_found_for_it():
    generator, factors = design(80, 2)
    factors["shadow"] = np.where(generator.uniform(size=80) < 0.6, factors["a"], factors["b"])
    target = 1.0 * factors["a"] + generator.normal(0, 0.3, 80)
    assert select([scores(target)], factors, 0.05).names == ("a",)


def test_the_p_of_one_factor_is_that_of_a_permutation_test():
    generator, _ = design(9, 3)
    codes = np.repeat([0, 1], [4, 5])
    target = generator.normal(size=9) + codes
    found = select([target], {"a": codes}, 0.05).p["a"]

    def difference(x: np.ndarray, y: np.ndarray) -> float:
        return abs(float(x.mean() - y.mean()))

    exact = stats.permutation_test(
        (target[:4], target[4:]), difference, vectorized=False, alternative="greater"
    )
    assert found == pytest.approx(exact.pvalue, abs=0.03)


def test_false_claims_stay_below_their_level():
    def wrong(seed: int) -> bool:
        generator, factors = design(30, seed)
        target = generator.exponential(size=30)
        return bool(select([target, scores(target)], factors, 0.05).names)

    assert sum(map(wrong, range(200))) <= 16  # more has a chance of 2.5 % at a rate of 5 %


def test_effects_that_add_up_are_no_interaction_and_others_are():
    generator, factors = design(120, 4)
    noise = generator.normal(0, 0.3, 120)
    adds = 1.0 * factors["a"] + 2.0 * factors["b"] + noise
    assert interactions(adds, factors, ["a", "b"], 0.01) == {}
    both = adds + 2.0 * ((factors["a"] == 1) & (factors["c"] == 2))
    assert list(interactions(both, factors, ["a", "b"], 0.01)) == [("a", "c")]


def test_values_seen_once_or_twice_are_not_compared():
    generator = np.random.default_rng(5)
    codes = np.array([0] * 10 + [1] * 2 + [-1] * 3)
    assert select([generator.normal(size=15)], {"a": codes}, 1.0).p == {}
    assert select([np.zeros(0)], {"a": codes[:0]}, 0.05).names == ()
    constant = select([np.ones(20)], {"a": np.repeat([0, 1], 10)}, 0.05)
    assert (constant.names, constant.p) == ((), {"a": 1.0})


def test_contributions_add_up_to_the_target():
    generator, factors = design(50, 6)
    target = 3.0 * factors["a"] + generator.normal(size=50)
    model = additive(target, {name: factors[name] for name in "ab"})
    whole = model.mean + sum(model.contributions.values()) + model.left
    assert whole == pytest.approx(target)
    means = [model.without_others("a")[factors["a"] == i].mean() for i in range(3)]
    assert np.diff(means) == pytest.approx([3, 3], abs=0.6)
    assert additive(target, {}).without_others(None) == pytest.approx(target)


# What some runs have in common


def poor_sgd(point: dict[str, Any]) -> float:
    return 0.3 if point["optimizer"] == "sgd" and point["num_layers"] == 3 else 0.8


def test_what_poor_runs_have_in_common():
    group = low_runs(grid(poor_sgd))
    assert (len(group.members), group.of, group.enough, group.threshold) == (6, 54, True, 0.65)
    found = {(t.setting, t.level): t for t in group.traits}
    assert found.keys() == {("optimizer", "sgd"), ("num_layers", "3")}
    trait = found["optimizer", "sgd"]
    assert (trait.have, trait.of, trait.have_all, trait.of_all) == (6, 6, 18, 54)
    exact = math.comb(18, 6) / math.comb(54, 6)
    assert trait.p == pytest.approx(6 * exact)  # values of the two settings that matter
    fisher = stats.fisher_exact([[6, 0], [12, 36]], alternative="greater").pvalue
    assert exact == pytest.approx(fisher)


def test_the_threshold_is_the_readers():
    assert low_runs(grid(poor_sgd), 0.9).of == 54
    assert len(low_runs(grid(poor_sgd), 0.9).members) == 54
    assert not low_runs(grid(poor_sgd), 0.9).enough  # there are no others to compare with
    loss = replace(grid(lambda p: p["num_layers"]), metric=Metric("val_loss", "minimize"))
    assert len(low_runs(loss, 2.5).members) == 18


def test_a_metric_that_is_no_accuracy_has_its_worst_tenth():
    points = [({"epochs": i + 1}, float(i)) for i in range(50)]
    loss = replace(of_values(points), metric=Metric("val_loss", "minimize"))
    assert [c.value for c in low_runs(loss).members] == [45, 46, 47, 48, 49]
    assert low_runs(replace(table([]), metric=loss.metric)).of == 0


def test_what_the_best_have_in_common():
    group = top_runs(grid(lambda p: 0.5 + 0.4 * (p["activation"] == "tanh")))
    assert len(group.members) == 27  # the sixth is as good as all others with tanh
    assert [(t.setting, t.level, t.have) for t in group.traits] == [("activation", "tanh", 27)]
    distinct = top_runs(of_values([({"epochs": i + 1}, i / 100) for i in range(80)]))
    assert [round(c.value * 100) for c in distinct.members] == list(range(72, 80))
    few = top_runs(of_values([({"epochs": i + 1}, i / 100) for i in range(12)]))
    assert (len(few.members), few.enough, few.traits) == (5, False, ())
    assert top_runs(table([])).members == ()


def test_what_diverged_runs_have_in_common():
    runs = []
    for i, (rate, layers) in enumerate(product((0.1, 0.01, 0.001), range(1, 11))):
        bad = rate == 0.1
        status = "diverged" if bad else ""
        runs.append(run(i, None if bad else 0.8, status, learning_rate=rate, num_layers=layers))
    group = diverged_runs(table([*runs, run(99)]))  # one that failed is not one that diverged
    assert (len(group.members), group.of) == (10, 30)
    assert [(t.setting, t.level, t.have, t.have_all) for t in group.traits] == [
        ("learning_rate", "0.1", 10, 10)
    ]
