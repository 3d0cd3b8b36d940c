"""Initial weights, drawn in NumPy so that they are the same on every device and in every stack."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from dlsweep.config.streams import weight_stream

Shape = tuple[int, ...]
Initializer = Callable[[np.random.Generator, Shape, int, int], np.ndarray]


def random(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> np.ndarray:
    """Normal with standard deviation 0.05, whatever the layer (Keras' RandomNormal)."""
    return rng.standard_normal(shape) * 0.05


def xavier(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> np.ndarray:
    """Uniform in ±√(6 / (fan_in + fan_out)): Glorot and Bengio 2010, equation 16."""
    limit = math.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape)


def he(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> np.ndarray:
    """Normal with standard deviation √(2 / fan_in): He et al. 2015, equation 10."""
    return rng.standard_normal(shape) * math.sqrt(2 / fan_in)


def zeros(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> np.ndarray:
    """All zero: every hidden unit stays like its neighbours."""
    return np.zeros(shape)


INITIALIZERS: dict[str, Initializer] = {
    "random": random,
    "xavier": xavier,
    "he": he,
    "zeros": zeros,
}


def initialize(model: nn.Module, weight_init: str, seed: int) -> None:
    """Set the weights of every linear map and convolution in place; biases become zero.

    Layers are numbered from the input in the order in which the model declares them. Drawn in
    float64 and rounded to the model's type. Linear weights are drawn as (inputs, outputs), which
    is how the from-scratch network holds them, and transposed.

    Raises:
        KeyError: if ``weight_init`` is not a key of ``INITIALIZERS``.
    """
    draw = INITIALIZERS[weight_init]
    layers = [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    for i, layer in enumerate(layers):
        rng = weight_stream(seed, i)
        out, inputs, *kernel = layer.weight.shape
        area = math.prod(kernel)
        shape = (out, inputs, *kernel) if kernel else (inputs, out)
        weight = draw(rng, shape, inputs * area, out * area)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weight if kernel else weight.T))
            if layer.bias is not None:
                layer.bias.zero_()
