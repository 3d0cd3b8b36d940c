"""Fully connected networks: shapes, layers and parameters."""

import itertools
import math

import pytest
import torch
from torch import nn

from dlsweep.config import RunConfig
from dlsweep.models import Activation, Dropout, build

SHAPE = (1, 28, 28)


def kinds(model):
    """The layers in their order, as letters."""
    letters = {
        nn.Linear: "L",
        nn.Conv2d: "C",
        nn.MaxPool2d: "M",
        nn.AvgPool2d: "A",
        nn.BatchNorm1d: "N",
        nn.BatchNorm2d: "N",
        Activation: "a",
        Dropout: "d",
    }
    return "".join(letters[type(m)] for m in model.modules() if type(m) in letters)


@pytest.mark.parametrize("sizes", [[], [5], [192], [128, 64], [7, 9, 8, 6, 5]])
@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 8, 8), (3, 5, 7)])
def test_shapes_and_parameters(sizes, shape):
    config = RunConfig(hidden_size=sizes, num_layers=len(sizes))
    model = build(config, shape, 10)
    images = torch.rand(4, *shape)
    assert model(images).shape == (4, 10)
    widths = [math.prod(shape), *sizes, 10]
    assert model.features(images).shape == (4, widths[-2])
    expected = sum((a + 1) * b for a, b in itertools.pairwise(widths))
    assert sum(p.numel() for p in model.parameters()) == expected


def test_one_size_for_all_layers():
    model = build(RunConfig(hidden_size=16, num_layers=4), SHAPE, 10)
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    assert [m.out_features for m in linear] == [16, 16, 16, 16, 10]


def test_logits_are_those_of_the_matrices():
    model = build(RunConfig(hidden_size=[6, 5], num_layers=2, activation="tanh"), (1, 3, 4), 3)
    images = torch.rand(2, 1, 3, 4)
    first, second, output = (m for m in model.modules() if isinstance(m, nn.Linear))
    x = images.reshape(2, 12)
    hidden = torch.tanh(torch.tanh(x @ first.weight.T) @ second.weight.T)
    torch.testing.assert_close(model(images), hidden @ output.weight.T)
    torch.testing.assert_close(model.features(images), hidden)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "LaLaLaL"),
        ({"num_layers": 0}, "L"),
        ({"batch_norm": True}, "LNaLNaLNaL"),
        ({"dropout": 0.1}, "LadLadLadL"),
        ({"dropout": 0.1, "dropout_at": "first"}, "LadLaLaL"),
        ({"dropout": 0.1, "dropout_at": "last"}, "LaLaLadL"),
        ({"dropout": 0.1, "dropout_at": "both"}, "LadLaLadL"),
        ({"dropout": 0.1, "dropout_at": "both", "num_layers": 1}, "LadL"),
        ({"dropout": 0.1, "num_layers": 0}, "L"),
        ({"dropout": 0.0, "dropout_at": "all"}, "LaLaLaL"),
        ({"batch_norm": True, "dropout": 0.1, "num_layers": 1}, "LNadL"),
    ],
)
def test_order_of_the_layers(settings, expected):
    assert kinds(build(RunConfig(hidden_size=4, **settings), SHAPE, 10)) == expected


def test_dropout_layers_have_masks_of_their_own():
    model = build(RunConfig(hidden_size=64, dropout=0.5), SHAPE, 10).train()
    dropouts = [m for m in model.modules() if isinstance(m, Dropout)]
    masks = [d(torch.ones(8, 64)) != 0 for d in dropouts]
    assert len(masks) == 3
    assert not any(torch.equal(a, b) for a, b in ((masks[0], masks[1]), (masks[1], masks[2])))


def test_batch_norm_takes_the_place_of_the_bias():
    model = build(RunConfig(hidden_size=4, num_layers=1, batch_norm=True), SHAPE, 10)
    names = [name for name, _ in model.named_parameters()]
    assert names == [
        "hidden.0.weights.weight",
        "hidden.0.norm.weight",
        "hidden.0.norm.bias",
        "output.weight",
        "output.bias",
    ]


@pytest.mark.parametrize("settings", [{}, {"model": "cnn"}], ids=["feedforward", "cnn"])
def test_building_leaves_the_random_states_alone(settings):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = build(RunConfig(hidden_size=8, **settings), SHAPE, 10)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    second = build(RunConfig(hidden_size=8, **settings), SHAPE, 10)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_type_of_the_weights(dtype):
    model = build(RunConfig(hidden_size=4, batch_norm=True, dropout=0.1), SHAPE, 10, dtype=dtype)
    assert {p.dtype for p in model.parameters()} == {dtype}
    assert model(torch.rand(2, *SHAPE, dtype=dtype)).dtype == dtype
