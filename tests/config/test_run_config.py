"""``RunConfig``: its defaults, and what settings demand of each other."""

import dataclasses
import pickle

import pytest

from dlsweep.config import SETTINGS, ConfigError, RunConfig
from dlsweep.config.relations import without_effect
from dlsweep.parts import Conv


def problems(**settings):
    with pytest.raises(ConfigError) as caught:
        RunConfig(**settings)
    return caught.value.problems


def test_every_setting_has_a_help_and_a_canonical_default():
    for name, setting in SETTINGS.items():
        assert setting.help
        assert setting.values or setting.expects
        assert setting.parse(RunConfig()[name]) == RunConfig()[name]


def test_values_are_brought_to_their_canonical_spelling():
    config = RunConfig(optimizer="NAG", epochs="7", hidden_size=[5, 6, 7], conv_layers="4x3")
    assert (config.optimizer, config.epochs) == ("nesterov", 7)
    assert config.hidden_size == (5, 6, 7)
    assert config.conv_layers == (Conv(4, 3, 1),)


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
        ({"num_layers": 1, "hidden_size": [5]}, (5,)),
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
                "beta: no effect without optimizer adadelta or rmsprop",
                "epsilon: no effect without optimizer adadelta or adagrad or adam or adamw or "
                "nadam or rmsprop",
            ],
        ),
        ({"gamma": 1, "step_size": 1, "lr_schedule": "step"}, []),
        ({"gamma": 1, "step_size": 1}, ["step_size, gamma: no effect without lr_schedule step"]),
        ({"projection": 1}, ["projection: no effect without figures full"]),
    ],
)
def test_settings_without_effect(values, notices):
    occurring = {name: (default,) for name, default in RunConfig().values().items()}
    given = {name: (value,) for name, value in values.items()}
    assert without_effect(values, occurring | given) == notices


def test_batch_norm_needs_batches_of_two():
    (problem,) = problems(batch_norm=True, batch_size=1)
    assert problem.startswith("batch_norm: ")
    RunConfig(batch_norm=True, batch_size=2)
    RunConfig(batch_size=1)
