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
def test_gradients_of_large_inputs_are_finite(name):
    x = torch.tensor([-1e30, 1e30], requires_grad=True)
    y = Activation(name)(x)
    y.sum().backward()
    assert y.isfinite().all()
    assert x.grad.isfinite().all()
