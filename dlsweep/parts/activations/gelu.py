"""GELU (Hendrycks and Gimpel 2016), exact: by the error function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep.parts._lazy import torch
from dlsweep.parts.activations._activation import Activation

if TYPE_CHECKING:
    from torch import Tensor


class GELU(Activation):
    """y = x Φ(x), Φ the distribution function of the standard normal"""

    name = "gelu"
    meaning = "x Φ(x), Φ the distribution function of the standard normal"
    also = ("gaussian_error_linear_unit",)
    keeps = "input"

    def __call__(self, x: Tensor) -> Tensor:
        return torch.nn.functional.gelu(x)

    def apply_(self, x: Tensor, y: Tensor) -> object:
        return torch.ops.aten.gelu.out(x, out=y)

    def backward_(self, d: Tensor, kept: Tensor) -> object:
        return torch.ops.aten.gelu_backward.grad_input(d, kept, grad_input=d)
