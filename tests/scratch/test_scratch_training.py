"""The loop over mini-batches: every batch is a step, and the network learns."""

import math

import numpy as np
import pytest
from sklearn.datasets import load_digits

from dlsweep.scratch import (
    LOSSES,
    OPTIMIZERS,
    SGD,
    CrossEntropy,
    evaluate,
    feedforward,
    predict,
    train_epoch,
    training,
)

LOSS = CrossEntropy()


@pytest.fixture(scope="module")
def digits():
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    shuffled = np.random.default_rng(0).permutation(len(images))
    return images[shuffled], labels[shuffled]


def digits_network(**settings):
    defaults = {"activation": "tanh", "weight_init": "xavier", "dtype": np.float32}
    return feedforward([64, 32, 32, 10], np.random.default_rng(0), **(defaults | settings))


def flat(network):
    return np.concatenate([p.ravel() for p in network.parameters])


@pytest.mark.parametrize("loss", ["cross_entropy", "mean_squared_error"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_learns_digits(digits, optimizer, loss):
    images, labels = digits
    network, rng = digits_network(), np.random.default_rng(1)
    rates = {"sgd": 0.3, "momentum": 0.05, "nesterov": 0.05, "adagrad": 0.05, "adadelta": 1.0}
    learning_rate = rates.get(optimizer, 0.005)
    if loss == "mean_squared_error" and optimizer in ("sgd", "momentum", "nesterov"):
        learning_rate *= 10  # its gradient is divided by the number of classes
    criterion = LOSSES[loss]()
    rule = OPTIMIZERS[optimizer](network.parameters, learning_rate=learning_rate)
    losses = [
        train_epoch(network, criterion, rule, images, labels, rng.permutation(1400), 32)[0]
        for _ in range(8)
    ]
    assert losses[-1] < losses[0] / 2
    assert evaluate(network, criterion, images[1400:], labels[1400:])[1] > 0.9


def test_every_mini_batch_is_a_step_and_the_last_one_is_smaller(digits):
    images, labels = digits
    network = digits_network()
    rule = SGD(network.parameters, learning_rate=0.1)
    train_epoch(network, LOSS, rule, images[:50], labels[:50], np.arange(50), 16)
    assert rule.t == 4

    # The last batch has images 48 and 49 only: other labels there, another result.
    changed = labels[:50].copy()
    changed[48:] = (changed[48:] + 1) % 10
    other = digits_network()
    other_rule = SGD(other.parameters, learning_rate=0.1)
    train_epoch(other, LOSS, other_rule, images[:50], changed, np.arange(50), 16)
    assert not np.array_equal(flat(network), flat(other))


def test_the_running_loss_is_a_mean_over_images_not_over_batches(digits):
    images, labels = digits
    network = digits_network()
    rule = SGD(network.parameters, learning_rate=0.0)  # nothing moves: the running loss is exact
    running = train_epoch(network, LOSS, rule, images[:50], labels[:50], np.arange(50)[::-1], 16)
    assert running == pytest.approx(evaluate(network, LOSS, images[:50], labels[:50]), rel=1e-6)


def test_only_the_images_in_the_order_are_visited_and_in_that_order(digits):
    images, labels = digits
    results = []
    for order in (np.arange(40), np.arange(40)[::-1]):
        network = digits_network()
        rule = SGD(network.parameters, learning_rate=0.1)
        result = train_epoch(network, LOSS, rule, images, labels, order, 10)
        results.append(flat(network))
        only_these = digits_network()
        rule = SGD(only_these.parameters, learning_rate=0.1)
        assert result == train_epoch(only_these, LOSS, rule, images[:40], labels[:40], order, 10)
    assert not np.array_equal(*results)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_moves_the_biases_and_decays_them(digits, optimizer):
    images, labels = digits
    network = digits_network(dtype=np.float64)
    rule = OPTIMIZERS[optimizer](network.parameters, learning_rate=0.01)
    train_epoch(network, LOSS, rule, images[:64], labels[:64], np.arange(64), 16)
    for bias in network.parameters[1::2]:
        assert (bias != 0).all()

    parameters = np.ones(3)
    rule = OPTIMIZERS[optimizer]([parameters], learning_rate=0.01, weight_decay=0.5)
    rule.step([np.zeros(3)])
    assert (parameters < 1).all()


def test_units_that_start_equal_stay_equal(digits):
    images, labels = digits
    network = digits_network(weight_init="zeros", activation="sigmoid")
    rule = OPTIMIZERS["adam"](network.parameters, learning_rate=0.01)
    for _ in range(2):
        train_epoch(network, LOSS, rule, images, labels, np.arange(len(images)), 64)
    for w, b in zip(network.parameters[0:4:2], network.parameters[1:4:2], strict=True):
        assert np.abs(w).max() > 1e-3  # they did learn, all the same thing
        np.testing.assert_allclose(w, np.broadcast_to(w[:, :1], w.shape), rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(b, np.broadcast_to(b[:1], b.shape), rtol=1e-3, atol=1e-4)
    assert evaluate(network, LOSS, images, labels)[1] < 0.5


def test_large_splits_are_evaluated_in_pieces(digits, monkeypatch):
    images, labels = digits
    network = digits_network()
    whole = predict(network, images), evaluate(network, LOSS, images, labels)
    monkeypatch.setattr(training, "EVALUATION_BATCH", 100)
    np.testing.assert_allclose(predict(network, images), whole[0], rtol=1e-5)
    assert evaluate(network, LOSS, images, labels) == pytest.approx(whole[1], rel=1e-5)
    np.testing.assert_allclose(whole[0].sum(axis=1), 1, rtol=1e-5)
    assert whole[0].shape == (len(images), 10)


def test_a_run_that_diverges_is_a_result_and_not_a_warning(digits):
    images, labels = digits
    network = digits_network(activation="relu")
    rule = SGD(network.parameters, learning_rate=1e30)
    loss, accuracy = train_epoch(network, LOSS, rule, images, labels, np.arange(len(images)), 64)
    assert not math.isfinite(loss)
    assert 0 <= accuracy <= 1
    assert not math.isfinite(evaluate(network, LOSS, images, labels)[0])

    for parameter in network.parameters:
        parameter[...] = 1e30  # overflows only now
    assert not math.isfinite(evaluate(network, LOSS, images, labels)[0])
    assert np.isnan(predict(network, images)).any()


def test_results_are_plain_floats(digits):
    images, labels = digits
    network = digits_network()
    rule = SGD(network.parameters, learning_rate=0.1)
    results = train_epoch(network, LOSS, rule, images, labels, np.arange(32), 16)
    assert [type(x) for x in results + evaluate(network, LOSS, images, labels)] == [float] * 4
