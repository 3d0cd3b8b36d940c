"""The contract: a run's result is the one it has alone, whatever its neighbours in the stack."""

import functools
import itertools

import numpy as np
import pytest
import torch

from dlsweep.config.streams import dropout_key, epoch_order
from dlsweep.data import Dataset, Split
from dlsweep.models import Dropout
from dlsweep.training import Stack, train_stack
from tests.training.helpers import (
    DATA,
    FLOAT32_TOLERANCE,
    SMALL_CNN,
    assert_same_bits,
    assert_same_run,
    digits,
    small,
    train,
)

# Seven runs that differ in all that runs of a stack may differ in, the last of which diverges. The
# first four share a seed: stacks of one order and of several are both among the cases.
ZOO = (
    {"optimizer": "adam", "activation": "relu"},
    {"optimizer": "sgd", "activation": "tanh", "loss": "mean_squared_error", "learning_rate": 0.5},
    {"optimizer": "nadam", "activation": "sigmoid", "weight_init": "xavier", "weight_decay": 0.01},
    {"optimizer": "momentum", "activation": "elu", "weight_init": "random", "epochs": 3},
    {"optimizer": "rmsprop", "activation": "leaky_relu", "seed": 1, "lr_schedule": "cosine"},
    {
        "optimizer": "nesterov",
        "activation": "identity",
        "seed": 2,
        "weight_init": "zeros",
        "lr_schedule": "step",
        "step_size": 1,
        "gamma": 0.5,
        "early_stopping": 1,
        "epochs": 4,
    },
    {"optimizer": "momentum", "learning_rate": 1e300, "weight_decay": 1e10, "seed": 3},
)
DIVERGING = len(ZOO) - 1

MODELS = {
    "feedforward": {},
    "no_hidden_layer": {"num_layers": 0},
    "cnn": SMALL_CNN,
    "batch_norm": {"batch_norm": True},
    "cnn_batch_norm": SMALL_CNN | {"batch_norm": True},
    "dropout": {"dropout": 0.4, "dropout_at": "both"},
    "cnn_batch_norm_dropout": SMALL_CNN | {"batch_norm": True, "dropout": 0.3},
}

STACKS = {
    "one": [2],
    "two": [4, 1],
    "two_of_a_seed": [1, 0],
    "with_itself": [3, 3],
    "with_one_that_diverges": [DIVERGING, 1],
    "all": [0, 1, 2, 3, 4, 5, 6],
    "all_backwards": [6, 5, 4, 3, 2, 1, 0],
    "mixed_with_duplicates": [5, 0, 3, 5, 6, 2, 0],
}


def members(model, **settings):
    """The zoo with a model; each also drops units with a probability of its own."""
    common = {"epochs": 2} | MODELS[model]
    rate = common.get("dropout", 0.0)
    return [
        small(**common | ({"dropout": rate * (1 + i) / 4} if rate else {}) | member | settings)
        for i, member in enumerate(ZOO)
    ]


@functools.cache
def alone(model, i, dtype, train_size):
    return train(members(model)[i], digits(train_size, dtype))


# Every stack of the simplest and of the richest model, and two of each other's.
CASES = [
    (model, stack)
    for model in MODELS
    for stack in STACKS
    if model in ("feedforward", "cnn_batch_norm_dropout") or stack in ("two", "all")
]


@pytest.mark.parametrize(("model", "stack"), CASES)
def test_in_float64_to_rounding(model, stack):
    chosen = STACKS[stack]
    configs = members(model)
    together = train_stack([configs[i] for i in chosen], digits())
    for i, result in zip(chosen, together, strict=True):
        assert result.config is configs[i]
        assert_same_run(result, alone(model, i, torch.float64, 96))


def test_the_zoo_is_what_it_claims_to_be():
    results = [alone("feedforward", i, torch.float64, 96) for i in range(len(ZOO))]
    assert results[DIVERGING].status == "diverged"
    assert results[5].status == "early_stopped"
    assert len(results[3].history) == 3
    assert {r.status for r in results} == {"finished", "early_stopped", "diverged"}


@pytest.mark.parametrize("model", MODELS)
def test_in_float32_after_50_steps(model):
    configs = members(model, epochs=1, batch_size=8)
    if model != "feedforward":
        configs = [configs[i] for i in (0, 4, DIVERGING)]
    data = digits(400, torch.float32)
    for config, result in zip(configs, train_stack(configs, data), strict=True):
        expected = train(config, data)
        assert result.status == expected.status
        if result.status != "diverged":
            assert_same_run(result, expected, FLOAT32_TOLERANCE)


@pytest.mark.parametrize("name", DATA)
def test_on_other_images(name):
    data = DATA[name]()
    configs = members("feedforward", hidden_size=16) + members("feedforward", seed=7)
    for group in (configs[: len(ZOO)], configs[len(ZOO) :]):
        for config, result in zip(group, train_stack(group, data), strict=True):
            assert_same_run(result, train(config, data))


@pytest.mark.parametrize("model", ["cnn_batch_norm_dropout", "feedforward"])
def test_an_image_shape_that_is_not_square_with_three_channels(model):
    rng = np.random.default_rng(0)

    def split(count):
        images = torch.from_numpy(rng.random((count, 3, 7, 9)))
        return Split(images, torch.from_numpy(rng.integers(0, 4, count)))

    data = Dataset("digits", split(50), split(20), split(20), tuple("abcd"))
    configs = members(model)
    for config, result in zip(configs, train_stack(configs, data), strict=True):
        assert_same_run(result, train(config, data))


# --- Neighbours that leave -----------------------------------------------------------------------


def train_and_stop(configs, data, stop):
    """``stop``: by member, the epoch after which it is told to stop."""
    stack, results = Stack(configs, data), {}
    for number, end in enumerate(stack, start=1):
        results.update(end.results)
        for index, epoch in stop.items():
            if epoch == number:
                stack.stop(index, "pruned")
    return results


@pytest.mark.parametrize("model", ["feedforward", "cnn_batch_norm_dropout"])
def test_neighbours_that_are_stopped(model):
    configs = members(model, epochs=5, early_stopping=None)
    expected = [train(config, digits()) for config in configs]
    results = train_and_stop(configs, digits(), {0: 1, 3: 2, 5: 3})
    for i, result in results.items():
        if i not in (0, 3, 5):
            assert_same_run(result, expected[i])
    # Those that were stopped have what they came to until then.
    for i, epochs in {0: 2, 3: 3, 5: 4}.items():
        assert results[i].status == "pruned"
        assert len(results[i].history) == epochs
        assert [m.train_loss for m in results[i].history] == pytest.approx(
            [m.train_loss for m in expected[i].history[:epochs]], abs=1e-9
        )


def test_neighbours_that_leave_at_every_epoch():
    configs = members("dropout", early_stopping=None)
    settings = [{"epochs": e} for e in (4, 1, 3, 5, 2, 4, 6)]
    configs = [small(**c.as_dict() | s) for c, s in zip(configs, settings, strict=True)]
    for config, result in zip(configs, train_stack(configs, digits()), strict=True):
        assert_same_run(result, train(config, digits()))


def test_a_neighbour_that_diverges_later():
    late = small(optimizer="sgd", lr_schedule="step", step_size=2, gamma=1e300, epochs=6)
    configs = [small(seed=1, epochs=6), late, small(seed=2, epochs=6, optimizer="sgd")]
    results = train_stack(configs, digits())
    assert [r.status for r in results] == ["finished", "diverged", "finished"]
    assert len(results[1].history) == 3
    for config, result in zip(configs, results, strict=True):
        assert_same_run(result, train(config, digits()))


# --- Exactly -----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_initial_weights_exactly(model):
    # A learning rate of 0 leaves the weights as they were.
    configs = members(model, learning_rate=0.0, epochs=1)
    data = digits(20, torch.float32)
    for config, result in zip(configs, train_stack(configs, data), strict=True):
        expected = train(config, data)
        for name, weight in result.weights.items():
            if "running" not in name:
                np.testing.assert_array_equal(weight, expected.weights[name])
                assert weight.dtype == expected.weights[name].dtype


SIDE = 8
IMAGES = SIDE * SIDE


def one_pixel_images():
    """Image i has pixel i alone, so what a step did to column i of a weight is image i's doing."""
    images = torch.eye(IMAGES, dtype=torch.float64).view(IMAGES, 1, SIDE, SIDE)
    split = Split(images, torch.zeros(IMAGES, dtype=torch.int64))
    return Dataset("digits", split, split, split, ("a", "b", "c"))


PROBE = {"optimizer": "sgd", "learning_rate": 0.5, "activation": "identity"}


@pytest.mark.parametrize("batch_size", [8, 24, 64])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_batch_order_exactly(count, batch_size):
    seeds = [5, 0, 5, 11, 2, 0, 3][:count]
    configs = [
        small(**PROBE, num_layers=0, weight_init="zeros", batch_size=batch_size, seed=seed)
        for seed in seeds
    ]
    for seed, result in zip(seeds, train_stack(configs, one_pixel_images()), strict=True):
        # All images are of one class, which the bias learns step by step: what an image's own
        # pixel learns, times the size of its batch, tells the step at which it was visited.
        order = epoch_order(seed, 1, IMAGES)
        batches = [order[i : i + batch_size] for i in range(0, IMAGES, batch_size)]
        gains = [result.weights["output.weight"][0][batch] * len(batch) for batch in batches]
        assert all(np.ptp(gain) < 1e-12 for gain in gains)
        levels = [gain[0] for gain in gains]
        assert all(a > b + 1e-6 for a, b in itertools.pairwise(levels))


@pytest.mark.parametrize("batch_size", [24, 64])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_dropout_masks_exactly(count, batch_size):
    units, seeds = 32, [5, 0, 5, 11, 2, 0, 3][:count]
    rates = [0.5, 0.25, 0.1, 0.5, 0.9, 0.25, 0.75][:count]
    common = PROBE | {"num_layers": 1, "hidden_size": units, "batch_size": batch_size}
    configs = [small(**common, seed=s, dropout=p) for s, p in zip(seeds, rates, strict=True)]
    before = [small(**c.as_dict() | {"learning_rate": 0.0}) for c in configs]
    data = one_pixel_images()
    for config, first, last in zip(
        configs, train_stack(before, data), train_stack(configs, data), strict=True
    ):
        # Pixel i reaches unit u in image i alone: the weight between them moved if it was kept.
        name = "hidden.0.weights.weight"
        kept = (first.weights[name] != last.weights[name]).T
        dropout = Dropout(config.dropout, dropout_key(config.seed), 0).train()
        order = epoch_order(config.seed, 1, IMAGES)
        for start in range(0, IMAGES, batch_size):
            batch = order[start : start + batch_size]
            expected = dropout(torch.ones(len(batch), units)).numpy() != 0
            np.testing.assert_array_equal(kept[batch], expected)


@pytest.mark.parametrize("model", MODELS)
def test_twice_is_the_same_bits(model):
    configs = members(model)
    data = digits(96, torch.float32)
    for a, b in zip(train_stack(configs, data), train_stack(configs, data), strict=True):
        assert_same_bits(a, b)
    assert_same_bits(train(configs[0], data), train(configs[0], data))


def test_numpy_twice_is_the_same_bits():
    config = small(backend="numpy", epochs=2)
    data = digits(96, torch.float32)
    assert_same_bits(train(config, data), train(config, data))


def test_the_seed_is_not_without_effect():
    a, b = (train(small(seed=seed), digits()) for seed in (0, 1))
    assert not np.array_equal(a.weights["output.weight"], b.weights["output.weight"])


def test_training_leaves_the_global_random_states_alone():
    torch.manual_seed(1)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    train_stack(members("cnn_batch_norm_dropout"), digits())
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)


def test_the_global_random_state_has_no_effect():
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        results.append(train_stack(members("dropout"), digits(96, torch.float32)))
    for a, b in zip(*results, strict=True):
        assert_same_bits(a, b)


@pytest.mark.parametrize("sizes", [1, [1, 3], [3, 1]], ids=str)
@pytest.mark.parametrize("batch_norm", [True, False])
def test_layers_of_one_unit(sizes, batch_norm):
    configs = [
        small(hidden_size=sizes, batch_norm=batch_norm, optimizer=optimizer, epochs=2)
        for optimizer in ("sgd", "adam", "rmsprop")
    ]
    for config, result in zip(configs, train_stack(configs, digits()), strict=True):
        assert_same_run(result, train(config, digits()))
