"""Initial weights: the papers' statistics."""

import math

import numpy as np
import pytest
import torch

from dlsweep.config import RunConfig
from dlsweep.models import build
from dlsweep.parts import INITIALIZERS

FEEDFORWARD = {"hidden_size": [300, 200], "num_layers": 2}
CNN = {"model": "cnn", "conv_layers": "60x5x5,50x3x3/2", "hidden_size": 90, "num_layers": 1}


def weights(config, dtype=torch.float64):
    """The weights of each layer, and its (fan_in, fan_out)."""
    model = build(config, (1, 28, 28), 10, dtype=dtype)
    found = []
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert parameter.any() == (config.weight_init == "torch")
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
    "torch": lambda fan_in, fan_out: (math.sqrt(1 / (3 * fan_in)), math.sqrt(1 / fan_in)),
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
        if name in ("xavier", "torch"):
            assert np.abs(weight).max() > 0.95 * largest
        if name in ("random", "he"):  # a normal distribution has tails and 68 % within one std
            assert np.mean(np.abs(weight) < std) == pytest.approx(0.683, abs=error)


def test_the_standard_deviation_of_random_weights_is_a_setting():
    wide = weights(RunConfig(weight_init="random", init_scale=0.5, **FEEDFORWARD))
    narrow = weights(RunConfig(weight_init="random", **FEEDFORWARD))
    for (w, _), (n, _) in zip(wide, narrow, strict=True):
        np.testing.assert_allclose(w, n * 10, rtol=1e-12)


def test_torchs_own_begin_as_torchs_modules_do():
    """Biases too: as many of them lie in each tenth of their range."""
    config = RunConfig(weight_init="torch", num_layers=1, hidden_size=2_000)
    model = build(config, (1, 28, 28), 10)
    bias = model.hidden[0].weights.bias.detach() * math.sqrt(784)
    theirs = torch.nn.Linear(784, 2_000).bias.detach() * math.sqrt(784)
    for drawn in (bias, theirs):
        counts = torch.histc(drawn, 10, -1, 1)
        assert counts.sum() == 2_000
        assert (counts - 200).abs().max() < 75


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
