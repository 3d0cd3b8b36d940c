"""The hyperbolic tangent, from −1 to 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep.parts._lazy import torch
from dlsweep.parts.activations._activation import Activation

if TYPE_CHECKING:
    from torch import Tensor


class Tanh(Activation):
    """y = tanh x"""

    name = "tanh"
    meaning = "tanh x"

    def __call__(self, x: Tensor) -> Tensor:
        return torch.tanh(x)

    def apply_(self, x: Tensor, y: Tensor) -> object:
        return torch.tanh_(x)

    def backward_(self, d: Tensor, kept: Tensor) -> object:
        return torch.ops.aten.tanh_backward.grad_input(d, kept, grad_input=d)
