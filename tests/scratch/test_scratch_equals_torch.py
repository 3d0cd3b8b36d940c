"""The oracle: NumPy by hand and PyTorch with autograd and torch.optim are the same computation."""

import functools

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from dlsweep.config.streams import epoch_order
from dlsweep.scratch import (
    ACTIVATIONS,
    INITIALIZERS,
    LOSSES,
    OPTIMIZERS,
    Network,
    evaluate,
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
    betas = {"betas": (s["beta1"], s["beta2"]), "eps": s["epsilon"]}
    make = {
        "sgd": torch.optim.SGD,
        "momentum": functools.partial(torch.optim.SGD, momentum=s["momentum"]),
        "nesterov": functools.partial(torch.optim.SGD, momentum=s["momentum"], nesterov=True),
        "rmsprop": functools.partial(torch.optim.RMSprop, alpha=s["beta"], eps=s["epsilon"]),
        "adam": functools.partial(torch.optim.Adam, **betas),
        "nadam": functools.partial(torch.optim.NAdam, momentum_decay=4e-3, **betas),
    }
    return make[name](parameters, **common)


@pytest.mark.parametrize("weight_decay", [0.0, 0.03])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_takes_the_steps_of_torch_optim(name, weight_decay):
    settings = SETTINGS | {"weight_decay": weight_decay}
    rng = np.random.default_rng(0)
    start = rng.standard_normal(40_000)  # more than two of the blocks that a step works in
    ours, theirs = start.copy(), torch.nn.Parameter(torch.tensor(start))
    optimizer = OPTIMIZERS[name](ours, **settings)
    reference = torch_optimizer(name, [theirs], settings)
    for t in range(25):
        if t == 15:  # a schedule
            optimizer.learning_rate = 0.002
            reference.param_groups[0]["lr"] = 0.002
        gradients = rng.standard_normal(start.size)
        given = gradients.copy()
        optimizer.step(gradients)
        theirs.grad = torch.tensor(gradients)
        reference.step()
        np.testing.assert_array_equal(gradients, given)
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=0, atol=1e-12)
    assert np.abs(ours - start).min() > 0


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
}


def torch_loss(name, logits, labels):
    if name == "cross_entropy":
        return torch.nn.functional.cross_entropy(logits, labels)
    one_hot = torch.nn.functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return torch.nn.functional.mse_loss(torch.softmax(logits, dim=1), one_hot)


def torch_network(network, activation):
    """A plain torch.nn.Sequential with the network's weights."""
    modules = []
    for w, b in zip(network.weights, network.biases, strict=True):
        linear = torch.nn.Linear(*w.shape)
        linear.weight.data = torch.tensor(w.T)
        linear.bias.data = torch.tensor(b)
        modules += [linear, TORCH_ACTIVATIONS[activation]()]
    return torch.nn.Sequential(*modules[:-1])


@pytest.mark.parametrize("weight_init", INITIALIZERS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_epoch_is_torchs_epoch(digits, optimizer, loss, activation, weight_init):
    images, labels = digits  # 90 images: batches of 20, 20, 20, 20 and 10
    network = Network(
        [64, 12, 11, 10],
        activation=activation,
        loss=loss,
        weight_init=weight_init,
        seed=4,
        dtype=np.float64,
    )
    reference = torch_network(network, activation)
    rule = OPTIMIZERS[optimizer](network.parameters, **SETTINGS)
    torch_rule = torch_optimizer(optimizer, list(reference.parameters()), SETTINGS)

    for epoch in (1, 2):
        order = epoch_order(4, epoch, 90)
        result = train_epoch(network, rule, images, labels, order, batch_size=20)

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

    for layer, (w, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        linear = reference[2 * layer]
        np.testing.assert_allclose(w, linear.weight.detach().numpy().T, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(b, linear.bias.detach().numpy(), rtol=1e-9, atol=1e-9)

    logits = reference(torch.tensor(images)).detach()
    probabilities = torch.softmax(logits, dim=1).numpy()
    np.testing.assert_allclose(predict(network, images), probabilities, rtol=1e-9, atol=1e-9)
    expected = (
        torch_loss(loss, logits, torch.tensor(labels)).item(),
        np.mean(probabilities.argmax(1) == labels),
    )
    assert evaluate(network, images, labels) == pytest.approx(expected, rel=1e-9, abs=1e-9)
