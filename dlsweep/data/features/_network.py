"""What turns images into features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

Extract: TypeAlias = Callable[[Tensor], Tensor]
"""From images (N, C, H, W), float32 with pixels in [0, 1], to features (N, size), float32."""


@dataclass(frozen=True)
class Network:
    """A network that is asked for features; its weights are read only for that.

    Attributes:
        name: what messages call it.
        identity: other networks, and other weights, have another.
        size: how many features an image has.
        load: reads the weights, and gives the function that computes features. It raises
            ConfigError, in one line, where there are no such weights.
    """

    name: str
    identity: str
    size: int
    load: Callable[[], Extract]
