"""The logistic function, from 0 to 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep.parts._lazy import torch
from dlsweep.parts.activations._activation import Activation

if TYPE_CHECKING:
    from torch import Tensor


class Sigmoid(Activation):
    """y = 1 / (1 + e⁻ˣ)"""

    name = "sigmoid"
    meaning = "1 / (1 + e⁻ˣ)"
    also = ("logistic",)

    def __call__(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x)

    def apply_(self, x: Tensor, y: Tensor) -> object:
        return torch.sigmoid_(x)

    def backward_(self, d: Tensor, kept: Tensor) -> object:
        return torch.ops.aten.sigmoid_backward.grad_input(d, kept, grad_input=d)
