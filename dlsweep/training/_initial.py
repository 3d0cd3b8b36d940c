"""The values that the members of a stack begin with, made without a model for each of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor, nn

from dlsweep.config import RunConfig
from dlsweep.config.streams import dropout_key
from dlsweep.data import Dataset
from dlsweep.models import Dropout, FeedForward, build, deepen, initialize
from dlsweep.training._layout import Layout, can_be_deepened, ordered_parameters


def build_in(layout: Layout, config: RunConfig, data: Dataset) -> nn.Module:
    """A configuration's model with its initial weights, in the layout of its stack."""
    model = _undeepened(layout, config, data)
    if can_be_deepened(config):
        assert isinstance(model, FeedForward)
        deepen(model, layout.depth)
    return model


def initial_values(
    layout: Layout, configs: Sequence[RunConfig], data: Dataset
) -> tuple[nn.Module, Tensor, dict[str, Tensor]]:
    """What ``build_in`` gives for each of K members, to the bit, stacked.

    A stack has thousands of members on a GPU, and to build a module takes milliseconds. So there is
    one for each depth, in which weights are drawn anew for each seed and initialisation; members
    that have both in common have their weights in common, and these are copied.

    Returns:
        The first member's model, with values of no meaning; parameters (K, P), in the order of
        ``ordered_parameters``, and buffers (K, …) by name, on the CPU.
    """
    shells: dict[Hashable, tuple[nn.Module, nn.Module]] = {}
    first = build_in(layout, configs[0], data)
    size = sum(p.numel() for p in first.parameters())
    theta = torch.empty(len(configs), size, dtype=next(first.parameters()).dtype)
    stacked = {
        name: torch.empty(len(configs), *buffer.shape, dtype=buffer.dtype)
        for name, buffer in first.named_buffers()
    }
    drawn: dict[Hashable, int] = {}
    for row, config in enumerate(configs):
        # Members of a stack have all other shapes in common. What follows decides the buffers but
        # for dropout's, which are written below.
        shape = config.num_layers, config.activation, config.conv_activation, config.dropout > 0
        if shape not in shells:
            shells[shape] = _undeepened(layout, config, data), build_in(layout, config, data)
        own, whole = shells[shape]
        weights = (
            config.num_layers,
            config.weight_init,
            config.init_scale,
            config.seed,
        )
        if weights in drawn:
            theta[row] = theta[drawn[weights]]
        else:
            drawn[weights] = row
            initialize(own, config)
            _fill(theta[row], own, whole)
        for module in whole.modules():
            if isinstance(module, Dropout):
                module.p.copy_(torch.tensor(config.dropout))
                module.key.fill_(dropout_key(config.seed))
        for name, buffer in whole.named_buffers():
            stacked[name][row] = buffer
    return first, theta, stacked


def _undeepened(layout: Layout, config: RunConfig, data: Dataset) -> nn.Module:
    return build(
        config,
        data.image_shape,
        data.num_classes,
        layout.activations,
        layout.conv_activations,
        data.train.images.dtype,
    )


@torch.no_grad()
def _fill(row: Tensor, own: nn.Module, whole: nn.Module) -> None:
    """Write a model's parameters into a row; where it has none, those of the deepened one."""
    values, start = dict(own.named_parameters()), 0
    for name, parameter in ordered_parameters(whole).items():
        size = parameter.numel()
        row[start : start + size] = values.get(name, parameter).flatten()
        start += size
