"""Is the derivative right? The check that everyone who writes one should run.

A derivative is a limit of differences, dL/dx ≈ (L(x + h) - L(x - h)) / 2h, whose error shrinks as
h². With h = 1e-5 in float64 the two agree to about nine digits: a forgotten factor or transpose
stands out at once. Differences take two forward passes for each number, so the check is for tiny
networks only, and training is for back-propagation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .initializers import INITIALIZERS
from .layers import ACTIVATIONS, Array, Layer, Linear
from .losses import CrossEntropy, Loss, MeanSquaredError
from .network import Network, feedforward

TOLERANCE = 1e-6


def differences(function: Callable[[], float], array: Array, h: float = 1e-5) -> Array:
    """d(function)/d(array) by central differences; ``function`` reads the array, a float64 one."""
    gradient = np.empty_like(array)
    for i in np.ndindex(array.shape):
        value = array[i]
        array[i] = value + h
        above = function()
        array[i] = value - h
        below = function()
        array[i] = value
        gradient[i] = (above - below) / (2 * h)
    return gradient


def error(gradient: Array, numerical: Array) -> float:
    """The largest difference of two gradients, relative to the largest entry of either."""
    size = max(np.abs(gradient).max(), np.abs(numerical).max(), 1e-12)
    return float(np.abs(gradient - numerical).max() / size)


def check_layer(layer: Layer, x: Array, rng: np.random.Generator) -> float:
    """The error of a layer's ``backward`` and ``gradients`` at the input x, (N, inputs).

    A layer has no loss of its own, so it gets one, L = sum(c · y) with random numbers c: its
    derivative dL/dy, the delta that the layer is given, is c.
    """
    delta = rng.standard_normal(layer.forward(x).shape)

    def loss() -> float:
        return float((delta * layer.forward(x)).sum())

    errors = [error(layer.backward(x, layer.forward(x), delta), differences(loss, x))]
    for parameter, gradient in zip(layer.parameters, layer.gradients(x, delta), strict=True):
        errors.append(error(gradient, differences(loss, parameter)))
    return max(errors)


def check_loss(loss: Loss, rng: np.random.Generator, classes: int = 4) -> float:
    """The error of a loss's ``backward``."""
    logits, labels = rng.standard_normal((5, classes)), rng.integers(0, classes, 5)
    numerical = differences(lambda: loss.forward(logits, labels), logits)
    return error(loss.backward(logits, labels), numerical)


def check_network(network: Network, loss: Loss, rng: np.random.Generator) -> float:
    """The error of a whole network's gradients, those of all its parameters."""
    first = network.parameters[0]
    classes = network.parameters[-1].size
    images, labels = rng.standard_normal((5, first.shape[0])), rng.integers(0, classes, 5)

    def value() -> float:
        return loss.forward(network.forward(images)[-1], labels)

    x = network.forward(images)
    gradients = network.backward(x, loss.backward(x[-1], labels))
    checked = zip(network.parameters, gradients, strict=True)
    return max(error(gradient, differences(value, w)) for w, gradient in checked)


def away_from_kinks(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers of at least 0.1 in size: a step of h does not cross 0, where ReLU has no slope."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.1, 3, shape)


def check_all(rng: np.random.Generator) -> Iterator[tuple[str, float]]:
    """Every layer, every loss, and a network of each activation: their names and errors."""
    linear = Linear(*INITIALIZERS["torch"](rng, 4, 3))
    yield "layer Linear", check_layer(linear, rng.standard_normal((5, 4)), rng)
    for activation in ACTIVATIONS.values():
        layer = activation()
        yield f"layer {activation.__name__}", check_layer(layer, away_from_kinks(rng, (5, 4)), rng)
    losses = [CrossEntropy(), CrossEntropy(label_smoothing=0.1), MeanSquaredError()]
    for loss in losses:
        yield f"loss {loss}", check_loss(loss, rng)
    for name in ACTIVATIONS:
        network = feedforward([6, 5, 4, 3], rng, activation=name, weight_init="torch")
        yield f"network 6-5-4-3, {name}", check_network(network, CrossEntropy(), rng)
