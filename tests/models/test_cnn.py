"""Convolutional networks given by their lists: shapes, layers and parameters."""

import pytest
import torch
from torch import nn

from dlsweep.config import RunConfig
from dlsweep.models import Activation, build
from tests.models.test_feedforward import kinds

SHAPE = (1, 28, 28)


def cnn(**settings):
    return RunConfig(model="cnn", **settings)


@pytest.mark.parametrize(
    ("conv_layers", "sizes", "inputs"),
    [
        ("16x5x5/2,8x3x3/1", [], 800),
        ("32x5x5/2,16x3x3,8x3x3", [256], 512),
        ("4x3x3", [], 4 * 26 * 26),
        ("4x28x28", [5], 4),
        ("2x3x3,2x3x3,2x3x3,2x3x3,2x3x3", [6, 7], 2 * 18 * 18),
        ("8x5x5/3,4x2x2/2", [], 4 * 4 * 4),
    ],
)
def test_sizes(conv_layers, sizes, inputs):
    config = cnn(conv_layers=conv_layers, hidden_size=sizes, num_layers=len(sizes))
    model = build(config, SHAPE, 10)
    images = torch.rand(3, *SHAPE)
    assert model(images).shape == (3, 10)
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    assert linear[0].in_features == inputs
    assert [m.out_features for m in linear] == [*sizes, 10]
    assert model.features(images).shape == (3, sizes[-1] if sizes else inputs)


def test_parameters():
    config = cnn(conv_layers="16x5x5/2,8x3x3/1", num_layers=0)
    convolutions = (16 * 25 + 16) + (8 * 16 * 9 + 8)
    count = sum(p.numel() for p in build(config, SHAPE, 10).parameters())
    assert count == convolutions + 800 * 10 + 10

    # A scale and a shift for each channel, and no bias before them.
    config = cnn(conv_layers="16x5x5/2,8x3x3/1", num_layers=0, batch_norm=True)
    count = sum(p.numel() for p in build(config, SHAPE, 10).parameters())
    assert count == convolutions + 16 + 8 + 800 * 10 + 10


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "CaCaLaL"),
        ({"batch_norm": True}, "CNaCNaLaL"),
        ({"dropout": 0.1}, "CadCadLadL"),
        ({"dropout": 0.1, "dropout_at": "first"}, "CadCaLaL"),
        ({"dropout": 0.1, "dropout_at": "last"}, "CaCaLadL"),
        ({"dropout": 0.1, "dropout_at": "both"}, "CadCaLadL"),
        ({"num_layers": 0, "batch_norm": True, "dropout": 0.2}, "CNadCNadL"),
    ],
)
def test_order_of_the_layers(settings, expected):
    config = cnn(**{"conv_layers": "3x3x3,2x3x3", "hidden_size": 4, "num_layers": 1} | settings)
    assert kinds(build(config, SHAPE, 10)) == expected


@pytest.mark.parametrize(("given", "expected"), [(None, "sigmoid"), ("elu", "elu")])
def test_activation_of_the_convolutions(given, expected):
    config = cnn(conv_layers="3x3x3", num_layers=1, activation="sigmoid", conv_activation=given)
    activations = [m for m in build(config, SHAPE, 10).modules() if isinstance(m, Activation)]
    assert [m.name for m in activations] == [expected, "sigmoid"]


@pytest.mark.parametrize("sides", [(5, 8), (28, 28), (13, 9)])
@pytest.mark.parametrize(
    "layer",
    ["4x1", "4x2/2", "4x5/3", "4x5p2", "4x3/2p1", "max2", "max3/2", "max3/1p1", "avg2", "avg4/3p2"],
)
def test_output_shapes_are_torchs(layer, sides):
    layers = cnn(conv_layers=f"3x1,{layer}").conv_layers
    images, shape, channels = torch.rand(2, 3, *sides), (3, *sides), 3
    for each in layers:
        images = each.module(channels, bias=True)(images)
        shape = channels, *_ = each.output_shape(shape)
        assert images.shape[1:] == shape


def test_pooling_has_neither_norm_nor_activation_nor_dropout():
    config = cnn(
        conv_layers="6x3x3p1,max2,4x3x3same,avg3/2",
        num_layers=1,
        batch_norm=True,
        dropout=0.1,
        dropout_at="all",
    )
    assert kinds(build(config, SHAPE, 10)) == "CNadMCNadALadL"


def test_average_pooling_counts_no_padding():
    (_, pool) = cnn(conv_layers="1x1,avg2/2p1").conv_layers
    assert torch.equal(pool.module(1, bias=True)(torch.ones(1, 1, 4, 4)), torch.ones(1, 1, 3, 3))
