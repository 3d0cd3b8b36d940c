"""Every model and activation that a setting may name."""

import pytest
import torch

from dlsweep.config import RunConfig, choices
from dlsweep.models import MODELS, Activation, build
from dlsweep.parts import ACTIVATIONS


def test_every_model_has_its_module():
    assert list(MODELS) == list(choices.MODELS)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 8, 8), (3, 10, 17)])
def test_every_model_takes_images_of_every_shape(name, shape):
    config = RunConfig(model=name, hidden_size=8)
    assert build(config, shape, 10)(torch.rand(2, *shape)).shape == (2, 10)


EXPECTED = {
    "identity": lambda x: x,
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "tanh": lambda x: (torch.exp(2 * x) - 1) / (torch.exp(2 * x) + 1),
    "relu": lambda x: x * (x > 0),
    "leaky_relu": lambda x: torch.where(x > 0, x, 0.01 * x),
    "elu": lambda x: torch.where(x > 0, x, torch.exp(x) - 1),
    "gelu": lambda x: x * torch.special.ndtr(x),
    "silu": lambda x: x / (1 + torch.exp(-x)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    x = torch.linspace(-5, 5, 101, dtype=torch.float64)
    torch.testing.assert_close(Activation(name)(x), EXPECTED[name](x))
    torch.testing.assert_close(ACTIVATIONS[name](x), EXPECTED[name](x))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_chosen_among_all_is_the_one_alone(name):
    x = torch.linspace(-5, 5, 101, dtype=torch.float64, requires_grad=True)
    alone, among = Activation(name)(x), Activation(name, sorted(ACTIVATIONS))(x)
    assert torch.equal(alone, among)
    (one,) = torch.autograd.grad(alone.sum(), x)
    (other,) = torch.autograd.grad(among.sum(), x)
    assert torch.equal(one, other)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_that_other_activations_cannot_take_do_no_harm(name):
    """A large input has a finite gradient through each activation, chosen or not."""
    x = torch.tensor([-1e30, 1e30], requires_grad=True)
    among = Activation(name, sorted(ACTIVATIONS))(x)
    among.sum().backward()
    assert among.isfinite().all()
    assert x.grad.isfinite().all()


def test_models_that_can_be_switched_between_activations_are_the_same_functions():
    stack = [RunConfig(activation="tanh", hidden_size=4), RunConfig(hidden_size=4)]
    built = [build(config, (1, 8, 8), 10, ("relu", "tanh"), ("relu", "tanh")) for config in stack]
    activations = [[m for m in b.modules() if isinstance(m, Activation)] for b in built]
    assert all(m.among == ("relu", "tanh") for ms in activations for m in ms)
    images = torch.rand(3, 1, 8, 8)
    for config, model in zip(stack, built, strict=True):
        assert torch.equal(model(images), build(config, (1, 8, 8), 10)(images))
