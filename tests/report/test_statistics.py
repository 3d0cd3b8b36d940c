"""The numbers of a report against closed forms, SciPy, and tables in which the truth is known."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import stats

from dlsweep.report import RunsTable
from dlsweep.report.statistics import (
    comparison,
    configurations,
    correlations,
    diverged_runs,
    effects,
    importances,
    interval,
    low_runs,
    settings,
    top_runs,
)
from dlsweep.report.statistics._units import factor, grouped, holm
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


def noise(seed: int) -> RunsTable:
    """A grid in which nothing has an effect."""
    generator = np.random.default_rng(seed)
    return grid(lambda point: generator.uniform(0.5, 0.9))


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


# Importance and correlation


def test_importance_is_the_share_of_the_variance_where_effects_add_up():
    """Fully grown trees on a balanced grid: 2 x + y has 4/5 of its variance from x."""
    axes = {"num_layers": [1, 2], "batch_size": [16, 32], "hidden_size": list(range(1, 16))}
    found = importances(
        grid(lambda p: 0.2 * p["num_layers"] + 0.1 * (p["batch_size"] == 32), **axes), repeats=10
    )
    by_name = {item.setting: item for item in found.settings}
    assert by_name["num_layers"].mean == pytest.approx(0.8, abs=0.05)
    assert by_name["batch_size"].mean == pytest.approx(0.2, abs=0.05)
    assert by_name["hidden_size"].mean < 0.01
    assert sum(item.mean for item in found.settings) == pytest.approx(1)
    assert all(item.low <= item.mean <= item.high for item in found.settings)
    assert [item.setting for item in found.settings][:2] == ["num_layers", "batch_size"]
    assert found.explained > 0.95
    assert found.tell


def test_the_words_of_a_setting_share_its_importance():
    found = importances(grid(lambda p: p["optimizer"] == "sgd"), repeats=3)
    first = found.settings[0]
    assert first.setting == "optimizer"
    assert first.mean == pytest.approx(1)
    assert sum(first.levels.values()) == pytest.approx(first.mean)
    assert max(first.levels, key=first.levels.get) == "sgd"


def test_importances_are_the_same_every_time():
    assert importances(noise(1), repeats=3) == importances(noise(1), repeats=3)


@pytest.mark.parametrize("seed", range(5))
def test_importances_of_noise_tell_nothing(seed: int):
    found = importances(noise(seed), repeats=3)
    assert found.enough
    assert not found.tell


def test_too_few_configurations_for_importances():
    few = of_values([({"epochs": i + 1}, i / 20) for i in range(19)])
    found = importances(few)
    assert (found.settings, found.configurations, found.needed) == ((), 19, 20)
    assert not found.enough
    assert not found.tell
    assert math.isnan(found.explained)
    assert importances(table([])).settings == ()
    # A metric that does not vary has nothing to be explained.
    assert importances(grid(lambda p: 0.5)).settings == ()


def test_correlations_are_scipys():
    generator = np.random.default_rng(3)
    toy = grid(lambda p: 0.1 * p["num_layers"] + generator.uniform(0, 0.3))
    found = {(c.setting, c.level): c for c in correlations(toy)}
    assert len(found) == 1 + 1 + 3 + 2
    target = [r.value for r in toy.runs]
    for (name, text), c in found.items():
        column = toy.column(name)
        values = [float(v == text) for v in column] if text else column
        expected = stats.pearsonr(values, target)
        assert c.r == pytest.approx(expected.statistic)
        assert (c.low, c.high) == pytest.approx(tuple(expected.confidence_interval()))
        assert c.configurations == 54


def test_correlations_of_what_does_not_vary():
    assert correlations(grid(lambda p: 0.5)) == ()
    assert correlations(table([])) == ()
    perfect = correlations(grid(lambda p: p["epochs"] / 10, epochs=[1, 2, 3, 4]))
    assert [(c.r, c.low, c.high) for c in perfect] == [(1, 1, 1)]
    three = correlations(grid(lambda p: p["epochs"] ** 2 / 10, epochs=[1, 2, 3]))
    assert math.isnan(three[0].low)


# Effects


def test_means_and_their_intervals():
    toy = grid(
        lambda p: {"sgd": 0.2, "adam": 0.5, "nadam": 0.6}[p["optimizer"]] + p["epochs"] / 100,
        optimizer=["sgd", "adam", "nadam"],
        epochs=[1, 2, 3, 4],
    )
    effect = {e.setting: e for e in effects(toy)}["optimizer"]
    assert [(m.level, m.configurations) for m in effect.means] == [
        ("adam", 4),
        ("nadam", 4),
        ("sgd", 4),
    ]
    values = [0.61, 0.62, 0.63, 0.64]
    nadam = effect.means[1]
    assert nadam.mean == pytest.approx(0.625)
    expected = stats.t.interval(0.95, 3, loc=0.625, scale=np.std(values, ddof=1) / 2)
    assert (nadam.low, nadam.high) == pytest.approx(expected)
    assert (effect.best.level, effect.worst.level) == ("nadam", "sgd")
    assert effect.difference == pytest.approx(0.4)
    # Kruskal-Wallis by hand: ranks 1-4, 5-8 and 9-12; then Holm over two settings.
    h = 12 / (12 * 13) * 4 * ((2.5 - 6.5) ** 2 + 0 + (10.5 - 6.5) ** 2)
    assert effect.p == pytest.approx(2 * math.exp(-h / 2))
    assert effect.clear
    # Welch with equal variances and sizes is Student's t with 6 degrees of freedom.
    error = math.sqrt(2 * np.var(values, ddof=1) / 4)
    half = stats.t.ppf(1 - 0.05 / 3 / 2, 6) * error
    assert (effect.low, effect.high) == pytest.approx((0.4 - half, 0.4 + half))


def test_the_best_value_of_a_loss_is_the_lowest():
    toy = replace(grid(lambda p: p["num_layers"]), metric=Metric("val_loss", "minimize"))
    effect = {e.setting: e for e in effects(toy)}["num_layers"]
    assert (effect.best.level, effect.worst.level, effect.difference) == ("1", "3", -2)
    assert (effect.low, effect.high) == (-2, -2)


def test_repeats_over_seeds_do_not_pass_for_more_configurations():
    generator = np.random.default_rng(5)
    points = [
        (dict(p), generator.uniform())
        for p in ({"epochs": e, "batch_size": b} for e, b in product((1, 2), range(1, 9)))
    ]
    once = of_values(points)
    often = of_values([({**p, "seed": s}, v) for p, v in points for s in range(20)])
    for one, many in zip(effects(once), effects(often), strict=True):
        assert (one.setting, many.p) == (many.setting, pytest.approx(one.p))
        assert [m.configurations for m in many.means] == [m.configurations for m in one.means]
        assert [m.low for m in many.means] == pytest.approx([m.low for m in one.means])
    assert [c.r for c in correlations(often)] == pytest.approx([c.r for c in correlations(once)])
    assert low_runs(often).of == 16


def test_values_with_fewer_than_three_configurations_are_not_compared():
    points = [({"optimizer": "adam", "epochs": e}, 0.1) for e in (1, 2)]
    points += [({"optimizer": "sgd", "epochs": e}, 0.9) for e in (3, 4)]
    assert all(e.p is None and not e.clear and e.best is None for e in effects(of_values(points)))
    lone = effects(of_values(points[:1] + points[2:]))[-1].means
    assert math.isnan(lone[0].low)


def test_noise_is_seldom_taken_for_an_effect():
    """Of 100 sweeps in which nothing matters, about one in twenty may have a clear effect."""
    wrong = sum(any(e.clear for e in effects(noise(seed))) for seed in range(100))
    assert wrong <= 10  # more has a chance of 1 % at a rate of 5 %


def test_the_interval_of_a_mean():
    assert interval([1.0, 3.0]) == pytest.approx(stats.t.interval(0.95, 1, 2, 1))
    assert all(map(math.isnan, interval([1.0])))


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
    assert trait.p == pytest.approx(11 * exact)  # 3 + 3 + 3 + 2 values were looked at
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


def test_noise_has_seldom_anything_in_common():
    def claims(seed: int) -> bool:
        toy = noise(seed)
        return bool(low_runs(toy).traits or top_runs(toy).traits)

    assert sum(map(claims, range(100))) <= 16  # two families at 5 %; more: 2 %


# Side by side


def test_two_values_with_all_else_equal():
    runs, gains = [], [0.02, 0.05, 0.03, 0.01, 0.04]
    for i, gain in enumerate(gains):
        runs.append(run(2 * i, 0.5 + i / 10, epochs=i + 1))
        runs.append(run(2 * i + 1, 0.5 + i / 10 + gain, epochs=i + 1, loss="mean_squared_error"))
    runs += [run(10, 0.9, epochs=9), run(11, None, epochs=8), run(12, 0.1, epochs=1, seed=7)]
    found = comparison(table(runs), "loss", "cross_entropy", "mean_squared_error")
    assert [(a.name, b.name) for a, b in found.pairs] == [
        ("run-8", "run-9"),
        ("run-6", "run-7"),
        ("run-4", "run-5"),
        ("run-2", "run-3"),
        ("run-0", "run-1"),
    ]
    assert found.difference == pytest.approx(np.mean(gains))
    expected = stats.ttest_1samp(gains, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.clear
    back = comparison(table(runs), "loss", "mean_squared_error", "cross_entropy")
    assert back.difference == pytest.approx(-found.difference)


def test_seeds_of_a_configuration_do_not_pass_for_configurations():
    runs = []
    gains = [0.02, 0.05, 0.03, 0.01, 0.04]
    for i, gain in enumerate(gains):
        for seed in range(3):
            shared = {"epochs": i + 1, "seed": seed}
            luck = (seed - 1) / 100
            runs.append(run(len(runs), 0.5, **shared))
            runs.append(run(len(runs), 0.5 + gain + luck, loss="mean_squared_error", **shared))
    found = comparison(table(runs), "loss", "cross_entropy", "mean_squared_error")
    assert (len(found.pairs), found.over, found.units) == (15, "configurations", 5)
    expected = stats.ttest_1samp(gains, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    # Of one configuration the seeds are all there is.
    one = comparison(table(runs[:6]), "loss", "cross_entropy", "mean_squared_error")
    assert (one.over, one.units, one.difference) == ("pairs", 3, pytest.approx(0.02))


def test_few_pairs_that_agree_are_not_clear():
    runs = [run(i, 0.5 + (i % 2) / 10, epochs=1 + i // 2, batch_size=16 << i % 2) for i in range(8)]
    found = comparison(table(runs), "batch_size", 16, 32)
    assert (len(found.pairs), found.difference) == (4, pytest.approx(0.1))
    assert found.low > 0
    assert not found.clear


def test_one_pair_has_no_interval_and_none_no_difference():
    runs = [run(0, 0.5), run(1, 0.6, loss="mean_squared_error")]
    one = comparison(table(runs), "loss", "cross_entropy", "mean_squared_error")
    assert one.difference == pytest.approx(0.1)
    assert math.isnan(one.low)
    assert not one.clear
    none = comparison(table(runs[:1]), "loss", "cross_entropy", "mean_squared_error")
    assert none.pairs == ()
    assert math.isnan(none.difference)


def test_a_group_of_equal_values_has_an_interval_without_a_warning():
    from dlsweep.report.statistics._effects import _welch

    low, high = _welch(np.array([0.1, 0.1, 0.1]), np.array([0.7, 0.8, 0.9]), 0.95)
    assert low < -0.7 < high < -0.4
