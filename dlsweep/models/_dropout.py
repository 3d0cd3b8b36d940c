"""Dropout whose masks are a function of the run's seed, the layer and the step alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_MASK = 0xFFFFFFFF
_MULTIPLIER = 0x45D9F3B  # below 2**31, so that no product leaves the 63 bits of an int64


def _mix(x: Tensor) -> Tensor:
    """A bijection of the 32-bit integers that spreads every bit (Mueller's integer hash)."""
    x = ((x >> 16) ^ x) * _MULTIPLIER & _MASK
    x = ((x >> 16) ^ x) * _MULTIPLIER & _MASK
    return (x >> 16) ^ x


class Dropout(nn.Module):
    """Inverted dropout (Srivastava et al. 2014) with a counter-based mask.

    In training every unit is zeroed with probability p and the others are divided by 1 − p. The
    mask is a hash of (key, layer, step, position in the batch, unit): no random state exists, so a
    run draws the same masks alone, in any stack, and after it was resumed. In evaluation nothing
    is changed.

    Args:
        p: the probability, 0 ≤ p < 1; data (the buffer ``p``), so members of a stack may differ.
        key: ``dlsweep.config.streams.dropout_key(seed)``; the buffer ``key``.
        layer: the number of this layer, to tell its masks from the other layers'.
    """

    p: Tensor
    key: Tensor
    step: Tensor

    def __init__(self, p: float, key: int, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.register_buffer("p", torch.tensor(p), persistent=False)
        self.register_buffer("key", torch.tensor(key), persistent=False)
        self.register_buffer("step", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """The input (N, …) with units dropped; same shape."""
        if not self.training:
            return x
        seed = _mix(_mix(_mix(self.key) ^ self.layer) ^ (self.step & _MASK))
        self.step += 1
        rows = _mix(_mix(torch.arange(x.shape[0], device=x.device)) ^ seed)
        units = torch.arange(x[0].numel(), device=x.device)
        draws = _mix(_mix(units).unsqueeze(0) ^ rows.unsqueeze(1)).view(x.shape)
        kept = draws >= (self.p * 2.0**32).to(torch.int64)
        return torch.where(kept, x / (1 - self.p).to(x.dtype), 0)
