"""The exponential linear unit (Clevert et al. 2015) with α = 1."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlsweep.parts._lazy import torch
from dlsweep.parts.activations._activation import Activation

if TYPE_CHECKING:
    from torch import Tensor

_BLOCK = 32 * 1024
"""Numbers that stay in a core's cache, while half a dozen operations work on them."""


class ELU(Activation):
    """y = x for x > 0, else eˣ − 1"""

    name = "elu"
    meaning = "x for x > 0, else eˣ − 1"

    def __call__(self, x: Tensor) -> Tensor:
        return torch.nn.functional.elu(x)

    def apply_(self, x: Tensor, y: Tensor) -> object:
        """As ``F.elu_`` to the last digits, in half the time.

        expm1(x) = tanh(x / 2) · (1 + exp(x)). Where x > 0, the product has exp(0) and is at most x;
        elsewhere it is at least x.
        """
        for part in _in_blocks(x):
            half = torch.mul(part, _half()).tanh_()
            below = half.addcmul_(half, part.clamp(max=0).exp_())
            torch.maximum(part, below, out=part)
        return None

    def backward_(self, d: Tensor, kept: Tensor) -> object:
        return torch.ops.aten.elu_backward.grad_input(d, 1, 1, 1, True, kept, grad_input=d)


@functools.cache
def _half() -> Tensor:
    """½ as a tensor: torch makes one of a number at each operation, which takes longer."""
    return torch.tensor(0.5)


def _in_blocks(x: Tensor) -> Sequence[Tensor]:
    """The numbers of a tensor without gaps, in parts, as they lie in memory."""
    size = _BLOCK * torch.get_num_threads()
    last = x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)
    if x.numel() <= size or not (last or x.is_contiguous()):
        return [x]
    return torch.split(x.as_strided((x.numel(),), (1,)), size)
