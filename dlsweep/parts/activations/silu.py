"""SiLU, also called Swish (Elfwing et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep.parts._lazy import torch
from dlsweep.parts.activations._activation import Activation

if TYPE_CHECKING:
    from torch import Tensor


class SiLU(Activation):
    """y = x / (1 + e⁻ˣ)"""

    name = "silu"
    meaning = "x / (1 + e⁻ˣ)"
    also = ("swish", "sigmoid_linear_unit")
    keeps = "input"

    def __call__(self, x: Tensor) -> Tensor:
        return torch.nn.functional.silu(x)

    def apply_(self, x: Tensor, y: Tensor) -> object:
        return torch.ops.aten.silu.out(x, out=y)

    def backward_(self, d: Tensor, kept: Tensor) -> object:
        return torch.ops.aten.silu_backward.grad_input(d, kept, grad_input=d)
