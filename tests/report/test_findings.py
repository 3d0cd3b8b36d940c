"""What is found in tables whose truth is known: it, nothing else, and the same in every rendering.

The tables: a value that ruins runs, an interaction, an optimum in the middle, noise alone, two
losses, three seeds each, everything at chance, one run, a program's seconds to be minimized.
"""

from __future__ import annotations

import html as markup
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from dlsweep.report import Online, RunsTable, joined, render_html, standard_report, text
from dlsweep.report.blocks import AllRuns, Effects, Importance
from dlsweep.report.findings import (
    VERDICTS,
    Findings,
    at_chance,
    contest,
    diverged_runs,
    find,
    low_runs,
    top_runs,
)
from dlsweep.sweep import Metric
from tests.report.hand_made import run, table
from tests.report.programs import program_run, program_table

AXES: dict[str, Sequence[Any]] = {
    "optimizer": ("sgd", "adam", "nadam"),
    "num_layers": (1, 2, 3),
    "batch_size": (16, 32, 64),
    "activation": ("relu", "tanh"),
}
IMAGES = 1000


def measured(number: int, value: float, images: int = IMAGES, **settings: Any) -> Any:
    """A run with a confusion matrix of ten equal classes and this accuracy; chance answers one."""
    each = images // 10
    counts = np.zeros((10, 10), dtype=int)
    if abs(value - 0.1) < 1e-9:
        counts[:, 3] = each
    else:
        hits = round(value * each)
        counts[:, 0] += each - hits
        counts[np.diag_indices(10)] += hits
    made = run(number, value, **settings)
    summary = {**made.summary, "val_confusion": counts.tolist(), "parameters": 1000}
    return replace(made, summary=summary)


def grid(
    score: Callable[[dict[str, Any]], float],
    spread: float = 0.02,
    axes: Mapping[str, Sequence[Any]] = AXES,
    seed: int = 0,
) -> RunsTable:
    """Every point of a grid with its accuracy, and luck for those that learn."""
    generator = np.random.default_rng(seed)
    runs = []
    for i, values in enumerate(product(*axes.values())):
        point = dict(zip(axes, values, strict=True))
        value = score(point)
        if value > 0.1:
            value = float(np.clip(value + generator.normal(0, spread), 0.12, 1))
        runs.append(measured(i, value, **point))
    return table(runs)


def verdicts(found: Findings) -> dict[str, str]:
    return {effect.setting: effect.verdict for effect in found.effects}


def renderings(toy: RunsTable, folder: Path) -> dict[str, dict[str, str]]:
    """The verdict of each setting as the three renderings of both blocks have it."""
    page = render_html(standard_report(), toy)
    rows = re.findall(r'<tr class="main"><th scope="row">(.*?)</th>.*?<td>([^<]*)</td></tr>', page)
    heads = re.findall(r"<section[^>]*><h3>([^<]*) <span[^>]*>([^<]*)</span></h3>", page)
    pytest.importorskip("wandb_workspaces.reports.v2")
    online = replace(toy, online=Online("team", "plants", "abc"))
    told = [b.text for block in (Importance(), Effects()) for b in block.wandb(online, [])]
    plain = Importance().markdown(toy, folder)

    def of(grid: str) -> dict[str, str]:
        lines = [line.strip("| ").split(" | ") for line in grid.splitlines() if "|" in line]
        return {line[0].strip("`"): line[1] for line in lines[2:]}

    return {
        "html, importance": {re.sub("<wbr>", "", markup.unescape(n)): v for n, v in rows},
        "html, effects": {markup.unescape(n): v for n, v in heads},
        "markdown": of(plain),
        "wandb, importance": of(told[0]),
        "wandb, effects": {n.replace("`", ""): v for n, v in of(told[1]).items()},
    }


def assert_one_verdict(toy: RunsTable, folder: Path) -> None:
    """All renderings have the verdicts of the findings, and no other."""
    found = {e.setting: VERDICTS[e.verdict] for e in find(toy).effects}
    shown = {toy.words(name): verdict for name, verdict in found.items()}
    for name, said in renderings(toy, folder).items():
        assert said in (shown, found), name
    told = " ".join(text.what_matters(toy))
    for name, verdict in verdicts(find(toy)).items():
        name = text.sentence(toy.words(name)) if toy.own else f"`{name}`"
        assert (f"{name} matters" in told) == (verdict == "matters")


# One value that ruins runs


def ruined(point: dict[str, Any]) -> float:
    if point["weight_decay"] == 0.5:
        return 0.1
    return {"sgd": 0.6, "adam": 0.8}[point["optimizer"]]


RUINED: dict[str, Sequence[Any]] = {
    "weight_decay": (0, 0.0005, 0.5),
    "optimizer": ("sgd", "adam"),
    "batch_size": (16, 32, 64),
    "num_layers": (1, 2, 3),
}


def test_a_value_that_ruins_runs_is_found_first_and_hides_nothing(tmp_path: Path):
    toy = grid(ruined, axes=RUINED)
    found = find(toy)
    [ruin] = found.ruins
    assert (ruin.setting, ruin.level, ruin.ruined, ruin.of) == ("weight_decay", "0.5", 18, 18)
    assert ruin.how == ("at chance",)
    assert verdicts(found) == {
        "weight_decay": "ruins",
        "optimizer": "matters",
        "batch_size": "unclear",
        "num_layers": "unclear",
    }
    assert found.judged == 36
    effect = found.effect("optimizer")
    assert effect.difference == pytest.approx(0.2, abs=0.02)
    assert 0.15 < effect.low < effect.difference < effect.high < 0.25
    assert found.chance is not None
    assert (found.chance.level, len(found.chance.runs), found.chance.of) == (0.1, 18, 54)
    assert len(found.chance.never) == 18
    assert found.interactions == ()
    told = text.what_matters(toy)
    assert told[0] == (
        "The settings are judged among the 36 configurations without weight decay `0.5`, which "
        "ruins runs by itself."
    )
    assert "Weight decay has no clear effect apart from `0.5`." in told
    assert text.in_common(toy)[0] == (
        "At chance, no better than always answering one class (10.0 %): 18 of 54 runs. Weight "
        "decay `0.5` alone explains 18 configurations of them."
    )
    assert text.failures(toy) == ["No run failed or diverged, of 54 that ended."]
    assert (
        "Weight decay `0.5` **never works:** all 18 configurations with it ended at chance."
        in text.answer(toy)
    )
    assert_one_verdict(toy, tmp_path)


def test_what_is_left_at_chance_has_its_own_traits():
    def score(point: dict[str, Any]) -> float:
        lost = point["activation"] == "sigmoid" and point["num_layers"] == 3
        return 0.1 if point["weight_decay"] == 0.5 or lost else 0.8

    axes = {**RUINED, "activation": ("sigmoid", "tanh")}
    toy = grid(score, axes=axes)
    group = at_chance(toy)
    assert (len(group.members), group.of) == (12, 72)
    assert {(t.setting, t.level) for t in group.traits} >= {("activation", "sigmoid")}
    assert [r.level for r in find(toy).ruins] == ["0.5"]
    assert "others at chance, against 36 of all 72 without weight decay `0.5`." in " ".join(
        text.guessing(toy)
    )


@pytest.mark.parametrize("status", ["diverged", "failed"])
def test_a_value_with_which_every_run_breaks_ruins_runs(status: str):
    runs = []
    for i, (rate, layers) in enumerate(product((0.1, 0.01, 0.001), range(1, 11))):
        value = None if rate == 0.1 else 0.8 + 0.001 * (i % 7)
        runs.append(
            run(i, value, status if value is None else "", learning_rate=rate, num_layers=layers)
        )
    [ruin] = find(table(runs)).ruins
    assert (ruin.setting, ruin.level, ruin.ruined, ruin.of) == ("learning_rate", "0.1", 10, 10)
    assert ruin.how == (status,)
    assert verdicts(find(table(runs)))["learning_rate"] == "ruins"


def test_the_end_of_a_range_that_ruins_runs():
    rates = np.geomspace(1e-4, 1, 40)
    runs = [
        measured(i, 0.1 if r > 0.1 else 0.8, learning_rate=float(r)) for i, r in enumerate(rates)
    ]
    [ruin] = find(table(runs)).ruins
    assert (ruin.setting, ruin.ruined, ruin.of) == ("learning_rate", 10, 10)
    assert re.fullmatch(r"0\.1\d* or more", ruin.level)
    assert "without learning rate of `0.1" in text.what_matters(table(runs))[0]


def test_the_answer_comes_first_and_names_what_the_evidence_names():
    toy = grid(ruined, axes=RUINED)
    best, group, matters, never, step = text.answer(toy)
    assert best.startswith("The best configuration has weight decay `0")
    assert "optimizer `adam`" in best
    assert "batch size" not in best
    assert "% to " in best
    assert re.match(r"\d+ others may be just as good: the differences are within chance", group)
    assert re.match(r"Weight decay matters most \(\d+ % of the variance\), then opt", matters)
    assert never.startswith("Weight decay `0.5` **never works:**")
    assert step in text.next_steps(toy)
    assert "`dlsweep repeat toy-1 --top" in step
    assert text.answer(table([])) == ["There are no runs yet."]


# An interaction, and an optimum in the middle


def test_an_interaction_is_named_with_the_pair_that_departs(tmp_path: Path):
    def score(point: dict[str, Any]) -> float:
        return 0.5 if point["optimizer"] == "sgd" and point["activation"] == "tanh" else 0.8

    toy = grid(score)
    found = find(toy)
    [pair] = found.interactions
    assert {pair.first, pair.second} == {"optimizer", "activation"}
    assert set(pair.levels) & {"sgd"}
    assert found.effect("optimizer").known
    assert found.effect("activation").known
    assert {verdicts(found)[name] for name in ("num_layers", "batch_size")} == {"unclear"}
    assert "ptimizer and activation act together" in " ".join(text.what_matters(toy))
    assert_one_verdict(toy, tmp_path)


def test_effects_that_cross_matter_together():
    """Neither setting makes a difference on average."""

    def score(point: dict[str, Any]) -> float:
        return 0.8 if (point["activation"] == "tanh") == (point["batch_norm"] is True) else 0.6

    axes = {"activation": ("relu", "tanh"), "batch_norm": (True, False), "epochs": range(1, 9)}
    found = find(grid(score, axes=axes))
    assert verdicts(found)["activation"] == verdicts(found)["batch_norm"] == "together"
    assert verdicts(found)["epochs"] in ("unclear", "unknown")
    assert found.explained > 0.9


@pytest.mark.parametrize("rates", [5, 40])
def test_an_optimum_in_the_middle_is_seen(rates: int, tmp_path: Path):
    axes = {
        "learning_rate": [float(r) for r in np.geomspace(1e-4, 1e-1, rates)],
        "activation": ("relu", "tanh"),
        **({"batch_size": (16, 32, 64)} if rates == 5 else {}),
    }
    toy = grid(lambda p: 0.9 - 0.1 * (math.log10(p["learning_rate"]) + 2.5) ** 2, 0.01, axes)
    effect = find(toy).effect("learning_rate")
    assert effect.verdict == "matters"
    assert effect.peak
    others = {v for name, v in verdicts(find(toy)).items() if name != "learning_rate"}
    assert others == {"unclear"}
    assert "The best value lies in the middle" in " ".join(text.what_matters(toy))
    assert_one_verdict(toy, tmp_path)


def test_no_optimum_in_the_middle_where_more_is_better():
    axes = {**AXES, "epochs": (1, 2, 3, 4, 5)}
    toy = grid(lambda p: 0.5 + 0.08 * p["epochs"], axes=axes)
    effect = find(toy).effect("epochs")
    assert (effect.verdict, effect.peak) == ("matters", False)
    assert effect.best is not None
    assert effect.best.level == "5"
    assert any(line.startswith("Epochs matter: ") for line in text.what_matters(toy))
    [step] = [step for step in text.steps(toy) if step.told.startswith("Try epochs above `5`")]
    assert step.told.endswith(": the best run has the largest value that was tried")
    assert "--epochs 6 " in step.command
    assert step.command.endswith("--study toy-1")


# Noise alone


def noise(seed: int) -> RunsTable:
    """A random search in which nothing matters: of any size, with any distribution of results."""
    g = np.random.default_rng(seed)
    n = int(g.choice([12, 20, 30, 54, 90]))
    values = [
        g.normal(0.7, 0.1, n),
        g.beta(8, 2, n),
        np.where(g.uniform(size=n) < 0.35, 0.1, g.normal(0.8, 0.05, n)),
        0.9 - g.exponential(0.05, n),
    ][g.integers(4)].clip(0.05, 1)
    runs = []
    for i, value in enumerate(values):
        status = "diverged" if g.uniform() < 0.05 else ""
        settings = {
            "optimizer": str(g.choice(["sgd", "adam", "nadam", "rmsprop"])),
            "num_layers": int(g.integers(1, 6)),
            "batch_size": int(g.choice([16, 32, 64])),
            "activation": str(g.choice(["relu", "tanh", "sigmoid"])),
            "learning_rate": float(10 ** g.uniform(-4, -1)),
            "weight_decay": float(g.choice([0, 0.0005, 0.5])),
        }
        runs.append(run(i, None if status else float(value), status, **settings))
    return table(runs)


def claims(toy: RunsTable) -> list[Any]:
    found = find(toy)
    groups = (low_runs(toy), top_runs(toy), at_chance(toy), diverged_runs(toy))
    known = [effect for effect in found.effects if effect.known]
    return [*known, *found.ruins, *found.interactions, *(t for g in groups for t in g.traits)]


def test_of_noise_at_most_one_report_in_twenty_claims_anything():
    wrong = sum(bool(claims(noise(seed))) for seed in range(60))
    assert wrong <= 3


def test_of_noise_every_rendering_says_that_nothing_is_known(tmp_path: Path):
    toy = grid(lambda p: 0.7, 0.05)
    assert set(verdicts(find(toy)).values()) == {"unclear"}
    assert find(toy).explained == 0
    [line] = text.what_matters(toy)
    assert line.startswith("No clear effect of ")
    assert_one_verdict(toy, tmp_path)


# Two losses


def two_losses() -> RunsTable:
    runs = []
    for i, (loss, epochs) in enumerate(product(("cross_entropy", "mean_squared_error"), range(12))):
        first = loss == "cross_entropy"
        made = run(i, 0.5 if first else 0.05, loss=loss, epochs=epochs + 1)
        accuracy = (0.8 if first else 0.7) + epochs / 1000
        runs.append(replace(made, history=[{"epoch": 1, "val_accuracy": accuracy}]))
    return table(runs, Metric("val_loss", "minimize"))


def test_losses_of_different_kinds_are_never_ranked(tmp_path: Path):
    toy = two_losses()
    assert (toy.replaced, toy.metric.name) == ("val_loss", "val_accuracy")
    best = find(toy).best
    assert best is not None
    assert best.run.config["loss"] == "cross_entropy"
    assert best.value == pytest.approx(0.811)
    [caution] = text.cautions(toy)
    assert caution.startswith("The sweep is judged by `val_loss`, **but its runs were trained with")
    assert caution.endswith("This report judges them by `val_accuracy` instead.")
    page = AllRuns().markdown(toy, tmp_path)
    assert "| 81.1 % |" in page
    assert "0.05 " not in page
    silent = [replace(r, history=[], summary={}) for r in two_losses().runs]
    unjudged = table([replace(r, value=0.5) for r in silent], Metric("val_loss", "minimize"))
    assert not unjudged.judged
    assert find(unjudged).best is None
    same = [replace(r, config={**r.config, "loss": "cross_entropy"}) for r in silent]
    kept = table([replace(r, value=0.5) for r in same], Metric("val_loss", "minimize"))
    assert (kept.metric.name, kept.replaced) == ("val_loss", "")


def test_a_metric_of_the_test_images_has_a_notice():
    toy = table([run(0, 0.5), run(1, 0.6)], Metric("test_accuracy"))
    [caution] = text.cautions(toy)
    assert caution.startswith("**The test data chose:** the runs are judged by `test_accuracy`")
    assert caution in text.answer(toy)
    assert text.cautions(table([run(0, 0.5)])) == []
    program = program_table([program_run(0, {}, 0.5)], Metric("test_accuracy"))
    assert text.cautions(program) == []


def test_two_losses_are_compared_each_at_its_best_over_equal_seeds():
    runs = [run(i, 0.6 + i / 100, epochs=i + 1) for i in range(4)]
    runs += [run(10 + s, 0.9 + s / 100, epochs=9, seed=s) for s in range(3)]
    mse = {"loss": "mean_squared_error"}
    runs += [run(20 + s, 0.85 + s / 90, epochs=5, seed=s, **mse) for s in range(3)]
    found = contest(table(runs), "loss", "cross_entropy", "mean_squared_error")
    assert found.tried == (5, 1)
    assert [(a.config["epochs"], b.config["epochs"]) for a, b in found.pairs] == [(9, 5)] * 3
    gains = [-0.05 + s / 90 - s / 100 for s in range(3)]
    assert found.difference == pytest.approx(np.mean(gains))
    expected = stats.ttest_1samp(gains, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.clear
    assert found.missing == ()
    lines = text.compared(table(runs), "loss", "cross_entropy", "mean_squared_error")
    assert lines[0] == (
        "Each at its best, the networks reach 91.0 % with loss `cross_entropy` (3 seeds, the best "
        "of 5 configurations) and 86.1 % with loss `mean_squared_error` (3 seeds, the best of 1 "
        "configuration)."
    )
    assert lines[1].startswith("Loss `mean_squared_error` is 4.9 points worse on average over the")
    assert lines[1].endswith(": beyond chance.")
    assert lines[2].startswith("Fewer configurations were tried with loss `mean_squared_error`")


def test_what_a_comparison_misses_is_printed_as_commands_that_close_the_gap():
    toy = table([run(0, 0.9, epochs=3, seed=4), run(1, 0.8, epochs=2, loss="mean_squared_error")])
    found = contest(toy, "loss", "cross_entropy", "mean_squared_error")
    wanted = [(c["loss"], c["epochs"], c["seed"]) for c in found.missing]
    assert len(wanted) == 4
    assert not found.clear
    lines = text.compared(toy, "loss", "cross_entropy", "mean_squared_error")
    assert lines[1] == "They share no seed: it takes 3 to tell a difference from chance."
    commands = [line.strip("`") for line in lines if line.startswith("`dlsweep train")]
    assert len(commands) == 4
    assert all(line.endswith(" --study toy-1") for line in commands)
    trained = [run(10 + i, 0.85, **{**c}) for i, c in enumerate(map(dict, found.missing))]
    whole = contest(table([*toy.runs, *trained]), "loss", "cross_entropy", "mean_squared_error")
    assert len(whole.pairs) == 3
    assert whole.missing == ()


# Seeds, and what cannot be told from the best


def test_configurations_are_ranked_by_their_means_over_seeds():
    lucky = [run(i, v, seed=i, epochs=1) for i, v in enumerate([0.95, 0.70, 0.75])]
    steady = [run(10 + i, v, seed=i, epochs=2) for i, v in enumerate([0.90, 0.89, 0.91])]
    poor = [run(20 + i, v, seed=i, epochs=3) for i, v in enumerate([0.20, 0.21, 0.22])]
    toy = table([*lucky, *steady, *poor])
    best = find(toy).best
    assert best is not None
    assert best.run.name == "run-10"  # the nearest to the mean
    assert (best.value, best.seeds, best.by) == (pytest.approx(0.9), 3, "seeds")
    half = float(stats.t.ppf(0.975, 2) * 0.01 / math.sqrt(3))
    assert (best.low, best.high) == pytest.approx((0.9 - half, 0.9 + half))
    assert [c.runs[0].name for c in best.group] == ["run-10", "run-0"]
    assert text.best_run(toy)[0] == (
        "The best configuration, that of `run-10`, reaches **90.0 %** final validation accuracy, "
        "the mean of 3 seeds (95 % interval 87.5 % to 92.5 %)."
    )
    assert "2 of 3 configurations may be the best" in " ".join(text.best_run(toy))
    assert 'data-best="' not in render_html(standard_report(), toy)


def test_two_seeds_have_no_interval_and_none_leaves_the_range():
    two = [run(i, v, seed=i, epochs=1) for i, v in enumerate([0.99, 0.5])]
    toy = table([*two, run(5, 0.4, epochs=2)])
    best = find(toy).best
    assert best is not None
    assert math.isnan(best.low)
    told = text.best_run(toy)[0]
    assert told.endswith("the mean of 2 seeds (too few for an interval: it takes 3).")
    assert "It was trained twice, so how much" in " ".join(text.best_run(toy))
    wide = find(table([run(i, v, seed=i) for i, v in enumerate([0.99, 0.98, 0.2])])).best
    assert wide is not None
    assert 0 <= wide.low < wide.high <= 1
    near = find(table([measured(0, 0.999), measured(1, 0.99, epochs=3)])).best
    assert near is not None
    assert near.by == "images"
    assert (near.low, near.high) == pytest.approx(
        tuple(stats.binomtest(999, 1000).proportion_ci(method="wilson"))
    )


def test_a_single_lucky_run_is_not_chosen_over_repeated_ones():
    often = [run(s, 0.90 + 0.02 * (s - 1), seed=s, epochs=1) for s in range(3)]
    once = run(9, 0.93, epochs=2)
    assert find(table([*often, once])).best.run.config["epochs"] == 1
    far = replace(once, value=0.999)
    steady = [replace(r, value=0.5 + 0.001 * i) for i, r in enumerate(often)]
    assert find(table([*steady, far])).best.run.config["epochs"] == 2


def test_without_seeds_the_images_say_which_are_as_good_and_the_simplest_is_named():
    values = {0.90: 5000, 0.895: 300, 0.89: 9000, 0.7: 10}
    runs = []
    for i, (value, size) in enumerate(values.items()):
        made = measured(i, value, epochs=i + 1)
        runs.append(replace(made, summary={**made.summary, "parameters": size}))
    best = find(table(runs)).best
    assert best is not None
    assert [c.value for c in best.group] == [0.90, 0.895, 0.89]
    assert best.simplest is not None
    assert best.simplest.value == 0.895
    told = " ".join(text.best_run(table(runs)))
    assert "3 of 4 configurations may be the best: the truly best is among them in 95 %" in told
    assert "The simplest of them is that of `run-1`, with 300 parameters and 89.5 %;" in told
    assert "It was trained once, so how much of its lead is luck is not known." in told
    assert "`dlsweep repeat toy-1 --top 3 --seeds 5`" in " ".join(text.next_steps(table(runs)))
    apart = find(table([measured(0, 0.9), measured(1, 0.5, epochs=2)])).best
    assert apart is not None
    assert len(apart.group) == 1


def test_a_configuration_is_judged_by_the_runs_that_did_not_choose_it():
    """The score that chose it is lucky: its runs beside the sweep say what it is worth."""
    sweep = table([run(0, 0.95, epochs=1), run(1, 0.90, epochs=2), run(2, 0.3, epochs=3)])
    again = [run(10 + s, 0.85 + s / 1000, epochs=1, seed=s) for s in (1, 2, 3)]
    again += [run(20 + s, 0.88 + s / 1000, epochs=2, seed=s) for s in (1, 2, 3)]
    best = find(joined(sweep, table(again))).best
    assert best is not None
    assert best.value == pytest.approx(0.882)
    assert (best.seeds, best.run.config["epochs"]) == (3, 2)
    few = find(joined(sweep, table(again[:2]))).best
    assert few is not None
    assert few.value in (pytest.approx((0.95 + 0.851 + 0.852) / 3), 0.90)


# Everything at chance, one run, nothing


def test_everything_at_chance_is_called_so(tmp_path: Path):
    toy = grid(lambda p: 0.1)
    found = find(toy)
    assert found.chance is not None
    assert len(found.chance.never) == found.chance.of == 54
    assert found.ruins == ()
    assert set(verdicts(found).values()) == {"unclear"}
    assert not claims(toy)
    assert text.answer(toy)[0] == (
        "**None of the 54 runs has learned anything:** the best is no better than always answering "
        "one class (10.0 %)."
    )
    assert text.failures(toy) == ["No run failed or diverged, of 54 that ended."]
    assert_one_verdict(toy, tmp_path)


def test_a_run_that_lost_what_it_had_learned_is_not_called_one_that_never_learned():
    made = measured(0, 0.1)
    epochs = [{"epoch": 1, "val_accuracy": 0.4}, {"epoch": 2, "val_accuracy": 0.1}]
    lost = replace(made, history=epochs)
    chance = find(table([lost, measured(1, 0.8, epochs=3)])).chance
    assert chance is not None
    assert (len(chance.runs), chance.never) == (1, ())
    told = text.guessing(table([lost, measured(1, 0.8, epochs=3)]))[0]
    assert told.endswith("1 of 2 runs; 1 of them was better in an earlier epoch.")


def test_chance_heeds_how_frequent_the_classes_are():
    made = run(0, 0.9)
    counts = [[900, 0], [100, 0]]
    toy = table([replace(made, summary={"val_confusion": counts})])
    chance = find(toy).chance
    assert chance is not None
    assert (chance.level, len(chance.runs)) == (0.9, 1)
    assert "always answering the most frequent class (90.0 %)" in text.guessing(toy)[0]
    learned = replace(made, value=0.95, summary={"val_confusion": [[880, 20], [30, 70]]})
    assert find(table([learned])).chance.runs == ()


def test_of_one_run_nothing_is_claimed(tmp_path: Path):
    toy = table([measured(0, 0.8)])
    found = find(toy)
    assert (found.configurations, found.effects, found.ruins) == (1, (), ())
    assert found.best is not None
    assert (found.best.of, found.best.by) == (1, "images")
    assert text.best_run(toy)[0].startswith("The only configuration with a result, `run-0`, ")
    [step] = text.steps(toy)
    assert step.command == "dlsweep repeat toy-1 --top 1 --seeds 5"
    assert render_html(standard_report(), toy)


# A program's metric


def seconds() -> RunsTable:
    metric = Metric("wall", "minimize")
    luck = np.random.default_rng(0).exponential(3, 40)
    runs = []
    for i, (threads, cache, size) in enumerate(product((1, 2, 4, 8), (True, False), range(5))):
        value = 120 / threads + float(luck[i])
        config = {"threads": threads, "cache": cache, "size": size}
        runs.append(program_run(i, config, value, metric.name))
    return program_table(runs, metric)


def test_a_programs_seconds_are_minimized_and_nothing_of_accuracy_is_said(tmp_path: Path):
    toy = seconds()
    found = find(toy)
    assert found.chance is None
    effect = found.effect("threads")
    assert effect.verdict == "matters"
    assert effect.best is not None
    assert effect.worst is not None
    assert (effect.best.level, effect.worst.level) == ("8", "1")
    assert effect.difference == pytest.approx(-105, abs=3)
    assert -113 < effect.low < -105 < effect.high < -97
    assert verdicts(found)["cache"] == "unclear"
    assert found.best is not None
    assert found.best.value == min(r.value for r in toy.runs if r.value is not None)
    assert found.best.group == ()  # nothing says how large chance is
    assert all(level.low >= 0 for e in found.effects for level in e.levels)
    told = " ".join([*text.overview(toy), *text.what_matters(toy), *text.best_run(toy)])
    assert "%" not in told.replace("95 % interval", "").split("Together")[0]
    assert_one_verdict(toy, tmp_path)


# What had no effect, and what is beside the sweep


def test_settings_that_had_no_effect_do_not_make_two_configurations():
    runs = [
        measured(i, 0.8 if dropout == 0 else 0.7 + i / 100, dropout=dropout, dropout_at=place)
        for i, (dropout, place) in enumerate(product((0.0, 0.25), ("all", "first", "last")))
    ]
    toy = table(runs)
    assert find(toy).configurations == 4
    assert [len(c.runs) for c in find(toy).valued] == [1, 1, 1, 1]
    assert "That is 4 configurations: runs that differ only in their seed, or in settings that" in (
        " ".join(text.overview(toy))
    )
    momentum = table([run(i, 0.8, momentum=m) for i, m in enumerate((0.8, 0.9, 0.99))])
    assert find(momentum).configurations == 1
    heeded = table(
        [run(i, 0.8, momentum=m, optimizer="momentum") for i, m in enumerate((0.8, 0.9))]
    )
    assert find(heeded).configurations == 2


def test_runs_beside_the_sweep_stand_in_their_place_without_a_number(tmp_path: Path):
    sweep = table([run(0, 0.9), run(1, 0.1, epochs=2)])
    whole = joined(sweep, table([run(2, 0.5, loss="mean_squared_error")]))
    rows = [line for line in AllRuns().markdown(whole, tmp_path).splitlines() if "`run-" in line]
    shown = [[cell.strip() for cell in row.strip("|").split("|")][:3] for row in rows]
    assert shown == [
        ["1", "`run-0`", "finished"],
        ["", "`run-2`", "finished, beside the sweep"],
        ["2", "`run-1`", "finished"],
    ]
    assert find(whole).configurations == 2
    told = text.overview(whole)
    assert told[0].startswith("2 runs, all finished.")
    assert told[1].startswith("1 more run was trained beside the sweep")
