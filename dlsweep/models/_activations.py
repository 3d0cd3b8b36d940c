"""Activations, and the module that applies one of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,  # slope 0.01
    "elu": F.elu,  # alpha 1
}


class Activation(nn.Module):
    """The activation ``name``, elementwise; shapes are kept.

    Which of the activations in ``among`` is applied is data, the buffer ``chosen``, so that
    members of a stack may differ in it. With a single one in ``among`` nothing is selected.

    Args:
        name: a key of ``ACTIVATIONS``.
        among: the activations that this module can be switched between; contains ``name``.
    """

    chosen: Tensor

    def __init__(self, name: str, among: Sequence[str] = ()) -> None:
        super().__init__()
        self.among = tuple(among) or (name,)
        self.register_buffer("chosen", torch.tensor(self.among.index(name)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        y = ACTIVATIONS[self.among[0]](x)
        for i, name in enumerate(self.among[1:], start=1):
            y = torch.where(self.chosen == i, ACTIVATIONS[name](x), y)
        return y
