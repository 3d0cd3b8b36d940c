"""The engine is the loop that anyone writes in PyTorch: nn.Sequential, torch.optim, batches."""

import functools

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from dlsweep.config.choices import LR_SCHEDULES
from dlsweep.config.streams import epoch_order
from dlsweep.data import load
from dlsweep.models import Dropout, build
from dlsweep.parts import ACTIVATIONS, LOSSES, OPTIMIZERS
from tests.training.helpers import DATA, SMALL_CNN, digits, distance, small, train

MODULES = {
    "identity": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


@pytest.fixture(autouse=True)
def _float64():
    """Also what torch.optim.NAdam keeps the product of its momenta in."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def sequential(config, image_shape, num_classes):
    """The same network by hand, with the initial weights of the other."""
    channels = image_shape[0]
    layers, convolutions = [], config.conv_layers if config.model == "cnn" else ()
    norm = config.batch_norm
    for c in convolutions:
        if c.name == "conv":
            layers.append(
                nn.Conv2d(channels, c.channels, c.kernel, c.stride, c.padding, bias=not norm)
            )
            layers += [nn.BatchNorm2d(c.channels)] * norm + [MODULES[config.activation]()]
            channels = c.channels
        else:
            kind = {"max_pool": nn.MaxPool2d, "avg_pool": nn.AvgPool2d}[c.name]
            layers.append(kind(c.size, c.stride or c.size))
    layers.append(nn.Flatten())
    with torch.no_grad():
        size = nn.Sequential(*layers).eval()(torch.zeros(1, *image_shape)).shape[1]
    norm = norm and not convolutions
    for hidden in config.hidden_sizes:
        layers.append(nn.Linear(size, hidden, bias=not norm))
        layers += [nn.BatchNorm1d(hidden)] * norm + [MODULES[config.activation]()]
        size = hidden
    layers.append(nn.Linear(size, num_classes))
    model = nn.Sequential(*layers).train()
    initial = build(config, image_shape, num_classes, dtype=torch.float64)
    for ours, theirs in zip(model.parameters(), initial.parameters(), strict=True):
        assert ours.shape == theirs.shape
        ours.data.copy_(theirs.data)
    return model


def make_optimizer(config, parameters):
    adam = {"betas": (config.beta1, config.beta2), "eps": config.epsilon}
    sgd = functools.partial(torch.optim.SGD, momentum=config.momentum)
    make = {
        "sgd": torch.optim.SGD,
        "momentum": sgd,
        "nesterov": functools.partial(sgd, nesterov=True),
        "rmsprop": functools.partial(torch.optim.RMSprop, alpha=config.beta, eps=config.epsilon),
        "adam": functools.partial(torch.optim.Adam, **adam),
        "nadam": functools.partial(torch.optim.NAdam, **adam),
        "adamw": functools.partial(torch.optim.AdamW, **adam),
        "adagrad": functools.partial(torch.optim.Adagrad, eps=config.epsilon),
        "adadelta": functools.partial(torch.optim.Adadelta, rho=config.beta, eps=config.epsilon),
    }[config.optimizer]
    return make(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)


def make_scheduler(config, optimizer):
    return {
        "constant": lambda: lr_scheduler.ConstantLR(optimizer, factor=1.0),
        "step": lambda: lr_scheduler.StepLR(optimizer, config.step_size, config.gamma),
        "cosine": lambda: lr_scheduler.CosineAnnealingLR(optimizer, config.epochs),
    }[config.lr_schedule]()


def mean_squared_error(logits, labels):
    one_hot = nn.functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return nn.MSELoss()(torch.softmax(logits, 1), one_hot)


def by_hand(config, data, model):
    """History rows (train loss and accuracy, validation loss and accuracy) and the last weights."""
    criterion = {
        "cross_entropy": nn.CrossEntropyLoss(label_smoothing=config.label_smoothing),
        "mean_squared_error": mean_squared_error,
    }[config.loss]
    optimizer = make_optimizer(config, model.parameters())
    scheduler = make_scheduler(config, optimizer)
    history = []
    for epoch in range(1, config.epochs + 1):
        model.train()
        order = torch.from_numpy(epoch_order(config.seed, epoch, len(data.train)))
        loss_sum = right = 0.0
        for batch in order.split(config.batch_size):
            images, labels = data.train.images[batch], data.train.labels[batch]
            optimizer.zero_grad()
            logits = model(images)
            loss = criterion(logits, labels)
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(batch)
            right += (logits.argmax(1) == labels).sum().item()
        rate = scheduler.get_last_lr()[0]
        scheduler.step()
        model.eval()
        with torch.no_grad():
            logits = model(data.val.images)
        history.append(
            (
                loss_sum / len(data.train),
                right / len(data.train),
                criterion(logits, data.val.labels).item(),
                (logits.argmax(1) == data.val.labels).double().mean().item(),
                rate,
            )
        )
    with torch.no_grad():
        logits = model(data.test.images)
    test = criterion(logits, data.test.labels).item(), torch.softmax(logits, 1).numpy()
    return history, {name: value.numpy() for name, value in model.state_dict().items()}, test


def check(config, data, model=None):
    model = model or sequential(config, data.image_shape, data.num_classes)
    history, weights, (test_loss, probabilities) = by_hand(config, data, model)
    result = train(config, data)
    found = [
        (m.train_loss, m.train_accuracy, m.val_loss, m.val_accuracy, m.learning_rate)
        for m in result.history
    ]
    assert result.status == "finished"
    assert distance(found, history) < 1e-9
    if result.best_epoch == config.epochs:
        # Both list their tensors layer by layer, under other names.
        ours = sorted(tuple(map(float, w.flatten())) for w in result.weights.values())
        theirs = sorted(tuple(map(float, w.flatten())) for w in weights.values())
        assert len(ours) == len(theirs)
        assert max(distance(a, b) for a, b in zip(ours, theirs, strict=True)) < 1e-9
        assert abs(result.test.loss - test_loss) < 1e-9
        assert distance(result.test.probabilities, probabilities) < 1e-6
    assert result.parameters == sum(p.numel() for p in model.parameters())
    return result


SETTINGS = {"momentum": 0.8, "beta": 0.95, "beta1": 0.85, "beta2": 0.99, "weight_decay": 0.02}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_feedforward(optimizer, name):
    result = check(small(optimizer=optimizer, **SETTINGS), DATA[name]())
    assert result.best_epoch == 1  # so that the weights were looked at


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_batch_norm(optimizer):
    config = small(optimizer=optimizer, batch_norm=True, **SETTINGS)
    result = check(config, digits())
    assert result.weights["hidden.0.norm.num_batches_tracked"] == 5
    assert result.best_epoch == 1


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_cnn(optimizer, batch_norm):
    config = small(**SMALL_CNN, optimizer=optimizer, batch_norm=batch_norm, **SETTINGS)
    assert check(config, digits()).best_epoch == 1


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_losses_and_activations(activation, loss):
    check(small(activation=activation, loss=loss), digits())


@pytest.mark.parametrize("activation", ["relu", "silu"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_padding_and_pooling(batch_norm, activation):
    layers = "6x3x3p1,max2,4x3x3/1p1,avg2/1,5x2x2"
    config = small(
        model="cnn", conv_layers=layers, num_layers=1, batch_norm=batch_norm, activation=activation
    )
    assert check(config, digits()).best_epoch >= 1


def test_label_smoothing():
    check(small(label_smoothing=0.2), digits())


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("lr_schedule", LR_SCHEDULES)
def test_epochs_with_a_schedule(lr_schedule, batch_norm):
    config = small(lr_schedule=lr_schedule, step_size=2, gamma=0.3, epochs=5, batch_norm=batch_norm)
    check(config, digits())


def test_dropout():
    """As nn.Dropout, with masks of its own: the same layer in a sequence of layers."""
    config = small(dropout=0.25, dropout_at="all", seed=4, epochs=2)
    plain = sequential(config, digits().image_shape, 10)
    initial = build(config, digits().image_shape, 10)
    dropouts = [m.double() for m in initial.modules() if isinstance(m, Dropout)]
    assert len(dropouts) == 2
    flatten, *layers = plain
    model = nn.Sequential(flatten, *layers[:2], dropouts[0], *layers[2:4], dropouts[1], layers[4])
    check(config, digits(), model)


def test_the_settings_matter():
    """The comparison has something to compare: other weight decay, other weights."""
    a, b = (train(small(weight_decay=d), digits()) for d in (0.0, 0.02))
    assert np.abs(a.weights["output.weight"] - b.weights["output.weight"]).max() > 1e-6


@pytest.mark.parametrize("activation", ["tanh", "elu"])
def test_signals_that_fade_are_kept_in_float32(activation):
    """Twelve narrow layers of small weights: at first a logit owes 1e-8 of itself to its image."""
    config = small(
        num_layers=12,
        hidden_size=32,
        activation=activation,
        weight_init="random",
        learning_rate=0.001,
        batch_size=64,
        epochs=3,
    )
    single, double = (
        [epoch.val_loss for epoch in train(config, load("digits", dtype=dtype)).history]
        for dtype in (torch.float32, torch.float64)
    )
    assert single[-1] < 2.1  # it has begun to learn
    assert distance(single, double) < 1e-4
