"""What a report says, against tables in which the truth is known: above all, nothing more."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from dlsweep.report import RunsTable, joined, text
from dlsweep.report._words import amount, between, code, count, listed
from dlsweep.report.findings import lead
from dlsweep.report.text import suggest, suggestions
from dlsweep.sweep import Metric
from tests.report.hand_made import run, table

AXES: dict[str, list[Any]] = {
    "optimizer": ["sgd", "adam", "nadam"],
    "num_layers": [1, 2, 3],
    "batch_size": [16, 32, 64],
    "activation": ["relu", "tanh"],
}


def grid(score: Any, spread: float = 0.0, seed: int = 0) -> RunsTable:
    """54 runs, each with its score and some luck."""
    generator = np.random.default_rng(seed)
    points = [dict(zip(AXES, values, strict=True)) for values in product(*AXES.values())]
    luck = generator.normal(0, spread, len(points))
    return table(
        [
            run(i, float(score(p) + e), **p)
            for i, (p, e) in enumerate(zip(points, luck, strict=True))
        ]
    )


def optimizer_matters(point: dict[str, Any]) -> float:
    return {"sgd": 0.3, "adam": 0.8, "nadam": 0.85}[point["optimizer"]]


FEW = (
    "That is too few to say what they have in common: it takes 20 configurations in all, with 3 in "
    "the group and 3 outside it."
)
EVERYTHING = (
    text.overview,
    text.what_matters,
    text.best_run,
    text.low,
    text.high,
    text.in_common,
    text.failures,
    suggestions,
    text.methods,
)


# What is known is said, with its numbers


def test_the_setting_that_matters_is_named_with_its_numbers():
    effect, others = text.what_matters(grid(optimizer_matters, 0.01))
    assert effect.startswith("Optimizer matters: 85.")
    assert "on average with `nadam` (18 configurations), " in effect
    assert "with `sgd` (18): a difference of 5" in effect
    assert "points (95 % interval " in effect
    assert others.startswith("No clear effect of batch size, number of layers or activation: ")
    assert others.endswith("so they matter little, or there are too few runs to see it.")


def test_a_loss_is_minimized_and_its_numbers_are_no_percentages():
    toy = replace(grid(lambda p: p["num_layers"] / 2, 0.001), metric=Metric("val_loss", "minimize"))
    effect = text.what_matters(toy)[0]
    assert effect.startswith("Number of layers matters: 0.5")
    assert "on average with `1` (18 configurations), 1.5" in effect
    assert "points" not in effect
    assert "%" not in effect.replace("95 % interval", "")
    low, high = effect.split("95 % interval ")[1].rstrip(").").split(" to ")
    assert 0.99 < float(low) < 1 <= float(high) < 1.01


def test_the_best_run_and_how_sure_it_is():
    runs = [run(0, 0.7), run(1, 0.9, optimizer="nadam")]
    best = replace(
        runs[1], summary={"test_accuracy": 0.8768, "val_confusion": [[450, 50], [50, 450]]}
    )
    kept = {**best.summary, "best_epoch": 4, "best_val_accuracy": 0.912}
    assert text.best_run(table([runs[0], replace(best, summary=kept)]))[1] == (
        "The model that it kept is that of its best epoch, 4: 91.2 % on the validation images and "
        "87.7 % on the test images, which had no part in choosing it."
    )
    lines = text.best_run(table([runs[0], best]))
    assert lines == [
        "The best configuration, that of `run-1`, reaches **90.0 %** final validation accuracy "
        "(95 % interval 88.0 % to 91.7 % from 1,000 images).",
        "The model that it kept has an accuracy of 87.7 % on the test images, which had no part in "
        "choosing it.",
        "It was trained once, so how much of its lead is luck is not known.",
        "Its lead over the other one is beyond chance.",
    ]
    alone = (
        "The only configuration with a result, `run-1`, reaches **90.0 %** final validation "
        "accuracy (95 % interval 88.0 % to 91.7 % from 1,000 images)."
    )
    assert text.best_run(table([run(0), best])) == [alone, lines[1]]
    judged = Metric("best_val_accuracy")
    assert text.best_run(table(runs, judged))[0] == (
        "The best configuration, that of `run-1`, reaches **90.0 %** best validation accuracy."
    )


def test_what_poor_and_good_runs_have_in_common():
    toy = grid(optimizer_matters, 0.01)
    assert text.low(toy) == [
        "18 of 54 configurations are below 65.0 %.",
        "Optimizer `sgd`: 18 of these 18, against 18 of all 54.",
    ]
    first, *traits = text.high(toy)
    assert first.startswith("The best 6 of 54 configurations have at least 8")
    assert traits == ["Optimizer `nadam`: 6 of these 6, against 18 of all 54."]
    assert text.low(toy, 0.1) == ["No configuration is below 10.0 %."]


def test_failures_with_their_reasons():
    runs = [run(0, 0.5), run(1), run(2), replace(run(3), reason="no `memory`\nleft")]
    runs.append(run(4, None, "diverged"))
    assert text.failures(table(runs)) == [
        "3 runs failed: `it broke` (2), `no 'memory' left` (1).",
        "1 run diverged, of 1 configuration: the loss was no longer a finite number.",
        FEW,
    ]
    assert text.failures(table(runs[:1])) == ["No run failed or diverged, of 1 that ended."]


def test_the_overview():
    runs = [run(0, 0.5), run(1, 0.7, epochs=3), run(2, 0.9, epochs=3, seed=1), run(3), run(4)]
    assert text.overview(table(runs)) == [
        "5 runs: 3 finished and 2 failed. They differ in epochs.",
        "That is 2 configurations: runs that differ only in their seed, or in settings that had "
        "no effect, count as one, with the mean of its seeds.",
        "In final validation accuracy, the best single run has 90.0 %, the median is 70.0 % and "
        "the worst 50.0 %.",
    ]
    assert text.overview(table([])) == ["There are no runs yet."]
    assert text.overview(table([run(0)]))[1] == "None of them has a value of validation accuracy."


# Suggestions


def test_three_suggestions_with_their_evidence():
    toy = grid(
        lambda p: optimizer_matters(p) + 0.004 * p["num_layers"] + 0.001 * p["batch_size"] / 16
    )
    runs = [replace(r, summary={"parameters": 1000 * r.config["num_layers"]}) for r in toy.runs]
    found = suggest(replace(toy, runs=tuple(runs)))
    settings = [
        [s.configuration.get(name) for name in ("optimizer", "num_layers", "batch_size")]
        for s in found
    ]
    assert settings == [["nadam", 3, 64], ["adam", 3, 64], ["nadam", 1, 64]]
    assert [s.rank for s in found] == [1, 19, 13]
    assert found[0].why == "The best of 54 configurations"
    assert found[1].why + found[1].evidence == (
        "The best without optimizer `nadam`; the median of the 18 configurations with optimizer "
        "`adam` is 81.0 %"
    )
    assert found[2].why + found[2].evidence == (
        "The cheapest of the 14 within 1.0 points of the best, for 3.0 times less work (parameters "
        "times epochs)"
    )


def test_a_suggestion_is_a_command_for_other_data():
    lines = suggestions(grid(optimizer_matters))
    assert lines[0] == (
        "The best of 54 configurations: 85.0 % here (one seed). `dlsweep train --batch_size 16 "
        "--optimizer nadam --num_layers 1 --dataset YOURS`"
    )


# What is not known is not said


@pytest.mark.parametrize("seed", range(3))
def test_where_nothing_matters_nothing_is_claimed(seed: int):
    toy = grid(lambda p: 0.7, 0.1, seed)
    assert text.what_matters(toy) == [
        "No clear effect of batch size, optimizer, number of layers or activation: differences in "
        "final validation accuracy between their values are within chance, so they matter little, "
        "or there are too few runs to see it."
    ]
    nothing = "No value of a setting is more frequent among them than chance allows."
    assert text.low(toy)[1:] == [nothing]
    assert text.high(toy)[1:] == [nothing]


def test_with_too_few_runs_it_says_so():
    toy = table([run(i, 0.1 * i, epochs=i + 1, optimizer=["sgd", "adam"][i % 2]) for i in range(5)])
    assert text.what_matters(toy) == [
        "Too few runs to judge epochs or optimizer: a comparison takes 3 configurations for "
        "each of two values."
    ]
    assert text.low(toy)[1:] == [FEW]
    assert text.high(toy) == [
        "5 configurations are too few to describe the best of them: it takes 10."
    ]
    assert suggestions(toy) == [
        "Too few runs to suggest anything: 5 configurations have a result, and it takes 10."
    ]


RESULTS = [
    "None of them has a value of validation accuracy.",
    "In final validation accuracy, the one run with a result has 50.0 %.",
    "In final validation accuracy, of the two runs with a result one has 60.0 %, the other 50.0 %.",
    "In final validation accuracy, the best single run has 70.0 %, the median is 60.0 % and the "
    "worst 50.0 %.",
    "In final validation accuracy, the best single run has 80.0 %, the median is 65.0 % and the "
    "worst 50.0 %.",
]
IN_COMMON = [
    ["No configuration has a result."],
    ["The one configuration is below 65.0 %."],
    ["2 of 2 configurations are below 65.0 %."],
    ["2 of 3 configurations are below 65.0 %."],
    ["2 of 4 configurations are below 65.0 %."],
]


@pytest.mark.parametrize("n", range(5))
def test_what_is_said_of_very_few_runs(n: int):
    toy = table([run(0), *(run(i + 1, 0.5 + i / 10, epochs=i + 1) for i in range(n))])
    assert text.overview(toy)[-1] == RESULTS[n]
    few = f"{n} configurations are" if n > 1 else "One configuration is"
    end = [f"{few} too few to describe the best of them: it takes 10."]
    few = [FEW] if n > 1 else []
    assert text.in_common(toy) == IN_COMMON[n] + (end if n else []) + few


def test_what_holds_of_poor_and_good_runs_alike_is_said_once():
    toy = table([run(i, 0.31 + i / 20, epochs=i + 1) for i in range(12)])
    assert text.in_common(toy) == [
        "7 of 12 configurations are below 65.0 %.",
        "The best 5 of 12 configurations have at least 66.0 %.",
        FEW,
    ]
    large = grid(optimizer_matters, 0.01)
    assert text.in_common(large) == [" ".join(text.low(large)), " ".join(text.high(large))]
    assert text.high(grid(lambda p: 0.5))[0] == "All 54 configurations have 50.0 %."


def test_stopped_runs_are_counted_and_left_out():
    toy = table([run(0, 0.9), run(1, 0.5, "stopped", epochs=2)])
    assert text.overview(toy)[:2] == [
        "2 runs: 1 finished and 1 stopped. They differ in epochs.",
        "1 run was stopped before the last epoch and does not count in what is said of the "
        "settings.",
    ]
    assert text.overview(table([run(0, 0.9), run(1, 0.5)]))[0] == "2 runs, all finished."


def test_without_varied_settings_or_differences():
    same = table([run(i, 0.5, seed=i) for i in range(30)])
    assert text.what_matters(same) == [
        "The runs differ in no setting, so nothing can be said about what matters."
    ]
    [line] = text.what_matters(grid(lambda p: 0.5))
    assert line.startswith("No clear effect of")


@pytest.mark.parametrize("write", EVERYTHING, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "runs",
    [[], [run(0)], [run(0, 0.5)], [run(0, None, "diverged")], [run(0, None, "running")]],
    ids=["none", "failed", "one", "diverged", "running"],
)
def test_every_text_of_every_table_is_sentences(write: Any, runs: list[Any]):
    for metric in (Metric(), Metric("val_loss", "minimize")):
        lines = write(table(runs, metric))
        assert lines
        assert all(line[-1] in ".`" for line in lines)
        assert not any("nan" in line.lower() for line in lines)


# Words


def test_names_cannot_become_markup():
    assert code("a`<b>`\n c") == "`a'<b>' c`"


def test_numbers_as_they_are_written():
    toy, loss = table([]), table([], Metric("val_loss", "minimize"))
    assert (amount(toy, 0.8934), amount(loss, 0.8934567), amount(toy, None)) == (
        "89.3 %",
        "0.8935",
        "none",
    )
    assert between(toy, 0.001, 0.0234) == "95 % interval 0.1 to 2.3"
    assert [count(1, "run"), count(1200, "run"), count(2, "was", "were")] == [
        "1 run",
        "1,200 runs",
        "2 were",
    ]
    assert [listed([]), listed(["a"]), listed(["a", "b", "c"], "or")] == ["", "a", "a, b or c"]


def test_runs_beside_the_sweep_repeat_and_compare_and_are_left_out_otherwise():
    sweep = grid(optimizer_matters, 0.01)
    best = lead(sweep)
    assert best is not None
    settings = {name: best.config[name] for name in AXES}
    losses = ("cross_entropy", "mean_squared_error")
    more = [
        run(100 + i, 0.2 + i / 100, seed=seed, loss=loss, **settings)
        for i, (loss, seed) in enumerate(product(losses, range(5)))
    ]
    whole = joined(sweep, table(more))
    assert len(whole.runs) == 54 + 9  # the best with seed 0 was there already
    for write in (text.what_matters, text.low, text.high):
        assert write(whole) == write(sweep)
    assert "9 more runs were trained beside the sweep" in " ".join(text.overview(whole))
    told = text.compared(whole, "loss", *losses)
    assert "on average over the 5 seeds that both have (95 % interval" in told[1]
