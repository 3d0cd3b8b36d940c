"""Runs are kept within the memory that there is."""

import dataclasses
import logging

import pytest

from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import describe
from dlsweep.training import free_memory, plan, refuse_oversized
from dlsweep.training.planning import members_that_fit


def stack_of(members, **settings):
    return [RunConfig(**settings, learning_rate=1e-3 / (i + 1)) for i in range(members)]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "hidden_size: a network of 2,000,797,000,010 weights takes "),
        ({"backend": "numpy"}, "hidden_size: "),
        ({"model": "cnn", "conv_layers": "8x3x3"}, "conv_layers, hidden_size: "),
    ],
)
def test_a_network_that_fits_nowhere_is_refused(settings, named):
    if free_memory("cpu") is None:
        pytest.skip("this system does not say how much memory it has")
    huge = RunConfig(dataset="mnist", num_layers=3, hidden_size=10**6, device="cpu", **settings)
    with pytest.raises(ConfigError) as refused:
        refuse_oversized(huge)
    [line] = refused.value.problems
    assert line.startswith(named)
    assert " GB and more to train; this machine has " in line
    refuse_oversized(dataclasses.replace(huge, hidden_size=100))


def shared(config):
    facts = describe(config)
    return sum((*facts.train, *facts.test)) * (4 * 28 * 28 + 8)


def test_as_many_members_as_fit_on_a_gpu():
    config = RunConfig(dataset="mnist", num_layers=1, hidden_size=512, batch_size=100)
    weights = 784 * 512 + 512 + 512 * 10 + 10
    # Adam remembers two numbers of each weight; the way back needs the values after the layer.
    each = 4 * weights * (7 + 2) + 2 * 100 * 4 * 512
    assert members_that_fit(config, shared(config) + 23 * each) == 23
    assert members_that_fit(config, shared(config) + 23 * each - 1) == 22
    assert members_that_fit(config, 1) == 1
    sgd = dataclasses.replace(config, optimizer="sgd")
    assert members_that_fit(sgd, shared(config) + 23 * each) > 23
    wide = dataclasses.replace(config, batch_size=10_000)
    assert members_that_fit(wide, shared(config) + 23 * each) < 12


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "cnn", "conv_layers": "8x3x3", "batch_norm": True, "dropout": 0.1},
        {"model": "tests.training.nets:Recurrent"},
        {"num_layers": 3, "hidden_size": 10**6},  # fits nowhere, and need not to be asked
    ],
    ids=["cnn", "own", "huge"],
)
def test_every_model_is_measured(settings):
    config = RunConfig(dataset="mnist", **settings)
    few, many = (members_that_fit(config, shared(config) + limit) for limit in (10**9, 10**10))
    assert few < many or ((few, many) == (1, 1) and settings.get("num_layers") == 3)


def test_a_plan_for_a_gpu_keeps_to_the_memory_and_says_so(caplog):
    configs = stack_of(10, dataset="mnist", num_layers=3, hidden_size=128)
    limit = 200_000_000 + shared(configs[0])
    fit = members_that_fit(configs[0], limit)
    assert fit > 1
    many = stack_of(2 * fit, dataset="mnist", num_layers=3, hidden_size=128)
    with caplog.at_level(logging.DEBUG, "dlsweep.training"):
        assert [len(stack) for stack in plan(many, None, limit, "cuda")] == [fit, fit]
        assert [len(stack) for stack in plan(many, 2, limit, "cuda")] == [2] * fit
        plan(many[:8], device="cpu")
        plan(many[:2], device="cuda")
    fits = f"more would not fit into {limit / 1e9:.1f} GB"
    reasons = [message.partition(": ")[2] for message in caplog.messages]
    assert reasons == [
        fits,
        "the most that was asked for",
        "its steps are too long to gain by more",
        "all that share its shapes",
    ]


def test_free_memory_is_shared_between_processes():
    free = free_memory("cpu")
    if free is None:
        pytest.skip("this system does not say how much memory is free")
    assert 10e6 < free < 1e14
    assert free_memory("cpu", 4) == pytest.approx(free / 4, rel=0.2)
