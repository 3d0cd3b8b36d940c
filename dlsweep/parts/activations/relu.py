"""The rectifier (Nair and Hinton 2010)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep.parts._lazy import torch
from dlsweep.parts.activations._activation import Activation

if TYPE_CHECKING:
    from torch import Tensor


class ReLU(Activation):
    """y = max(x, 0)"""

    name = "relu"
    meaning = "max(x, 0)"
    also = ("rectifier",)

    def __call__(self, x: Tensor) -> Tensor:
        return torch.relu(x)

    def apply_(self, x: Tensor, y: Tensor) -> object:
        return torch.relu_(x)

    def backward_(self, d: Tensor, kept: Tensor) -> object:
        return torch.ops.aten.threshold_backward.grad_input(d, kept, 0, grad_input=d)
