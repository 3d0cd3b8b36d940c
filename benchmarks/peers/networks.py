"""The network and the optimizer of a configuration, as a script would write them."""

from __future__ import annotations

import torch
from torch import nn

from dlsweep.config import RunConfig

ACTIVATIONS = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "identity": nn.Identity,
}


def network(config: RunConfig, image_shape: tuple[int, int, int], classes: int) -> nn.Module:
    channels, height, width = image_shape
    blocks: list[list[nn.Module]] = []
    if config.model == "cnn":
        for layer in config.conv_layers:
            block: list[nn.Module] = [
                nn.Conv2d(channels, layer.channels, layer.kernel, layer.stride)
            ]
            if config.batch_norm:
                block.append(nn.BatchNorm2d(layer.channels))
            block.append(ACTIVATIONS[config.conv_activation or config.activation]())
            blocks.append(block)
            channels = layer.channels
            _, height, width = layer.output_shape((channels, height, width))
        blocks[-1].append(nn.Flatten())
    size = channels * height * width
    for hidden in config.hidden_sizes:
        blocks.append([nn.Linear(size, hidden), ACTIVATIONS[config.activation]()])
        size = hidden
    if config.dropout > 0:
        for block in {
            "first": blocks[:1],
            "last": blocks[-1:],
            "both": [blocks[0], *blocks[1:][-1:]],
            "all": blocks,
        }[config.dropout_at]:
            block.append(nn.Dropout(config.dropout))
    flatten = [] if config.model == "cnn" else [nn.Flatten()]
    layers = [module for block in blocks for module in block]
    return nn.Sequential(*flatten, *layers, nn.Linear(size, classes))


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
