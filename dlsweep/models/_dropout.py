"""Dropout whose masks are a function of the run's seed, the layer and the step alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

_MASK = 0xFFFFFFFF
_MULTIPLIER = 0x45D9F3B  # below 2**31, so that no product leaves the 63 bits of an int64
_BLOCK = 32 * 1024  # draws that stay in a core's cache, while a dozen operations work on them


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
        return self._drop(x, *self._addresses(x)) if self.training else x

    def _addresses(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers of the images and of the units of the next step, of which draws are made."""
        seed = _mix(_mix(_mix(self.key) ^ self.layer) ^ (self.step & _MASK))
        self.step += 1
        rows = _mix(_mix(torch.arange(x.shape[0], device=x.device)) ^ seed)
        units = _mix(torch.arange(x[0].numel(), device=x.device))
        return rows, units

    def _drop(self, x: Tensor, rows: Tensor, units: Tensor) -> Tensor:
        """Unit j of image i is kept where the mix of rows[i] ^ units[j] is large enough."""
        draws = _mix(units.unsqueeze(0) ^ rows.unsqueeze(1)).view(x.shape)
        kept = draws >= (self.p * 2.0**32).to(torch.int64)
        return torch.where(kept, x / (1 - self.p).to(x.dtype), 0)


class DropoutInBlocks(Dropout):
    """``Dropout`` with the same masks, for modules on a CPU that are neither mapped nor traced.

    The draws of a layer of convolutions are many, and each takes a dozen operations: as whole
    tensors of 64 bits they come from memory every time. In NumPy, which has unsigned integers of
    32 bits that overflow as they should, and in blocks, they took a thirtieth of the time (2.3
    million draws: 3 ms and 91 ms of a core).
    """

    @classmethod
    def of(cls, layer: Dropout) -> DropoutInBlocks:
        """A layer with the very same buffers."""
        self = cls(0.0, 0, layer.layer)
        self.p, self.key, self.step = layer.p, layer.key, layer.step
        return self.train(layer.training)

    def _drop(self, x: Tensor, rows: Tensor, units: Tensor) -> Tensor:
        if x.device.type == "meta":
            return x * torch.empty_like(x)
        return x * self._mask(x, rows, units)

    def mask(self, x: Tensor) -> Tensor:
        """What the next step multiplies values like these by."""
        return self._mask(x, *self._addresses(x))

    def _mask(self, x: Tensor, rows: Tensor, units: Tensor) -> Tensor:
        shape = x.shape
        # In the order in which the values lie in memory: any other takes several times as long.
        last = x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)
        if last:
            units = units.view(shape[1:]).permute(1, 2, 0).flatten()
            shape = torch.Size((shape[0], *shape[2:], shape[1]))
        mask = torch.empty(shape, dtype=x.dtype)
        p = float(self.p)
        # As what is left of a probability that was rounded to 1: nothing.
        scale = float(1 / (1 - self.p).to(x.dtype)) if p < 1 else 0.0
        _fill_mask(mask.flatten(1).numpy(), rows.numpy(), units.numpy(), int(p * 2.0**32), scale)
        return mask.permute(0, 3, 1, 2) if last else mask


def _fill_mask(
    mask: np.ndarray, rows: np.ndarray, units: np.ndarray, least: int, scale: float
) -> None:
    """Set a mask (N, U) to ``scale`` where the mix of row ^ unit is at least ``least``, else 0."""
    # The first step of a mix passes through ^: it is made for rows and units, not for each draw.
    rows, units = (((x >> 16) ^ x).astype(np.uint32) for x in (rows, units))
    count = max(1, _BLOCK // max(1, len(units)))
    multiplier, half, factor = np.uint32(_MULTIPLIER), np.uint32(16), mask.dtype.type(scale)
    all_draws, all_high = (np.empty((count, len(units)), np.uint32) for _ in range(2))
    all_kept = np.empty(all_draws.shape, bool)
    for start in range(0, len(rows), count):
        part = mask[start : start + count]
        draws, high, kept = (array[: len(part)] for array in (all_draws, all_high, all_kept))
        np.bitwise_xor(units, rows[start : start + count, None], out=draws)
        for _ in range(2):
            np.multiply(draws, multiplier, out=draws)
            np.right_shift(draws, half, out=high)
            np.bitwise_xor(draws, high, out=draws)
        np.greater_equal(draws, least, out=kept)
        np.multiply(kept, factor, out=part)
