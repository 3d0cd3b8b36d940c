"""Average pooling (torch.nn.AvgPool2d)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dlsweep.parts._lazy import torch
from dlsweep.parts.layers._pool import Pool

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class AvgPool(Pool):
    """The mean of each window."""

    name: ClassVar[str] = "avg_pool"
    meaning: ClassVar[str] = "average pooling: avg2, avg3/2"
    also: ClassVar[tuple[str, ...]] = (
        "avgpool2d",
        "avg",
        "average",
        "averagepool",
        "averagepooling",
        "mean_pool",
    )
    short: ClassVar[str] = "avg"

    def module(self, channels: int, *, bias: bool) -> nn.Module:
        return torch.nn.AvgPool2d(
            self.size, self.stride or self.size, self.padding, count_include_pad=False
        )
