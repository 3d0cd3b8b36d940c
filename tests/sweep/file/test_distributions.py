"""Each distribution: its range, its steps, its law, and agreement with W&B's own sampler."""

from __future__ import annotations

import importlib
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import stats

from dlsweep import RunConfig
from dlsweep.sweep.file import DISTRIBUTIONS, Distribution, parse_sweep

U = [i / 1000 for i in range(1, 1000)]
LOG = {"min": 0.001, "max": 0.1}

# distribution: a setting that takes it, its arguments, smallest and largest value
CASES: dict[str, tuple[str, dict[str, Any], float, float]] = {
    "int_uniform": ("batch_size", {"min": 3, "max": 9}, 3, 9),
    "uniform": ("learning_rate", {"min": 0.25, "max": 0.75}, 0.25, 0.75),
    "q_uniform": ("learning_rate", {"min": 0.2, "max": 0.9, "q": 0.1}, 0.2, 0.9),
    "log_uniform": ("learning_rate", {"min": -7, "max": -2}, math.exp(-7), math.exp(-2)),
    "log_uniform_values": ("learning_rate", LOG, 0.001, 0.1),
    "inv_log_uniform": ("learning_rate", {"min": 2, "max": 7}, math.exp(-7), math.exp(-2)),
    "inv_log_uniform_values": ("learning_rate", LOG, 0.001, 0.1),
    "q_log_uniform": ("hidden_size", {"min": 2, "max": 5, "q": 8}, 8, 152 - 8),
    "q_log_uniform_values": ("hidden_size", {"min": 16, "max": 256, "q": 16}, 16, 256),
    "normal": ("learning_rate", {"mu": 5, "sigma": 1}, 0, 11),
    "q_normal": ("epochs", {"mu": 40, "sigma": 5, "q": 5}, 10, 70),
    "log_normal": ("learning_rate", {"mu": -5, "sigma": 1}, 0, 3),
    "q_log_normal": ("learning_rate", {"mu": 0, "sigma": 0.5, "q": 0.25}, 0, 20),
    "beta": ("dropout", {"a": 2, "b": 5}, 0, 1),
    "q_beta": ("learning_rate", {"a": 2, "b": 5, "q": 0.1}, 0, 1),
}
CHOICES: dict[str, tuple[str, dict[str, Any]]] = {
    "constant": ("epochs", {"value": 7}),
    "categorical": ("epochs", {"values": [1, 2, 5]}),
    "categorical_w_probabilities": (
        "epochs",
        {"values": [1, 2, 5], "probabilities": [0.5, 0.2, 0.3]},
    ),
}


def made(kind: str) -> tuple[str, Distribution]:
    setting, arguments = CASES[kind][:2] if kind in CASES else CHOICES[kind]
    spec = {"distribution": kind, **arguments}
    return setting, parse_sweep({"method": "random", "parameters": {setting: spec}}).parameters[
        setting
    ]


def test_every_distribution_is_tested() -> None:
    assert CASES.keys() | CHOICES.keys() == DISTRIBUTIONS.keys()


@pytest.mark.parametrize("kind", DISTRIBUTIONS)
def test_draws_make_configurations(kind: str) -> None:
    setting, distribution = made(kind)
    for u in U:
        value = distribution.quantile(u)
        assert getattr(RunConfig(**{setting: value}), setting) == value


@pytest.mark.parametrize("kind", CASES)
def test_range_and_order(kind: str) -> None:
    _, _, low, high = CASES[kind]
    distribution = made(kind)[1]
    values = [distribution.quantile(u) for u in U]
    assert low - 1e-12 <= values[0] < values[-1] <= high + 1e-12
    assert all(a <= b for a, b in pairwise(values))


@pytest.mark.parametrize("kind", [kind for kind in CASES if kind.startswith("q_")])
def test_steps(kind: str) -> None:
    q = CASES[kind][1]["q"]
    distribution = made(kind)[1]
    values = {distribution.quantile(u) for u in U}
    assert len(values) > 3
    for value in values:
        assert value == float(f"{round(value / q) * q:.12g}")


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        ("uniform", stats.uniform(0.25, 0.5)),
        ("log_uniform", stats.loguniform(math.exp(-7), math.exp(-2))),
        ("log_uniform_values", stats.loguniform(0.001, 0.1)),
        ("inv_log_uniform", stats.loguniform(math.exp(-7), math.exp(-2))),
        ("inv_log_uniform_values", stats.loguniform(0.001, 0.1)),
        ("normal", stats.norm(5, 1)),
        ("log_normal", stats.lognorm(1, scale=math.exp(-5))),
        ("beta", stats.beta(2, 5)),
    ],
)
def test_law(kind: str, law: Any) -> None:
    """Random points of a study follow the law (Kolmogorov-Smirnov, 2,000 draws)."""
    setting, arguments = CASES[kind][:2]
    sweep = parse_sweep(
        {"method": "random", "parameters": {setting: {"distribution": kind, **arguments}}}
    )
    drawn = [sweep.space.settings(sweep.space.random(1, index))[setting] for index in range(2000)]
    assert stats.kstest(drawn, law.cdf).pvalue > 0.01
    assert stats.kstest(np.asarray(drawn) * 1.25, law.cdf).pvalue < 0.01


@pytest.mark.parametrize(
    ("kind", "shares"),
    [
        ("categorical", {1: 1 / 3, 2: 1 / 3, 5: 1 / 3}),
        ("categorical_w_probabilities", {1: 0.5, 2: 0.2, 5: 0.3}),
        ("int_uniform", dict.fromkeys(range(3, 10), 1 / 7)),
        # The half steps at the ends are drawn half as often, as W&B's rounding has it.
        ("q_uniform", {0.2: 1 / 14, 0.9: 1 / 14, **{n / 10: 1 / 7 for n in range(3, 9)}}),
    ],
)
def test_shares(kind: str, shares: dict[Any, float]) -> None:
    distribution = made(kind)[1]
    grid = [(i + 0.5) / 10_000 for i in range(10_000)]
    drawn = [distribution.quantile(u) for u in grid]
    assert set(drawn) == shares.keys()
    for value, share in shares.items():
        assert drawn.count(value) / 10_000 == pytest.approx(share, abs=2e-4)


@pytest.mark.parametrize(
    "kind", ["categorical", "int_uniform", "q_uniform", "q_log_uniform_values"]
)
def test_support_is_what_is_drawn(kind: str) -> None:
    distribution = made(kind)[1]
    support = distribution.support()
    assert support is not None
    drawn = {distribution.quantile(i / 5000) for i in range(1, 5000)}
    assert drawn == set(support)


@pytest.mark.parametrize("kind", ["uniform", "normal", "q_normal", "log_uniform_values"])
def test_no_end_of_values(kind: str) -> None:
    assert made(kind)[1].support() is None


@pytest.mark.parametrize("kind", DISTRIBUTIONS)
def test_canonical_form(kind: str) -> None:
    setting, distribution = made(kind)
    again = parse_sweep({"method": "random", "parameters": {setting: distribution.as_dict()}})
    assert again.parameters[setting] == distribution


@pytest.mark.parametrize("kind", DISTRIBUTIONS)
def test_equals_wandb(kind: str) -> None:
    """W&B's own quantile functions, where its ``sweeps`` package (0.2.0) is installed."""
    pytest.importorskip("sweeps", reason="W&B's sweeps 0.2.0 is not a dependency")
    parameter = importlib.import_module("sweeps.params").HyperParameter
    setting, arguments = CASES[kind][:2] if kind in CASES else CHOICES[kind]
    spec = dict(arguments)
    if kind not in CHOICES:
        spec["distribution"] = kind
    theirs = parameter(setting, spec)
    distribution = made(kind)[1]
    for u in [0.0005 + i / 1000 for i in range(1000)]:
        assert distribution.quantile(u) == pytest.approx(theirs.ppf(u), rel=1e-9), u
