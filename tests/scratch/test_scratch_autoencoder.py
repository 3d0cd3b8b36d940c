"""The from-scratch autoencoder, and a classifier on its code, are those of the engine."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dlsweep import scratch
from dlsweep.config import RunConfig
from dlsweep.config.streams import epoch_order
from dlsweep.data import load
from dlsweep.models import Autoencoder, build
from dlsweep.training import train_stack


def network(sequential: torch.nn.Sequential, activation: str) -> scratch.Network:
    """The layers of a module of torch's, with its weights."""
    layers: list[scratch.Layer] = []
    for linear in (m for m in sequential.modules() if isinstance(m, torch.nn.Linear)):
        weight, bias = linear.weight.detach().numpy().T, linear.bias.detach().numpy()
        layers += [scratch.Linear(weight, bias), scratch.ACTIVATIONS[activation]()]
    return scratch.Network(layers[:-1])


@pytest.mark.parametrize("activation", ["identity", "leaky_relu", "tanh"])
def test_it_is_the_engines(activation: str):
    config = RunConfig(
        model="autoencoder",
        dataset="digits",
        epochs=5,
        pretrain_epochs=3,
        hidden_size=[12],
        num_layers=1,
        code_size=3,
        batch_size=20,
        learning_rate=0.01,
        activation=activation,
        device="cpu",
    )
    data = load("digits", train_size=90, dtype=torch.float64)
    [result] = train_stack([config], data)

    module = build(config, data.image_shape, data.num_classes, torch.float64)
    assert isinstance(module, Autoencoder)
    ours = scratch.Autoencoder(
        network(module.encoder, activation), network(module.decoder, activation)
    )
    classifier = network(module.classifier, activation)
    images, labels = data.train.images.flatten(1).numpy(), data.train.labels.numpy()
    validation = data.val.images.flatten(1).numpy(), data.val.labels.numpy()
    optimizer = scratch.Adam(ours.parameters, learning_rate=0.01)
    for epoch in (1, 2, 3):
        order = epoch_order(config.seed, epoch, len(labels))
        loss = scratch.train_autoencoder_epoch(ours, optimizer, images, order, 20)
        more = result.history[epoch - 1].more
        assert loss == pytest.approx(more["train_reconstruction"], abs=1e-9)
        assert ours.loss(validation[0]) == pytest.approx(more["val_reconstruction"], abs=1e-9)

    codes, entropy = ours.encode(images), scratch.CrossEntropy()
    optimizer = scratch.Adam(classifier.parameters, learning_rate=0.01)
    for epoch in (4, 5):
        order = epoch_order(config.seed, epoch, len(labels))
        found = scratch.train_epoch(classifier, entropy, optimizer, codes, labels, order, 20)
        metrics = result.history[epoch - 1]
        assert found == pytest.approx((metrics.train_loss, metrics.train_accuracy), abs=1e-9)
        found = scratch.evaluate(classifier, entropy, ours.encode(validation[0]), validation[1])
        assert found == pytest.approx((metrics.val_loss, metrics.val_accuracy), abs=1e-9)


def test_its_gradients_are_differences():
    rng = np.random.default_rng(0)
    ours = scratch.Autoencoder(
        scratch.feedforward([6, 5, 2], rng, activation="tanh"),
        scratch.feedforward([2, 5, 6], rng, activation="tanh"),
    )
    images = rng.random((4, 6))
    _, gradients = ours.gradients(images)
    for parameter, gradient in zip(ours.parameters, gradients, strict=True):
        place = tuple(rng.integers(size) for size in parameter.shape)
        before, losses = parameter[place], []
        for step in (1e-6, -1e-6):
            parameter[place] = before + step
            losses.append(ours.loss(images))
        parameter[place] = before
        assert gradient[place] == pytest.approx((losses[0] - losses[1]) / 2e-6, abs=1e-8)
