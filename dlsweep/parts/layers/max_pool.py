"""Max pooling (torch.nn.MaxPool2d)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dlsweep.parts._lazy import torch
from dlsweep.parts.layers._pool import Pool

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class MaxPool(Pool):
    """The largest value of each window."""

    name: ClassVar[str] = "max_pool"
    meaning: ClassVar[str] = "max pooling: max2, max3/2"
    also: ClassVar[tuple[str, ...]] = ("maxpool2d", "max", "maxpooling", "maxpooling2d", "pool")
    short: ClassVar[str] = "max"

    def module(self, channels: int, *, bias: bool) -> nn.Module:
        return torch.nn.MaxPool2d(self.size, self.stride or self.size, self.padding)
