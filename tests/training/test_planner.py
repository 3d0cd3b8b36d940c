"""Which runs share a stack: all that may, and none that may not."""

import dataclasses
import functools

import numpy as np
import pytest

from dlsweep.config import SETTINGS, RunConfig
from dlsweep.config.choices import DROPOUT_PLACES, LR_SCHEDULES
from dlsweep.parts import ACTIVATIONS, BACKENDS, INITIALIZERS, LOSSES, OPTIMIZERS
from dlsweep.training import (
    Stack,
    cost,
    most_members,
    plan,
    stack_key,
    steps,
    train_stack,
)
from tests.training.helpers import SMALL_CNN, assert_same_run, digits, distances, small, train

# --- The key misses nothing ----------------------------------------------------------------------

# For every field another value, and the settings with which it makes a difference.
AUTOENCODER = {"model": "autoencoder", "epochs": 2}
OTHER_VALUES = {
    "wandb_project": ("other", {}),
    "wandb_entity": ("other", {}),
    "dataset": ("mnist", {}),
    "image_size": ("16x16", {}),
    "color": ("true", {}),
    "classes": ("1,2", {}),
    "skip_bad": (True, {}),
    "features": ("alexnet", {}),
    "features_weights": ("random", {"features": "alexnet"}),
    "model": ("cnn", {}),
    "backend": ("numpy", {}),
    "epochs": (2, {}),
    "batch_size": (13, {}),
    "loss": ("mean_squared_error", {}),
    "optimizer": ("sgd", {}),
    "learning_rate": (0.02, {}),
    "momentum": (0.5, {"optimizer": "nesterov"}),
    "beta": (0.5, {"optimizer": "rmsprop"}),
    "beta1": (0.5, {"optimizer": "nadam"}),
    "beta2": (0.5, {"optimizer": "adam"}),
    "epsilon": (0.1, {"optimizer": "adam"}),
    "weight_decay": (0.1, {}),
    "weight_init": ("xavier", {}),
    "num_layers": (1, {}),
    "hidden_size": ((9, 5), {}),
    "activation": ("tanh", {}),
    "conv_layers": ("3x3/1", SMALL_CNN),
    "conv_activation": ("tanh", SMALL_CNN),
    "batch_norm": (True, {}),
    "dropout": (0.5, {}),
    "dropout_at": ("first", {"dropout": 0.5}),
    "augment": ("flip", {}),
    "lr_schedule": ("cosine", {"epochs": 2}),
    "step_size": (2, {"lr_schedule": "step", "step_size": 1, "epochs": 2}),
    "gamma": (0.5, {"lr_schedule": "step", "step_size": 1, "epochs": 2}),
    "early_stopping": (1, {"learning_rate": 0.3, "epochs": 6}),
    "val_fraction": (0.2, {}),
    "train_size": (50, {}),
    "seed": (1, {}),
    "device": ("auto", {}),
    "figures": ("full", {}),
    "examples": (9, {}),
    "log_every": (20, {}),
    "projection": ("pca", {}),
    "projection_images": (50, {}),
    "save_model": (True, {}),
    "classifier_size": ((5,), AUTOENCODER),
    "code_size": (4, AUTOENCODER),
    "freeze": (False, AUTOENCODER),
    "init_scale": (0.5, {"weight_init": "random"}),
    "label_smoothing": (0.2, {}),
    "pretrain_epochs": (1, AUTOENCODER),
    "reconstruction_weight": (0.5, AUTOENCODER),
}
NO_EFFECT = {"wandb_project", "wandb_entity", "figures", "examples", "projection", "save_model"}
NO_EFFECT |= {"log_every", "projection_images"}
OTHER_DATA = {"dataset", "image_size", "color", "classes", "skip_bad"}
OTHER_DATA |= {"features", "features_weights"}
OTHER_DATA |= {"val_fraction", "train_size", "device"}
"""What decides which data the stack is given: not to be mixed, whatever the engine does."""


def test_there_is_another_value_for_every_field():
    assert list(OTHER_VALUES) == list(SETTINGS)


@functools.cache
def train_alone(config):
    return train(config, digits())


@pytest.mark.parametrize("base", [{}, SMALL_CNN, {"dropout": 0.3}, {"batch_norm": True}])
@pytest.mark.parametrize("field", OTHER_VALUES)
def test_runs_that_differ_in_one_field(field, base):
    value, needs = OTHER_VALUES[field]
    if field == "backend" and base:
        pytest.skip("the NumPy backend has none of this")
    if field in base:
        value = {"model": "feedforward", "num_layers": 3, "hidden_size": 5}.get(field, value)
    if field == "batch_norm" and "batch_norm" in base:
        value = False
    one = small(**base | needs)
    try:
        other = dataclasses.replace(one, **{field: value})
    except ValueError:  # two sizes for a cnn with a single layer
        other = dataclasses.replace(one, **{field: 9})
    assert one != other

    if stack_key(one) != stack_key(other):
        with pytest.raises(ValueError, match="cannot share a stack"):
            Stack([one, other], digits())
        assert plan([one, other]) == [[0], [1]]
        return

    assert field not in OTHER_DATA
    stacked = one.model == "feedforward"  # a CPU gains nothing by stacks of others
    assert plan([one, other]) == ([[0, 1]] if stacked else [[0], [1]])
    alone = [train_alone(one), train_alone(other)]
    for result, expected in zip(train_stack([other, one], digits()), alone[::-1], strict=True):
        assert_same_run(result, expected)
    apart = (
        len(alone[0].history) != len(alone[1].history)
        or alone[0].weights.keys() != alone[1].weights.keys()
        or any(d > 0 for d in distances(*alone).values())
    )
    assert apart == (field not in NO_EFFECT)


# --- Plans ---------------------------------------------------------------------------------------


def random_config(rng: np.random.Generator) -> RunConfig:
    """From a space small enough that many are stackable and some are equal."""

    def of(values):
        values = list(values)
        return values[rng.integers(len(values))]

    settings = {
        "backend": of([*BACKENDS, "torch", "torch"]),
        "optimizer": of(OPTIMIZERS),
        "loss": of(LOSSES),
        "activation": of(ACTIVATIONS),
        "weight_init": of(INITIALIZERS),
        "lr_schedule": of(LR_SCHEDULES),
        "num_layers": of([0, 1, 2]),
        "hidden_size": of([4, 6]),
        "batch_size": of([32, 64]),
        "seed": of([0, 1]),
        "epochs": of([1, 2]),
        "learning_rate": of([0.1, 0.001]),
    }
    if settings["backend"] == "torch":
        settings |= {
            "model": of(["feedforward", "feedforward", "cnn"]),
            "conv_layers": of(["3x3", "2x3"]),
            "batch_norm": of([False, True]),
            "dropout": of([0.0, 0.0, 0.2, 0.5]),
            "dropout_at": of(DROPOUT_PLACES),
        }
    if settings["backend"] == "sklearn":
        settings |= {name: of(values) for name, values in BACKENDS["sklearn"].only.items()}
    return small(**settings)


@pytest.mark.parametrize("seed", range(20))
def test_every_run_is_in_exactly_one_stack_that_takes_it(seed):
    rng = np.random.default_rng(seed)
    configs = [random_config(rng) for _ in range(rng.integers(1, 60))]
    most = int(rng.integers(1, 12))
    stacks = plan(configs, most)
    assert sorted(i for stack in stacks for i in stack) == list(range(len(configs)))
    assert all(stack == sorted(stack) for stack in stacks)
    assert all(1 <= len(stack) <= most for stack in stacks)
    for stack in stacks[:4]:
        assert Stack([configs[i] for i in stack], digits(20)).active == list(range(len(stack)))
    for stack in stacks:
        assert len(stack) == 1 or configs[stack[0]].backend != "numpy"


def test_stacks_are_as_few_as_their_size_allows():
    configs = [small(seed=i, learning_rate=0.1 / (i + 1)) for i in range(21)]
    assert [len(stack) for stack in plan(configs, 8)] == [7, 7, 7]
    assert [len(stack) for stack in plan(configs, 100, device="cuda")] == [21]
    assert [len(stack) for stack in plan(configs, 1)] == [1] * 21
    assert plan([]) == []
    assert max(len(stack) for stack in plan(configs)) > 1


@pytest.mark.parametrize(
    ("device", "name", "values"),
    [
        ("cuda", "optimizer", ("adam", "sgd")),
        ("cpu", "activation", ("relu", "tanh")),
        ("cpu", "epochs", (1, 2)),
        ("cuda", "epochs", (1, 2)),
    ],
)
def test_runs_that_share_operations_or_end_together_stand_in_one_stack(device, name, values):
    configs = [small(**{name: value}, seed=i) for i in range(4) for value in values]
    assert plan(configs, 4, device=device) == [[0, 2, 4, 6], [1, 3, 5, 7]]
    assert plan(configs, 8, device=device) == [list(range(8))]


@pytest.mark.parametrize(
    ("width", "batch", "sizes"),
    # What benchmarks/members.py and the planner's own measurements found the least time for.
    [(32, 16, [8]), (64, 64, [8]), (128, 16, [4, 4]), (128, 64, [1] * 8), (512, 16, [1] * 8)],
)
def test_stacks_that_gain_nothing_on_a_cpu_are_not_made(width, batch, sizes):
    configs = [
        RunConfig(num_layers=4, hidden_size=width, batch_size=batch, seed=i) for i in range(8)
    ]
    assert [len(stack) for stack in plan(configs)] == sizes
    assert [len(stack) for stack in plan(configs, 2)] == ([2] * 4 if sizes[0] > 1 else sizes)
    assert [len(stack) for stack in plan(configs, device="cuda")] == [8]


def test_on_a_cpu_what_is_trained_one_by_one_is_not_stacked():
    configs = [small(seed=i, **SMALL_CNN) for i in range(4)]
    assert plan(configs, 4) == [[0], [1], [2], [3]]
    assert plan(configs, 4, device="cuda") == [[0, 1, 2, 3]]
    own = [small(seed=i, model="tests.training.nets:Recurrent") for i in range(2)]
    assert plan(own) == [[0], [1]]
    assert plan(own, device="cuda") == [[0, 1]]


def test_networks_of_different_depths_stand_in_one_stack_where_their_widths_are_one():
    deep = [RunConfig(hidden_size=32, num_layers=3 + i % 3, seed=i) for i in range(6)]
    lists = [dataclasses.replace(config, hidden_size=(32,) * config.num_layers) for config in deep]
    assert plan(deep) == plan(lists) == [[*range(6)]]
    assert plan(deep, 2) == [[0, 3], [1, 4], [2, 5]]
    sizes = [RunConfig(num_layers=2, hidden_size=s) for s in ((32, 16), (32, 16), (32, 8))]
    assert plan(sizes) == [[0, 1], [2]]


def test_a_plan_is_a_function_of_the_list():
    rng = np.random.default_rng(3)
    configs = [random_config(rng) for _ in range(30)]
    assert plan(configs) == plan(configs)


def test_the_same_run_twice():
    assert plan([small(), small()]) == [[0, 1]]
    assert plan([small(backend="numpy"), small(backend="numpy")]) == [[0], [1]]


def test_numpy_runs_alone():
    with pytest.raises(ValueError, match="cannot share a stack"):
        Stack([small(backend="numpy"), small(backend="numpy")], digits())


def test_a_stack_of_none_is_refused():
    with pytest.raises(ValueError, match="cannot share a stack"):
        Stack([], digits())


def test_settings_of_a_model_that_is_not_used_do_not_part_runs():
    assert plan([small(), small(conv_layers="5x3")]) == [[0, 1]]
    assert plan([small(), small(dropout_at="first")]) == [[0, 1]]
    assert plan([small(hidden_size=7), small(hidden_size=[7, 7])]) == [[0, 1]]


def test_stacks_are_small_enough_to_keep_every_process_busy():
    assert most_members(12, 2) == 6
    assert most_members(3, 4) == 1
    assert most_members(1, 1) == 1
    assert most_members(0, 2) == 1


def test_steps_are_those_that_are_taken():
    assert steps(RunConfig(epochs=2, batch_size=64)) == 2 * 844
    assert steps(RunConfig(dataset="digits", train_size=100, batch_size=30, epochs=1)) == 4


def test_the_cost_of_a_run_grows_with_what_it_computes():
    base = RunConfig()
    assert cost(RunConfig(epochs=20)) == 2 * cost(base)
    assert cost(RunConfig(hidden_size=512)) > cost(base) > cost(RunConfig(hidden_size=64))
    assert cost(RunConfig(batch_size=16)) > cost(base)
    assert cost(RunConfig(train_size=6000)) < cost(base) / 8
    assert cost(RunConfig(num_layers=5)) > cost(base)
    # By hand: 784·20 + 20·10 and a convolution of 26²·9·32 products on one core.
    dense = RunConfig(num_layers=1, hidden_size=20)
    seconds = 6 * 64 * 15_880 / 100e9 + 28 * 15_910 / 50e9 + 4e-5
    assert cost(dense) == pytest.approx(8440 * seconds)
    layers = ({"channels": 32, "kernel": 3, "stride": 1},)
    cnn = RunConfig(model="cnn", conv_layers=layers, num_layers=0)
    values, dense = 26**2 * 32, 26**2 * 32 * 10
    arithmetic = 6 * 64 * (9 * values / 130e9 + dense / 100e9)
    seconds = arithmetic + 28 * (9 * 32 + 32 + dense + 10) / 50e9 + 7e-9 * 64 * values + 1e-3
    assert cost(cnn) == pytest.approx(8440 * seconds)
    more = dataclasses.replace(cnn, batch_norm=True, dropout=0.1)
    seconds += 2 * 2.7e-9 * 64 * values
    assert cost(more) == pytest.approx(8440 * seconds)
