"""The oracle: NumPy by hand and PyTorch with autograd and torch.optim are the same computation."""

import dataclasses
import functools

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from dlsweep.scratch import (
    ACTIVATIONS,
    INITIALIZERS,
    LOSSES,
    OPTIMIZERS,
    CrossEntropy,
    evaluate,
    feedforward,
    predict,
    train_epoch,
)

SETTINGS = {
    "learning_rate": 0.01,
    "momentum": 0.8,
    "beta": 0.95,
    "beta1": 0.85,
    "beta2": 0.99,
    "epsilon": 1e-6,
    "weight_decay": 0.03,
}


def optimizer_of(name, parameters, settings=SETTINGS):
    fields = {field.name for field in dataclasses.fields(OPTIMIZERS[name])}
    heeded = {key: value for key, value in settings.items() if key in fields}
    return OPTIMIZERS[name](parameters, **heeded)


@pytest.fixture(autouse=True, scope="module")
def _torch_defaults():
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    # torch.optim.NAdam keeps the product of its momenta in the default type.
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)  # matrices this small only wait for a second one
    yield
    torch.set_default_dtype(dtype)
    torch.set_num_threads(threads)


def torch_optimizer(name, parameters, s):
    common = {"lr": s["learning_rate"], "weight_decay": s["weight_decay"]}
    eps = {"eps": s["epsilon"]}
    betas = {"betas": (s["beta1"], s["beta2"]), **eps}
    make = {
        "sgd": torch.optim.SGD,
        "momentum": functools.partial(torch.optim.SGD, momentum=s["momentum"]),
        "nesterov": functools.partial(torch.optim.SGD, momentum=s["momentum"], nesterov=True),
        "adagrad": functools.partial(torch.optim.Adagrad, **eps),
        "rmsprop": functools.partial(torch.optim.RMSprop, alpha=s["beta"], **eps),
        "adadelta": functools.partial(torch.optim.Adadelta, rho=s["beta"], **eps),
        "adam": functools.partial(torch.optim.Adam, **betas),
        "adamw": functools.partial(torch.optim.AdamW, **betas),
        "nadam": functools.partial(torch.optim.NAdam, momentum_decay=4e-3, **betas),
    }
    return make[name](parameters, **common)


@pytest.mark.parametrize("weight_decay", [0.0, 0.03])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_takes_the_steps_of_torch_optim(name, weight_decay):
    settings = SETTINGS | {"weight_decay": weight_decay}
    rng = np.random.default_rng(0)
    starts = [rng.standard_normal(shape) for shape in [(30, 20), (20,), (20, 3)]]
    ours = [start.copy() for start in starts]
    theirs = [torch.nn.Parameter(torch.tensor(start)) for start in starts]
    optimizer = optimizer_of(name, ours, settings)
    reference = torch_optimizer(name, theirs, settings)
    for t in range(25):
        if t == 15:  # a schedule
            optimizer.learning_rate = 0.002
            reference.param_groups[0]["lr"] = 0.002
        gradients = [rng.standard_normal(start.shape) for start in starts]
        given = [g.copy() for g in gradients]
        optimizer.step(gradients)
        for parameter, g in zip(theirs, given, strict=True):
            parameter.grad = torch.tensor(g)
        reference.step()
        for w, g, parameter, before in zip(ours, gradients, theirs, given, strict=True):
            np.testing.assert_array_equal(g, before)
            np.testing.assert_allclose(w, parameter.detach().numpy(), rtol=0, atol=1e-12)
    assert min(np.abs(w - start).min() for w, start in zip(ours, starts, strict=True)) > 0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizers_defaults_are_those_of_torch_optim(name):
    if name in ("momentum", "nesterov"):
        pytest.skip("torch has no momentum by default")
    ours, theirs = np.ones(3), torch.nn.Parameter(torch.ones(3))
    rates = {} if name == "adadelta" else {"learning_rate": 0.01}
    optimizer = OPTIMIZERS[name]([ours], **rates)
    kinds = {"sgd": "SGD", "rmsprop": "RMSprop", "adamw": "AdamW", "nadam": "NAdam"}
    kind = getattr(torch.optim, kinds.get(name, name.capitalize()))
    reference = kind([theirs], lr=rates.get("learning_rate", 1.0))
    for t in range(3):
        gradient = np.array([1e-6, 1.0, -0.3]) * (t + 1)
        optimizer.step([gradient])
        theirs.grad = torch.tensor(gradient)
        reference.step()
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=0, atol=1e-12)


@pytest.fixture(scope="module")
def digits():
    images, labels = load_digits(return_X_y=True)
    return images[:90] / 16, labels[:90]


TORCH_ACTIVATIONS = {
    "identity": torch.nn.Identity,
    "sigmoid": torch.nn.Sigmoid,
    "tanh": torch.nn.Tanh,
    "relu": torch.nn.ReLU,
    "leaky_relu": torch.nn.LeakyReLU,
    "elu": torch.nn.ELU,
    "silu": torch.nn.SiLU,
    "gelu": torch.nn.GELU,
}


def torch_loss(name, logits, labels):
    if name == "cross_entropy":
        return torch.nn.functional.cross_entropy(logits, labels)
    one_hot = torch.nn.functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return torch.nn.functional.mse_loss(torch.softmax(logits, dim=1), one_hot)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_label_smoothing_is_torchs(smoothing):
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal((7, 4)), rng.integers(0, 4, 7)
    z = torch.tensor(logits, requires_grad=True)
    reference = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)(z, torch.tensor(labels))
    reference.backward()
    loss = CrossEntropy(label_smoothing=smoothing)
    assert loss.forward(logits, labels) == pytest.approx(reference.item(), rel=1e-12)
    np.testing.assert_allclose(loss.backward(logits, labels), z.grad.numpy(), rtol=0, atol=1e-12)


def torch_network(network, activation):
    """A plain torch.nn.Sequential with the network's weights."""
    modules = []
    for w, b in zip(network.parameters[0::2], network.parameters[1::2], strict=True):
        linear = torch.nn.Linear(*w.shape)
        linear.weight.data = torch.tensor(w.T)
        linear.bias.data = torch.tensor(b)
        modules += [linear, TORCH_ACTIVATIONS[activation]()]
    return torch.nn.Sequential(*modules[:-1])


# Zeros are left out: equal weights give equal logits, and rounding decides which is the largest.
COMBINATIONS = sorted(
    {(o, loss, "tanh", "xavier") for o in OPTIMIZERS for loss in LOSSES}
    | {("adam", loss, a, "he") for a in ACTIVATIONS for loss in LOSSES}
    | {
        ("sgd", "cross_entropy", a, w)
        for a in ("relu", "gelu")
        for w in INITIALIZERS
        if w != "zeros"
    }
)


@pytest.mark.parametrize(("optimizer", "loss", "activation", "weight_init"), COMBINATIONS)
def test_an_epoch_is_torchs_epoch(digits, optimizer, loss, activation, weight_init):
    images, labels = digits  # 90 images: batches of 20, 20, 20, 20 and 10
    rng = np.random.default_rng(4)
    network = feedforward([64, 12, 11, 10], rng, activation=activation, weight_init=weight_init)
    criterion = LOSSES[loss]()
    reference = torch_network(network, activation)
    rule = optimizer_of(optimizer, network.parameters)
    torch_rule = torch_optimizer(optimizer, list(reference.parameters()), SETTINGS)

    for _ in range(2):
        order = rng.permutation(90)
        result = train_epoch(network, criterion, rule, images, labels, order, batch_size=20)

        total_loss, correct = 0.0, 0
        for batch in torch.tensor(order).split(20):
            x, y = torch.tensor(images)[batch], torch.tensor(labels)[batch]
            logits = reference(x)
            batch_loss = torch_loss(loss, logits, y)
            torch_rule.zero_grad()
            batch_loss.backward()
            torch_rule.step()
            total_loss += batch_loss.item() * len(batch)
            correct += (logits.argmax(1) == y).sum().item()
        assert result == pytest.approx((total_loss / 90, correct / 90), rel=1e-9, abs=1e-9)

    for layer, linear in enumerate(reference[0::2]):
        w, b = network.parameters[2 * layer : 2 * layer + 2]
        np.testing.assert_allclose(w, linear.weight.detach().numpy().T, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(b, linear.bias.detach().numpy(), rtol=1e-9, atol=1e-9)

    logits = reference(torch.tensor(images)).detach()
    probabilities = torch.softmax(logits, dim=1).numpy()
    np.testing.assert_allclose(predict(network, images), probabilities, rtol=1e-9, atol=1e-9)
    expected = (
        torch_loss(loss, logits, torch.tensor(labels)).item(),
        np.mean(probabilities.argmax(1) == labels),
    )
    assert evaluate(network, criterion, images, labels) == pytest.approx(
        expected, rel=1e-9, abs=1e-9
    )
