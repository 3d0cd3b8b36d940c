"""``RunConfig``: its defaults, and what settings demand of each other."""

import dataclasses
import pickle

import numpy as np
import pytest

from dlsweep.config import SETTINGS, ConfigError, ConvLayer, RunConfig
from dlsweep.config.choices import DATASETS
from dlsweep.config.relations import without_effect
from dlsweep.data._split import split_problems


def problems(**settings):
    with pytest.raises(ConfigError) as caught:
        RunConfig(**settings)
    return caught.value.problems


def test_every_field_is_a_setting_with_a_help_and_canonical_default():
    fields = dataclasses.fields(RunConfig)
    assert list(SETTINGS) == [f.name for f in fields]
    for f in fields:
        setting = SETTINGS[f.name]
        assert setting.help
        assert setting.values or setting.expects
        assert setting.parse(f.default) == f.default


def test_values_are_brought_to_their_canonical_spelling():
    config = RunConfig(optimizer="NAG", epochs="7", hidden_size=[5, 6, 7], conv_layers="4x3")
    assert (config.optimizer, config.epochs) == ("nesterov", 7)
    assert config.hidden_size == (5, 6, 7)
    assert config.conv_layers == (ConvLayer(4, 3, 1),)


def test_settings_that_are_not_there():
    assert problems(learning_rte=0.1, lr=1, epochs=0) == (
        "learning_rte: no such setting; did you mean 'learning_rate'?",
        "lr: no such setting; did you mean 'learning_rate'?",
    )
    assert pickle.loads(pickle.dumps(RunConfig(epochs=3))) == RunConfig(epochs=3)


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunConfig().epochs = 3


def test_all_wrong_values_are_told():
    found = problems(epochs=0, learning_rate=-1, optimizer="adm", hidden_size="many")
    assert [p.split(":")[0] for p in found] == [
        "epochs",
        "optimizer",
        "learning_rate",
        "hidden_size",
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("epochs", "batch_size", "num_layers", "hidden_size", "step_size", "early_stopping"),
        *("train_size", "seed", "examples"),
    ],
)
@pytest.mark.parametrize("value", [10**22, "9999999999999999999999", 1e22])
def test_whole_numbers_that_no_machine_could_use(name, value):
    (problem,) = problems(**{name: value})
    assert problem.startswith(f"{name}: got ")
    assert "expected an integer ≤ " in problem


def test_long_values_are_shown_short():
    (problem,) = problems(optimizer="x" * 500 + "\n")
    assert len(problem) < 200
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("settings", "sizes"),
    [
        ({"num_layers": 0}, ()),
        ({"num_layers": 3, "hidden_size": 5}, (5, 5, 5)),
        ({"num_layers": 2, "hidden_size": [5, 6]}, (5, 6)),
        ({"num_layers": 2, "hidden_size": [5]}, (5, 5)),
    ],
)
def test_hidden_sizes(settings, sizes):
    assert RunConfig(**settings).hidden_sizes == sizes


def test_as_many_sizes_as_layers():
    (problem,) = problems(hidden_size=[64, 32], num_layers=3)
    assert problem == (
        "hidden_size: got 2 sizes [64, 32] for num_layers 3; give one size, or one per hidden layer"
    )


@pytest.mark.parametrize(
    ("dataset", "conv_layers", "number"),
    [
        ("digits", "4x9x9", 1),
        ("digits", "4x5x5/2,4x3x3", 2),
        ("mnist", "4x5x5/2,4x5x5/2,4x4x4,4x2x2", 4),
        ("fashion_mnist", "4x29x29", 1),
    ],
)
def test_convolutions_that_shrink_the_image_to_nothing(dataset, conv_layers, number):
    (problem,) = problems(model="cnn", dataset=dataset, conv_layers=conv_layers)
    assert problem.startswith(f"conv_layers: convolution {number} ")
    RunConfig(model="feedforward", dataset=dataset, conv_layers=conv_layers)  # not looked at


@pytest.mark.parametrize(
    ("dataset", "conv_layers"),
    [("digits", "4x8x8"), ("digits", "4x5x5/2,4x2x2"), ("mnist", "16x5x5/2,8x3x3/1")],
)
def test_convolutions_that_fit(dataset, conv_layers):
    RunConfig(model="cnn", dataset=dataset, conv_layers=conv_layers)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"model": "cnn"}, ["model"]),
        ({"batch_norm": True}, ["batch_norm"]),
        ({"dropout": 0.1}, ["dropout"]),
        ({"device": "cuda:1"}, ["device"]),
        ({"model": "cnn", "dropout": 0.1, "batch_norm": True}, ["model", "batch_norm", "dropout"]),
    ],
)
def test_what_the_numpy_backend_does_not_do(settings, names):
    found = problems(backend="numpy", **settings)
    assert [p.split(":")[0] for p in found] == names
    RunConfig(backend="torch", **settings)


@pytest.mark.parametrize(
    ("values", "notices"),
    [
        ({}, []),
        ({"conv_layers": 1, "conv_activation": 1, "model": "cnn"}, []),
        (
            {"conv_layers": 1, "conv_activation": 1},
            ["conv_layers, conv_activation: no effect without model cnn"],
        ),
        ({"momentum": 1}, ["momentum: no effect without optimizer momentum or nesterov"]),
        (
            {"beta": 1, "epsilon": 1, "optimizer": "sgd"},
            [
                "beta: no effect without optimizer rmsprop",
                "epsilon: no effect without optimizer rmsprop or adam or nadam",
            ],
        ),
        ({"gamma": 1, "step_size": 1, "lr_schedule": "step"}, []),
        ({"gamma": 1, "step_size": 1}, ["step_size, gamma: no effect without lr_schedule step"]),
        ({"projection": 1}, ["projection: no effect without figures full"]),
    ],
)
def test_settings_without_effect(values, notices):
    occurring = {name: (default,) for name, default in vars(RunConfig()).items()}
    given = {name: (value,) for name, value in values.items()}
    assert without_effect(values, occurring | given) == notices


@pytest.mark.parametrize("name", DATASETS)
def test_splits_are_what_the_data_can_give(name):
    """As ``dlsweep.data`` sees it, which has the images."""
    labels = np.arange(DATASETS[name].train_images) % DATASETS[name].classes
    for fraction in (1e-9, 0.001, 0.007, 0.1, 0.5, 0.9, 0.99, 0.994, 0.9999, 1 - 1e-9):
        for size in (None, 10, 11, 100, 1_000, 5_000, 54_000, 54_001, 60_000):
            expected = split_problems(labels, DATASETS[name].classes, fraction, size)
            if expected:
                (problem,) = problems(dataset=name, val_fraction=fraction, train_size=size)
                assert problem.split(":")[0] == expected[0].split("=")[0]
            else:
                RunConfig(dataset=name, val_fraction=fraction, train_size=size)


def test_batch_norm_needs_batches_of_two():
    (problem,) = problems(batch_norm=True, batch_size=1)
    assert problem.startswith("batch_norm: ")
    RunConfig(batch_norm=True, batch_size=2)
    RunConfig(batch_size=1)
