"""Initial weights: the papers' statistics, and the from-scratch network's numbers."""

import math

import numpy as np
import pytest
import torch

from dlsweep import scratch
from dlsweep.config import RunConfig
from dlsweep.config.streams import weight_stream
from dlsweep.models import INITIALIZERS, build, initialize

FEEDFORWARD = {"hidden_size": [300, 200], "num_layers": 2}
CNN = {"model": "cnn", "conv_layers": "60x5x5,50x3x3/2", "hidden_size": 90, "num_layers": 1}


def weights(config, dtype=torch.float64):
    """The weights of each layer, and its (fan_in, fan_out)."""
    model = build(config, (1, 28, 28), 10, dtype=dtype)
    found = []
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any()
        else:
            out, inputs, *kernel = parameter.shape
            area = math.prod(kernel)
            found.append((parameter.detach().numpy(), (inputs * area, out * area)))
    return found


STATISTICS = {
    "random": lambda fan_in, fan_out: (0.05, math.inf),
    "xavier": lambda fan_in, fan_out: (
        math.sqrt(2 / (fan_in + fan_out)),
        math.sqrt(6 / (fan_in + fan_out)),
    ),
    "he": lambda fan_in, fan_out: (math.sqrt(2 / fan_in), math.inf),
    "zeros": lambda fan_in, fan_out: (0, 0),
}
"""For each initialiser the standard deviation and the largest value."""


@pytest.mark.parametrize("settings", [FEEDFORWARD, CNN], ids=["feedforward", "cnn"])
@pytest.mark.parametrize("name", INITIALIZERS)
def test_statistics(name, settings):
    for weight, fans in weights(RunConfig(weight_init=name, **settings)):
        std, largest = STATISTICS[name](*fans)
        error = 5 / math.sqrt(weight.size)
        assert abs(weight.mean()) <= error * std
        assert weight.std() == pytest.approx(std, rel=error)
        assert np.abs(weight).max() <= largest
        if name == "xavier":
            assert np.abs(weight).max() > 0.95 * largest
        if name in ("random", "he"):  # a normal distribution has tails and 68 % within one std
            assert np.mean(np.abs(weight) < std) == pytest.approx(0.683, abs=error)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", INITIALIZERS)
def test_linear_weights_are_the_from_scratch_networks(name, dtype):
    config = RunConfig(weight_init=name, seed=5, **FEEDFORWARD)
    network = scratch.Network(
        [784, 300, 200, 10],
        activation="relu",
        loss="cross_entropy",
        weight_init=name,
        seed=5,
        dtype=np.float64 if dtype == torch.float64 else np.float32,
    )
    for (ours, _), theirs in zip(weights(config, dtype), network.weights, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs.T)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializers_are_the_from_scratch_ones(name):
    ours = INITIALIZERS[name](weight_stream(1, 2), (20, 30), 20, 30)
    np.testing.assert_array_equal(ours, scratch.INITIALIZERS[name](weight_stream(1, 2), 20, 30))


@pytest.mark.parametrize("settings", [FEEDFORWARD, CNN], ids=["feedforward", "cnn"])
def test_seeds_and_layers_draw_their_own(settings):
    config = RunConfig(weight_init="random", **settings)
    drawn = [w.ravel()[:50] for w, _ in weights(config)]
    drawn += [w.ravel()[:50] for w, _ in weights(RunConfig(**config.as_dict() | {"seed": 1}))]
    assert len({tuple(w) for w in drawn}) == len(drawn)


def test_layers_that_come_later_do_not_change_the_first_ones_draws():
    few = weights(RunConfig(num_layers=1, hidden_size=20))
    many = weights(RunConfig(num_layers=3, hidden_size=20))
    np.testing.assert_array_equal(few[0][0], many[0][0])


def test_float32_weights_are_the_rounded_float64_ones():
    config = RunConfig(**CNN)
    for (a, _), (b, _) in zip(weights(config), weights(config, torch.float32), strict=True):
        np.testing.assert_array_equal(a.astype(np.float32), b)


def test_an_unknown_name_is_refused():
    with pytest.raises(KeyError):
        initialize(torch.nn.Linear(2, 2), "nonsense", 0)
