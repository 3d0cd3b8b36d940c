"""Autoencoders, and any module with a loss of its own and phases of training."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn
from torch.nn import functional as F

from dlsweep.config import ConfigError, RunConfig
from dlsweep.config.streams import epoch_order
from dlsweep.models import Objective, build
from dlsweep.training import RunResult, Stack, TrainedModel, cost, stack_key, train_stack
from tests.training.helpers import assert_same_bits, assert_same_run, digits, distance, small, train

PHASES = {
    "together": {},
    "encoder learns from both": {"freeze": False, "reconstruction_weight": 3.0},
    "one after the other": {"pretrain_epochs": 2},
    "trained on": {"pretrain_epochs": 2, "freeze": False, "reconstruction_weight": 0.0},
    "hidden head": {"pretrain_epochs": 1, "classifier_size": [6, 5]},
}


def autoencoder(**settings) -> RunConfig:
    defaults = {"model": "autoencoder", "epochs": 4, "num_layers": 1, "code_size": 3}
    return small(**defaults | {"activation": "leaky_relu", "weight_decay": 0.01} | settings)


def by_hand(config: RunConfig) -> tuple[list[dict[str, np.ndarray]], np.ndarray]:
    """Weights after each epoch, and losses of reconstruction: a new optimizer for each phase."""
    data = digits()
    model = build(config, data.image_shape, data.num_classes, torch.float64)
    encoder, decoder, classifier = model.encoder, model.decoder, model.classifier
    images, labels, to_validate = data.train.images, data.train.labels, data.val.images
    pretraining, freeze = config["pretrain_epochs"], config["freeze"]
    weights, losses = [], []
    for epoch in range(1, config.epochs + 1):
        if epoch <= pretraining:
            parts = [encoder, decoder]
        elif pretraining and freeze:
            parts = [classifier]
        else:
            parts = [encoder, decoder, classifier]
        if epoch in (1, pretraining + 1):
            optimizer = torch.optim.Adam(
                nn.ModuleList(parts).parameters(),
                config.learning_rate,
                weight_decay=config.weight_decay,
            )
        total = 0.0
        order = epoch_order(config.seed, epoch, len(labels))
        for index in torch.from_numpy(order).split(config.batch_size):
            x = images[index].flatten(1)
            code = encoder(x)
            reconstruction = F.mse_loss(decoder(code), x)
            entropy = F.cross_entropy(classifier(code.detach() if freeze else code), labels[index])
            loss = entropy + config["reconstruction_weight"] * reconstruction
            if len(parts) < 3:
                loss = entropy if parts == [classifier] else reconstruction
            model.zero_grad(set_to_none=False)
            loss.backward()
            optimizer.step()
            total += reconstruction.item() * len(index)
        with torch.no_grad():
            x = to_validate.flatten(1)
            validation = F.mse_loss(decoder(encoder(x)), x).item()
        losses.append((total / len(labels), validation))
        weights.append({k: v.numpy().copy() for k, v in model.state_dict().items()})
    return weights, np.array(losses)


@pytest.mark.parametrize("phases", PHASES)
def test_it_is_the_loop_that_anyone_writes(phases):
    config = autoencoder(**PHASES[phases])
    weights, losses = by_hand(config)
    result = train(config, digits())
    names = ("train_reconstruction", "val_reconstruction")
    logged = [[metrics.as_dict()[name] for name in names] for metrics in result.history]
    assert distance(np.array(logged), losses) < 1e-9
    expected = weights[result.best_epoch - 1]
    assert expected.keys() == result.weights.keys()
    assert all(distance(result.weights[name], expected[name]) < 1e-9 for name in expected)
    if config["pretrain_epochs"] and config["freeze"]:
        assert len(set(losses[config["pretrain_epochs"] - 1 :, 1])) == 1  # it stays as it is


MEMBERS = (
    {},
    {"seed": 1, "optimizer": "nadam", "learning_rate": 0.02, "epochs": 3},
    {"optimizer": "momentum", "activation": "leaky_relu", "weight_init": "xavier"},
    {"optimizer": "rmsprop", "seed": 1, "early_stopping": 1, "epochs": 5},
)


def members(phases: str) -> list[RunConfig]:
    return [autoencoder(**PHASES[phases] | settings) for settings in MEMBERS]


@functools.cache
def alone(phases: str, i: int) -> RunResult:
    return train(members(phases)[i], digits())


@pytest.mark.parametrize("way", ["one_by_one", "stacked"])
@pytest.mark.parametrize("phases", PHASES)
def test_alone_or_beside_others_and_resumed(phases, way, monkeypatch):
    expected = [alone(phases, i) for i in range(len(MEMBERS))]
    monkeypatch.setenv("DLSWEEP_TRAIN", way)
    stack, states, results = Stack(members(phases), digits()), [], {}
    for end in stack:
        results |= end.results
        if stack.active:
            states.append(stack.state())
    for i, result in enumerate(expected):
        assert_same_run(results[i], result)
        ours, theirs = ([list(m.more.values()) for m in r.history] for r in (results[i], result))
        assert distance(np.array(ours), np.array(theirs)) < 1e-9
    for state in states:
        for end in Stack(members(phases), digits(), state=state):
            for i, result in end.results.items():
                assert_same_bits(result, results[i])
                assert result.history[-1].more == results[i].history[-1].more


@pytest.mark.parametrize("phases", ["together", "one after the other", "hidden head"])
@pytest.mark.parametrize("optimizer", ["nadam", "momentum"])
def test_from_scratch_it_is_the_same(phases, optimizer):
    settings = {**PHASES[phases], "optimizer": optimizer, "reconstruction_weight": 3.0}
    expected = train(autoencoder(**settings), digits())
    config = autoencoder(**settings, backend="numpy")
    stack, states, results = Stack([config], digits()), [], {}
    for end in stack:
        results |= end.results
        states.append(stack.state() if stack.active else None)
    assert_same_run(results[0], expected)
    ours, theirs = ([list(m.more.values()) for m in r.history] for r in (results[0], expected))
    assert distance(np.array(ours), np.array(theirs)) < 1e-9
    for state in filter(None, states):
        [*_, last] = Stack([config], digits(), state=state)
        assert_same_bits(last.results[0], results[0])
    with pytest.raises(ConfigError, match="freeze: backend numpy has true only, got false"):
        autoencoder(backend="numpy", freeze=False)


def test_the_best_epoch_is_one_with_the_classifier():
    """While the code alone is learned the classifier guesses, and neither good nor bad luck
    counts."""
    result = train(autoencoder(pretrain_epochs=6, epochs=9, early_stopping=2), digits())
    assert result.best_epoch >= 7
    assert len(result.history) >= 8
    assert result.val.accuracy == max(m.val_accuracy for m in result.history[6:])
    losses = [m.more["val_reconstruction"] for m in result.history]
    assert result.summary()["test_reconstruction"] == result.test.more["reconstruction"] > 0
    assert losses[5] < losses[0]


def test_without_activation_it_learns_the_principal_components():
    data = digits()
    images = data.train.images.flatten(1).numpy()
    config = autoencoder(
        num_layers=0,
        code_size=4,
        epochs=150,
        learning_rate=0.03,
        weight_decay=0.0,
        weight_init="xavier",
        lr_schedule="cosine",
    )
    learned = train(config, data).history[-1].more["train_reconstruction"]
    pca = PCA(4).fit(images)
    least = np.square(images - pca.inverse_transform(pca.transform(images))).mean()
    assert least <= learned < 1.05 * least


def test_it_diverges_where_the_reconstruction_does():
    config = autoencoder(optimizer="sgd", learning_rate=1e200, pretrain_epochs=3)
    other = autoencoder(pretrain_epochs=3)
    diverged, finished = train_stack([config, other], digits())
    assert (diverged.status, finished.status) == ("diverged", "finished")
    assert_same_bits(finished, train(other, digits()))


@pytest.mark.parametrize(
    "settings",
    [{"code_size": 4}, {"pretrain_epochs": 1}, {"freeze": False}, {"classifier_size": 3}],
)
def test_what_runs_of_one_stack_have_in_common(settings):
    assert stack_key(autoencoder(**settings)) != stack_key(autoencoder())
    assert stack_key(autoencoder(learning_rate=0.5, seed=9)) == stack_key(autoencoder())


def test_the_decoder_is_counted():
    wide = {"dataset": "fashion_mnist", "hidden_size": 512, "num_layers": 1, "model": "feedforward"}
    assert cost(autoencoder(**wide | {"model": "autoencoder"})) > 1.5 * cost(small(**wide))


def test_a_trained_model_encodes_and_decodes():
    data = digits()
    result = train(autoencoder(code_size=2), data)
    model = TrainedModel(result.config, result.weights, data.image_shape, data.classes)
    code = model.code(data.test.images)
    assert code.shape == (len(data.test), 2)
    error = np.square(model.decode(code) - data.test.images.numpy()).mean()
    assert error == pytest.approx(result.test.more["reconstruction"], rel=1e-9)
    assert (model.probabilities(data.test.images) == result.test.probabilities).all()
    result = train(small(), data)
    model = TrainedModel(result.config, result.weights, data.image_shape, data.classes)
    with pytest.raises(TypeError, match="feedforward is not an autoencoder"):
        model.code(data.test.images)


class Rotations(nn.Module):
    """A model of the user's own: it also tells whether an image stands on its head."""

    auxiliary_name = "rotation"

    def __init__(self, image_shape, num_classes: int, width: int = 8) -> None:
        super().__init__()
        pixels = image_shape[0] * image_shape[1] * image_shape[2]
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, width), nn.BatchNorm1d(width), nn.Tanh()
        )
        self.head = nn.Linear(width, num_classes)
        self.upright = nn.Linear(width, 1)

    def forward(self, images):
        return self.head(self.body(images))

    def with_auxiliary(self, images):
        body = self.body(images)
        flipped = self.body(images.flip(2))
        own = F.softplus(-self.upright(body)) + F.softplus(self.upright(flipped))
        return self.head(body), own.squeeze(1)

    def objective(self, epoch):
        if epoch == 1:
            return Objective(0.0, 1.0, ("head",))
        return Objective(1.0, 0.0, ("body", "upright"))


@pytest.mark.parametrize("way", ["one_by_one", "stacked"])
def test_any_module_may_have_a_loss_of_its_own(way, monkeypatch):
    monkeypatch.setenv("DLSWEEP_TRAIN", way)
    model = f"{__name__}:Rotations"
    configs = [small(model=model, epochs=3, weight_decay=0.1, seed=seed) for seed in (0, 1)]
    stack = Stack(configs, digits())
    results, bodies = {}, []
    for end in stack:
        results |= end.results
        if stack.active:
            bodies.append(stack._learner.buffers["body.2.running_mean"].clone())
    assert (bodies[0] == bodies[1]).all()  # what is frozen computes as in evaluation
    for config, result in zip(configs, results.values(), strict=True):
        assert {"train_rotation", "val_rotation"} <= result.history[0].as_dict().keys()
        own = [m.more["val_rotation"] for m in result.history]
        assert own[0] == own[1] == own[2]
        assert result.history[2].train_loss < result.history[1].train_loss
        assert_same_run(result, train(config, digits()))


def test_an_objective_is_for_something():
    with pytest.raises(ValueError, match="one above 0"):
        Objective(0.0, 0.0)
    with pytest.raises(ValueError, match="one above 0"):
        Objective(1.0, -1.0)
