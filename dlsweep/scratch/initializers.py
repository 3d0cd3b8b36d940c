"""Initial weights and biases of a linear layer, drawn in float64.

Each function takes a generator and the numbers of inputs and outputs, and returns W of shape
(fan_in, fan_out) and b of shape (fan_out,). Two things matter. The units of a layer must start
different, or they stay alike for ever. And the numbers must have the right size: a sum of fan_in
terms has fan_in times the variance of one, so what passes through many layers grows or shrinks by a
power of their number unless weights shrink as fan_in grows.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .layers import Array

Drawn = tuple[Array, Array]


def random_normal(
    rng: np.random.Generator, fan_in: int, fan_out: int, *, init_scale: float = 0.05
) -> Drawn:
    """Normal with this standard deviation, whatever the layer's size (Keras' RandomNormal)."""
    return rng.standard_normal((fan_in, fan_out)) * init_scale, np.zeros(fan_out)


def xavier(rng: np.random.Generator, fan_in: int, fan_out: int) -> Drawn:
    """Uniform in ±√(6 / (fan_in + fan_out)): Glorot & Bengio (2010), equation 16.

    The variance 2 / (fan_in + fan_out) keeps the signal's size in both directions: forward it asks
    for 1 / fan_in, backward for 1 / fan_out, and this is the compromise.
    """
    limit = math.sqrt(6.0 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, (fan_in, fan_out)), np.zeros(fan_out)


def he(rng: np.random.Generator, fan_in: int, fan_out: int) -> Drawn:
    """Normal with standard deviation √(2 / fan_in): He et al. (2015), equation 10.

    The 2 makes up for a ReLU, which sets half of its inputs to zero.
    """
    return rng.standard_normal((fan_in, fan_out)) * math.sqrt(2.0 / fan_in), np.zeros(fan_out)


def torch_default(rng: np.random.Generator, fan_in: int, fan_out: int) -> Drawn:
    """Uniform in ±1 / √fan_in, the biases too: what torch.nn.Linear does when nothing is said.

    LeCun's rule (1998) asks for a variance of 1 / fan_in; this has a third of it.
    """
    limit = 1 / math.sqrt(fan_in)
    weight = rng.uniform(-limit, limit, (fan_in, fan_out))
    return weight, rng.uniform(-limit, limit, fan_out)


def zeros(rng: np.random.Generator, fan_in: int, fan_out: int) -> Drawn:
    """All zero: a lesson, not a choice. The units of a layer start equal and stay equal."""
    return np.zeros((fan_in, fan_out)), np.zeros(fan_out)


INITIALIZERS: dict[str, Callable[..., Drawn]] = {
    "random": random_normal,
    "xavier": xavier,
    "he": he,
    "torch": torch_default,
    "zeros": zeros,
}
