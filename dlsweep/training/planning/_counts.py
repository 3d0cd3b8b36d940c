"""How many numbers a network has and makes, read off the network itself."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dlsweep.config import RunConfig
from dlsweep.data import describe
from dlsweep.models import answers, skeleton

_MOST_COPIED = 2**26
"""The weights of the largest network to look at that is given values: convolutions copy theirs."""


class Counts(NamedTuple):
    """What a network is made of.

    Attributes:
        weights: all parameters.
        dense: of these, the weights of linear maps.
        products: of its convolutions, for one image.
        values: that these give, for one image.
        widest: the most values that any layer gives for one image.
    """

    weights: int
    dense: int
    products: int
    values: int
    widest: int


def counts(config: RunConfig) -> Counts:
    """The counts of a configuration's network."""
    data = describe(config)
    return _counts(_Shape(config), data.image_shape, len(data.classes))


class _Shape:
    """A configuration, equal to those whose networks have the same layers."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        plain = {"seed", "learning_rate", "epochs", "optimizer", "weight_decay", "batch_size"}
        settings = config.as_dict()
        self._key = repr([(k, v) for k, v in settings.items() if k not in plain])

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Shape) and self._key == other._key


@functools.lru_cache(maxsize=1024)
def _counts(shape: _Shape, image_shape: tuple[int, int, int], classes: int) -> Counts:
    return counts_of(skeleton(shape.config, image_shape, classes), image_shape)


def counts_of(model: nn.Module, image_shape: tuple[int, int, int]) -> Counts:
    """The counts of a network; it is shown one black image, or none if it has no values."""
    convolutions, values, dense, widest = 0, 0, 0, 0
    weights = weights_of(model)
    hollow = any(parameter.is_meta for parameter in model.parameters())
    stand_ins = None
    if hollow and weights <= _MOST_COPIED:
        # One number for all of a tensor's: operations on the device meta would import TorchDynamo.
        tensors = [*model.named_parameters(), *model.named_buffers()]
        stand_ins = {n: torch.zeros((), dtype=t.dtype).expand(t.shape) for n, t in tensors}

    def watch(module: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal convolutions, values, dense, widest
        if not isinstance(output, Tensor):
            return
        given = output.shape[1:].numel() if hollow else output.numel()
        widest = max(widest, given)
        if isinstance(module, nn.modules.conv._ConvNd):
            values += given
            convolutions += given * math.prod(module.weight.shape[1:])
        elif isinstance(module, nn.Linear):
            dense += module.weight.numel()

    hooks = [module.register_forward_hook(watch) for module in model.modules()]
    training = model.training
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            like = next(iter((stand_ins or dict(model.named_parameters())).values()))
            answers(model.eval(), like.new_zeros(0 if hollow else 1, *image_shape), stand_ins)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return Counts(weights, dense, convolutions, values, widest)


def weights_of(model: nn.Module) -> int:
    """How many parameters a network has."""
    return sum(parameter.numel() for parameter in model.parameters())
