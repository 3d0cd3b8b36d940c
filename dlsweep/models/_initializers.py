"""Initial weights, drawn in NumPy so that they are the same on every device and in every stack."""

from __future__ import annotations

import math

import torch
from torch import nn

from dlsweep.config import RunConfig
from dlsweep.config.streams import weight_stream
from dlsweep.parts import INITIALIZERS


@torch.no_grad()
def initialize(model: nn.Module, config: RunConfig) -> None:
    """Set the weights and biases of every linear map and convolution in place.

    Layers are numbered from the input in the order in which the model declares them. Drawn in
    float64 and rounded to the model's type. Linear weights are drawn as (inputs, outputs), which
    is how the from-scratch network holds them, and transposed.

    Args:
        model: with linear maps and two-dimensional convolutions.
        config: ``weight_init`` and the settings that it brings, and ``seed``, are read.
    """
    initializer = INITIALIZERS[config.weight_init]
    options = config.options(initializer.options)
    layers = [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    for i, layer in enumerate(layers):
        rng = weight_stream(config.seed, i)
        out, inputs, *kernel = layer.weight.shape
        area = math.prod(kernel)
        shape = (out, inputs, *kernel) if kernel else (inputs, out)
        weight = initializer.weights(rng, shape, inputs * area, out * area, options)
        layer.weight.copy_(torch.from_numpy(weight if kernel else weight.T))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(initializer.biases(rng, out, inputs * area)))
