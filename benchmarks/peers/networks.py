"""The network and the optimizer of a configuration, as a script would write them."""

from __future__ import annotations

import torch
from torch import nn

from dlsweep.config import RunConfig

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU, "identity": nn.Identity}


def network(config: RunConfig, pixels: int, classes: int) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    for size in config.hidden_sizes:
        layers += [nn.Linear(pixels, size), ACTIVATIONS[config.activation]()]
        pixels = size
    return nn.Sequential(*layers, nn.Linear(pixels, classes))


def optimizer(config: RunConfig, model: nn.Module, *, fused: bool) -> torch.optim.Optimizer:
    parameters, lr, decay = model.parameters(), config.learning_rate, config.weight_decay
    name = config.optimizer
    if name in ("sgd", "momentum", "nesterov"):
        momentum = 0.0 if name == "sgd" else config.momentum
        return torch.optim.SGD(
            parameters, lr, momentum, weight_decay=decay, nesterov=name == "nesterov", fused=fused
        )
    if name == "rmsprop":
        return torch.optim.RMSprop(parameters, lr, config.beta, weight_decay=decay)
    if name == "adam":
        return torch.optim.Adam(parameters, lr, weight_decay=decay, fused=fused)
    return torch.optim.NAdam(parameters, lr, weight_decay=decay)
