"""scikit-learn's MLPClassifier and the engine are the same computation where both define one."""

import dataclasses

import numpy as np
import pytest
import sklearn.neural_network
import torch

from dlsweep import parts
from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import Split
from dlsweep.training import Stack, TrainedModel
from tests.training.helpers import assert_same_bits, assert_same_run, digits, small, train

SKLEARN = parts.BACKENDS["sklearn"]
SETTINGS = {
    "momentum": 0.8,
    "beta1": 0.85,
    "beta2": 0.99,
    "epsilon": 1e-4,  # large enough to show where it is added
    "weight_init": "torch",
    "seed": 3,
    "activation": "tanh",
}


def all_three(data, **settings):
    backends = ("sklearn", "torch", "numpy")
    return [train(small(**SETTINGS | settings, backend=b), data) for b in backends]


@pytest.mark.parametrize("activation", SKLEARN.only["activation"])
@pytest.mark.parametrize("optimizer", SKLEARN.only["optimizer"])
def test_three_witnesses(optimizer, activation):
    witness, engine, scratch = all_three(
        digits(),
        optimizer=optimizer,
        activation=activation,
        epochs=3,
        lr_schedule="step",
        step_size=1,
        gamma=0.3,
    )
    assert_same_run(witness, engine)
    assert_same_run(witness, scratch)
    assert len(witness.history) == 3
    assert witness.history[2].train_loss < witness.history[0].train_loss


@pytest.mark.parametrize(
    "settings",
    [
        {"num_layers": 0},
        {"num_layers": 3, "hidden_size": [9, 5, 8]},
        {"batch_size": 1},
        {"batch_size": 1000},  # one step; scikit-learn would take 200 images at a time
        {"lr_schedule": "cosine", "epochs": 4, "optimizer": "nesterov"},
        {"weight_init": "zeros", "activation": "sigmoid"},
    ],
)
def test_sizes_and_schedules(settings):
    witness, engine, _ = all_three(digits(300), **settings)
    assert_same_run(witness, engine)


def test_in_float32():
    witness, engine, _ = all_three(digits(dtype=torch.float32), epochs=2)
    assert witness.weights["output.weight"].dtype == np.float32
    assert_same_run(witness, engine, tolerance=1e-4)


def test_two_classes():
    """Which scikit-learn by itself would train as one output."""

    def only_two(split):
        chosen = split.labels < 2
        return Split(split.images[chosen], split.labels[chosen])

    data = digits()
    splits = {name: only_two(getattr(data, name)) for name in ("train", "val", "test")}
    two = dataclasses.replace(data, **splits, classes=data.classes[:2])
    witness, engine, _ = all_three(two, epochs=2)
    assert witness.weights["output.bias"].shape == (2,)
    assert_same_run(witness, engine)


@pytest.mark.parametrize("batch_size", [96, 20])
def test_weight_decay_spares_the_biases_and_nothing_else(batch_size):
    settings = {"optimizer": "sgd", "weight_decay": 0.5, "batch_size": batch_size}
    witness, engine, _ = all_three(digits(), **settings)
    start, _, _ = all_three(digits(), learning_rate=0.0)
    without, _, _ = all_three(digits(), **settings | {"weight_decay": 0.0})
    for name, weight in witness.weights.items():
        if name.endswith("weight"):
            assert np.abs(weight - without.weights[name]).max() > 1e-4
        if batch_size == 96:  # one step: what differs is that step's penalty on the biases
            penalty = 0.01 * 0.5 * start.weights[name] * name.endswith("bias")
            np.testing.assert_allclose(weight - penalty, engine.weights[name], rtol=0, atol=1e-12)


def test_weight_decay_is_torchs_on_the_weights_alone():
    """All batches, the last of 16 images: held to torch.optim without a penalty on biases."""
    config = small(**SETTINGS | {"weight_decay": 0.1, "backend": "sklearn", "optimizer": "adam"})
    data = digits()
    witness = train(config, data)
    start = train(dataclasses.replace(config, learning_rate=0.0), data)
    model = TrainedModel(config, start.weights, data.image_shape, data.classes).module.train()
    weights = [p for p in model.parameters() if p.ndim == 2]
    biases = [p for p in model.parameters() if p.ndim == 1]
    rule = torch.optim.Adam(
        [{"params": weights, "weight_decay": 0.1}, {"params": biases}],
        lr=0.01,
        betas=(0.85, 0.99),
        eps=1e-4,
    )
    from dlsweep.config.streams import epoch_order

    for batch in torch.tensor(epoch_order(3, 1, 96)).split(20):
        loss = torch.nn.functional.cross_entropy(
            model(data.train.images[batch]), data.train.labels[batch]
        )
        rule.zero_grad()
        loss.backward()
        rule.step()
    for name, parameter in model.named_parameters():
        found = witness.weights[name]
        np.testing.assert_allclose(found, parameter.detach().numpy(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("optimizer", ["adam", "nesterov"])
def test_a_resumed_run_is_the_same_to_the_bit(optimizer):
    settings = {"optimizer": optimizer, "epochs": 4, "lr_schedule": "cosine"}
    config = small(**SETTINGS | settings, backend="sklearn")
    stack = Stack([config], digits())
    for _ in zip(range(2), stack):  # noqa: B905
        pass
    resumed = Stack([config], digits(), state=stack.state())
    (end,) = [end for end in resumed if end.results]
    assert_same_bits(end.results[0], train(config, digits()))


def test_a_saved_model_answers_as_the_run_did():
    config, data = small(**SETTINGS, backend="sklearn"), digits()
    result = train(config, data)
    model = TrainedModel(config, result.weights, data.image_shape, data.classes)
    np.testing.assert_array_equal(model.probabilities(data.test.images), result.test.probabilities)


@pytest.mark.parametrize("learning_rate", [1e300, 1e150])
def test_a_run_that_diverges_is_a_result(learning_rate):
    witness, engine, _ = all_three(
        digits(), optimizer="sgd", activation="relu", learning_rate=learning_rate, epochs=3
    )
    assert witness.status == engine.status == "diverged"
    assert len(witness.history) == len(engine.history)
    for name, weight in engine.weights.items():
        np.testing.assert_allclose(weight, witness.weights[name], rtol=1e-9)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"optimizer": "nadam"}, "optimizer: backend sklearn has sgd, momentum, nesterov, adam"),
        ({"activation": "elu"}, "activation: backend sklearn has identity, sigmoid, tanh, relu"),
        ({"loss": "mse"}, "loss: backend sklearn has cross_entropy only, got mean_squared_error"),
        ({"label_smoothing": 0.1}, "label_smoothing: backend sklearn has 0 only, got 0.1"),
        ({"model": "cnn"}, "model: backend sklearn has feedforward only, got cnn"),
        ({"batch_norm": True}, "batch_norm: backend sklearn has false only, got true"),
        ({"dropout": 0.5}, "dropout: backend sklearn has 0 only, got 0.5"),
        ({"device": "cuda"}, "device: backend sklearn runs on the CPU"),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_line(settings, line):
    with pytest.raises(ConfigError) as caught:
        RunConfig(backend="scikit-learn", **settings)
    (problem,) = caught.value.problems
    assert problem.startswith(line)


def test_another_scikit_learn_is_refused_in_one_line(monkeypatch):
    class Rewritten(sklearn.neural_network.MLPClassifier):
        def partial_fit(self, *args, **kwargs):
            super().partial_fit(*args, **kwargs)
            del self._optimizer

    monkeypatch.setattr(sklearn.neural_network, "MLPClassifier", Rewritten)
    with pytest.raises(ConfigError, match=r"^backend: sklearn needs the .* scikit-learn [\d.]+ "):
        train(small(backend="sklearn"), digits())
