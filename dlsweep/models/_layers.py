"""The layers of a network: their kinds, the shapes they give and their parameters."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dlsweep.models._activations import Activation
from dlsweep.models._objective import answers

_KINDS = {"Linear": "linear", "Conv2d": "convolution", "MaxPool2d": "max pool"}
_KINDS |= {"AvgPool2d": "average pool", "BatchNorm1d": "batch norm", "BatchNorm2d": "batch norm"}


class LayerRow(NamedTuple):
    """A layer of a network.

    Attributes:
        name: in the module, such as hidden.0.weights.
        kind: what it is, in words.
        shape: of what it gives for one image.
        parameters: how many numbers are trained in it.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int


def layers_of(model: nn.Module, image_shape: tuple[int, int, int]) -> list[LayerRow]:
    """The layers of a network without parts of their own, in the order in which they compute.

    Args:
        model: with values, or without any (``skeleton``); left as it is.
        image_shape: (channels, height, width) of the images.
    """
    found: list[LayerRow] = []
    tensors = [*model.named_parameters(), *model.named_buffers()]
    # One number for all of a tensor's: nothing is computed but shapes.
    values = {n: torch.zeros((), dtype=t.dtype).expand(t.shape) for n, t in tensors}

    def watch(name: str, layer: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            count = sum(parameter.numel() for parameter in layer.parameters())
            found.append(LayerRow(name, _kind(layer), tuple(output.shape[1:]), count))

    hooks = [
        layer.register_forward_hook(functools.partial(watch, name))
        for name, layer in model.named_modules()
        if not any(True for _ in layer.children())
    ]
    training = model.training
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            like = next(iter(values.values()))
            answers(model.eval(), like.new_zeros(0, *image_shape), values)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return found


def _kind(layer: nn.Module) -> str:
    if isinstance(layer, Activation):
        return str(getattr(layer, "name", "activation"))
    name = type(layer).__name__
    return _KINDS.get(name, name.lower() if name.startswith("Dropout") else name)
