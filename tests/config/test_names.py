"""Settings under the names that sweep files from elsewhere give them."""

import json

import pytest

from dlsweep.config import (
    SETTINGS,
    ConfigError,
    RunConfig,
    canonical_value,
    parse_config,
    setting_name,
    unknown_setting,
)
from dlsweep.config.errors import fold


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("lr", "learning_rate"),
        ("Learning-Rate", "learning_rate"),
        ("learning.rate", "learning_rate"),
        ("LEARNINGRATE", "learning_rate"),
        ("hidden_layers", "num_layers"),
        ("num_hidden_layers", "num_layers"),
        ("hidden_layer_size", "hidden_size"),
        ("hidden_sizes", "hidden_size"),
        ("num_epochs", "epochs"),
        ("activation_function", "activation"),
        ("initializer", "weight_init"),
        ("weight_initialisation", "weight_init"),
        ("bs", "batch_size"),
        ("l2", "weight_decay"),
        ("w_d", "weight_decay"),
        ("loss_function", "loss"),
        ("optimiser", "optimizer"),
        ("optimizer.name", "optimizer"),
        ("optimizer.lr", "learning_rate"),
        ("patience", "early_stopping"),
        ("random_seed", "seed"),
        ("nonsense", None),
        ("model.nonsense", None),
        ("", None),
    ],
)
def test_names(key, name):
    assert setting_name(key) == name


@pytest.mark.parametrize("name", SETTINGS)
def test_every_alternative_name_means_one_setting_and_is_told(name):
    values = dict(OTHER)
    for also in SETTINGS[name].also:
        assert setting_name(also) == name
        config, notices = parse_config({also: values[name]})
        assert getattr(config, name) == getattr(RunConfig(**needed(name)), name)
        if fold(also) != fold(name):
            assert f"{also} was taken for {name}" in notices


OTHER = {
    "wandb_project": "p",
    "wandb_entity": "e",
    "dataset": "digits",
    "image_size": "64x48",
    "color": "true",
    "classes": "cat,dog",
    "skip_bad": True,
    "features": "alexnet",
    "features_weights": "random",
    "model": "cnn",
    "backend": "numpy",
    "epochs": 3,
    "batch_size": 5,
    "loss": "mean_squared_error",
    "optimizer": "nadam",
    "learning_rate": 0.5,
    "momentum": 0.5,
    "beta": 0.5,
    "beta1": 0.5,
    "beta2": 0.5,
    "epsilon": 0.5,
    "weight_decay": 0.5,
    "weight_init": "zeros",
    "num_layers": 1,
    "hidden_size": [5, 6, 7],
    "activation": "elu",
    "conv_layers": [{"channels": 3, "kernel": 2, "stride": 1}],
    "conv_activation": "tanh",
    "batch_norm": True,
    "dropout": 0.5,
    "dropout_at": "first",
    "augment": "flip",
    "lr_schedule": "step",
    "step_size": 2,
    "gamma": 0.5,
    "early_stopping": 2,
    "val_fraction": 0.5,
    "train_size": 100,
    "seed": 9,
    "device": "cpu",
    "figures": "full",
    "examples": 7,
    "log_every": 20,
    "projection": "pca",
    "projection_images": 50,
    "save_model": True,
    "classifier_size": [64, 32],
    "code_size": 5,
    "freeze": False,
    "init_scale": 0.5,
    "label_smoothing": 0.5,
    "pretrain_epochs": 3,
    "reconstruction_weight": 0.5,
}
"""For each setting a value that is not its default."""


def needed(name):
    """The other value of a setting, and what it cannot do without."""
    return {name: OTHER[name]}


def test_other_values_are_other():
    assert list(OTHER) == list(SETTINGS)
    default = RunConfig().as_dict()
    assert all(default[name] != value for name, value in OTHER.items())


@pytest.mark.parametrize("name", OTHER)
def test_as_dict_goes_round_through_parse_config_and_json(name):
    config = RunConfig(**needed(name))
    assert config.as_dict()[name] == OTHER[name]
    assert parse_config(config.as_dict()) == (config, [])
    assert parse_config(json.loads(json.dumps(config.as_dict()))) == (config, [])
    assert RunConfig(**config.as_dict()) == config
    assert hash(RunConfig(**config.as_dict())) == hash(config)


@pytest.mark.parametrize("sizes", [[], [5], [5, 6]])
def test_lists_of_sizes_go_round(sizes):
    config, _ = parse_config({"hidden_size": sizes})
    assert config.hidden_sizes == tuple(sizes)
    assert parse_config(json.loads(json.dumps(config.as_dict()))) == (config, [])


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("hidden_layers", [128, 64], "hidden_size"),
        ("hidden_layers", "128,64", "hidden_size"),
        ("hidden_layers", "128 64", "hidden_size"),
        ("hidden_layers", [64], "hidden_size"),
        ("hidden_layers", 3, "num_layers"),
        ("hidden_layers", "3", "num_layers"),
        ("layers", [8, 8], "hidden_size"),
    ],
)
def test_hidden_layers_are_a_number_or_a_list_of_sizes(key, value, name):
    config, notices = parse_config({key: value})
    assert notices == [f"{key} was taken for {name}"]
    expected, _ = parse_config({name: value})
    assert config == expected


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("alpha", "weight_decay in scikit-learn and the decay beta"),
        ("num_filters", "conv_layers"),
        ("kernel_size", "conv_layers"),
        ("iterations", "epochs"),
        ("num_workers", "nothing of the kind here"),
        ("model.test_size", "nothing of the kind here"),
        ("l_rat", "did you mean 'learning_rate'?"),
        ("optmizer", "did you mean 'optimizer'?"),
    ],
)
def test_hints_point_at_what_is_meant(key, said):
    with pytest.raises(ConfigError) as refused:
        parse_config({key: 1})
    (problem,) = refused.value.problems
    assert problem.startswith(f"{key}: ")
    assert said in problem


def test_words_in_other_spellings_are_told_where_their_letters_differ():
    config, notices = parse_config(
        {"Optimizer": "NAG", "weight_init": "Glorot", "activation": "ReLU", "loss": "Cross-Entropy"}
    )
    assert (config.optimizer, config.weight_init) == ("nesterov", "xavier")
    assert (config.activation, config.loss) == ("relu", "cross_entropy")
    assert notices == [
        "optimizer: NAG was taken for nesterov",
        "weight_init: Glorot was taken for xavier",
    ]


@pytest.mark.parametrize(
    "nested",
    [
        {"optimizer": {"name": "nadam", "lr": 0.5}},
        {"optimizer": {"type": "nadam", "learning_rate": 0.5}},
        {"training": {"optimizer": {"name": "nadam"}, "lr": 0.5}},
        {"optimizer.name": "nadam", "optimizer.lr": 0.5},
    ],
)
def test_nested_parameters(nested):
    config, notices = parse_config(nested)
    assert (config.optimizer, config.learning_rate) == ("nadam", 0.5)
    assert len(notices) == 2


def test_a_setting_given_twice():
    with pytest.raises(ConfigError, match="learning_rate is given twice"):
        parse_config({"lr": 0.1, "learning_rate": 0.2})
    config, _ = parse_config({"lr": "0.1", "learning_rate": 0.1})
    assert config.learning_rate == 0.1


def test_everything_that_is_wrong_is_told_at_once_with_the_nearest_name():
    with pytest.raises(ConfigError) as caught:
        parse_config(
            {
                "optimizr": "adam",
                "zzzzzzzz": 1,
                "lr": "fast",
                "epochs": 0,
                "activation": "reluu",
                "dropout": 1.0,
                "seed": 4,
            }
        )
    assert caught.value.problems == (
        "optimizr: no such setting; did you mean 'optimizer'?",
        "zzzzzzzz: no such setting; see `dlsweep train --help` for all of them",
        "learning_rate: got 'fast', expected a number ≥ 0",
        "epochs: got 0, expected an integer ≥ 1",
        "activation: got 'reluu', not a known choice; did you mean 'relu'?",
        "dropout: got 1.0, expected a number ≥ 0 and < 1",
    )
    assert str(caught.value).splitlines() == list(caught.value.problems)


def test_unknown_setting():
    assert unknown_setting("batchsiz") == "batchsiz: no such setting; did you mean 'batch_size'?"
    assert unknown_setting("model.optimizr").endswith("did you mean 'optimizer'?")


def test_canonical_value():
    assert canonical_value("optimizer", "NAG") == (
        "nesterov",
        "optimizer: NAG was taken for nesterov",
    )
    assert canonical_value("epochs", "3") == (3, None)
    assert canonical_value("device", "GPU") == ("cuda", "device: GPU was taken for cuda")
    assert canonical_value("device", "CUDA:1") == ("cuda:1", None)
    assert canonical_value("wandb_project", "My-Project") == ("My-Project", None)
    with pytest.raises(ConfigError, match="epochs: got -3"):
        canonical_value("epochs", -3)
