"""What the package offers, and that every choice of a setting has its implementation."""

import pytest
import torch

from dlsweep import scratch
from dlsweep.config import RunConfig, choices
from dlsweep.data import DATASETS, load
from dlsweep.models import ACTIVATIONS, INITIALIZERS, MODELS, Activation, build


@pytest.mark.parametrize(
    ("registry", "values"),
    [
        (MODELS, choices.MODELS),
        (ACTIVATIONS, choices.ACTIVATIONS),
        (INITIALIZERS, choices.WEIGHT_INITS),
        (DATASETS, choices.DATASETS),
        (scratch.ACTIVATIONS, choices.ACTIVATIONS),
        (scratch.INITIALIZERS, choices.WEIGHT_INITS),
        (scratch.LOSSES, choices.LOSSES),
        (scratch.OPTIMIZERS, choices.OPTIMIZERS),
    ],
    ids=lambda value: "-".join(value),
)
def test_registries_are_the_choices(registry, values):
    assert list(registry) == list(values)


def test_image_shapes_are_the_data_sets():
    assert choices.DATASETS["digits"].image_shape == load("digits").image_shape
    assert choices.DATASETS["mnist"].image_shape == (1, 28, 28)
    assert choices.DATASETS["fashion_mnist"].image_shape == (1, 28, 28)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dataset", choices.DATASETS)
def test_every_model_takes_every_data_set(name, dataset):
    config = RunConfig(model=name, dataset=dataset, hidden_size=8)
    shape = choices.DATASETS[dataset].image_shape
    assert build(config, shape, 10)(torch.rand(2, *shape)).shape == (2, 10)


EXPECTED = {
    "identity": lambda x: x,
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "tanh": lambda x: (torch.exp(2 * x) - 1) / (torch.exp(2 * x) + 1),
    "relu": lambda x: x * (x > 0),
    "leaky_relu": lambda x: torch.where(x > 0, x, 0.01 * x),
    "elu": lambda x: torch.where(x > 0, x, torch.exp(x) - 1),
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
