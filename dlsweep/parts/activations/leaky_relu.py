"""A rectifier that lets a hundredth of what is below 0 through (Maas et al. 2013)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep.parts._lazy import torch
from dlsweep.parts.activations._activation import Activation

if TYPE_CHECKING:
    from torch import Tensor


class LeakyReLU(Activation):
    """y = max(x, 0.01 x)"""

    name = "leaky_relu"
    meaning = "max(x, 0.01 x)"
    also = ("lrelu",)

    def __call__(self, x: Tensor) -> Tensor:
        return torch.nn.functional.leaky_relu(x)

    def apply_(self, x: Tensor, y: Tensor) -> object:
        return torch.nn.functional.leaky_relu_(x)

    def backward_(self, d: Tensor, kept: Tensor) -> object:
        return torch.ops.aten.leaky_relu_backward.grad_input(d, kept, 0.01, True, grad_input=d)
