"""The modules that apply an activation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from dlsweep.parts import ACTIVATIONS


class Activation(nn.Module):
    """An activation, elementwise; shapes are kept.

    Args:
        name: a key of ``ACTIVATIONS``.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        """The activation of a batch of any shape."""
        return ACTIVATIONS[self.name](x)


class _InPlace(torch.autograd.Function):
    """An activation that takes the place of its input, and its gradient that of the one above."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, name: str) -> Tensor:
        ACTIVATIONS[name].apply_(x, x)
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        ctx.name = name
        return x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved_tensors
        ACTIVATIONS[ctx.name].backward_(gradients[0], y)
        return gradients[0], None


class ActivationInPlace(Activation):
    """``Activation`` in place, for modules on a CPU that are neither mapped nor traced.

    Its input must be nobody else's, and so must the gradient that reaches it: in a sequence of
    layers both are made by its neighbours, for it alone.
    """

    def forward(self, x: Tensor) -> Tensor:
        """The activation of a batch of any shape."""
        if ACTIVATIONS[self.name].keeps == "input":
            return ACTIVATIONS[self.name](x)
        y: Tensor = _InPlace.apply(x, self.name)
        return y
