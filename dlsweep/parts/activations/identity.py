"""The identity: a layer without it is a linear map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep.parts.activations._activation import Activation

if TYPE_CHECKING:
    from torch import Tensor


class Identity(Activation):
    """y = x"""

    name = "identity"
    meaning = "x"
    also = ("linear", "none", "no_activation")

    def __call__(self, x: Tensor) -> Tensor:
        return x

    def apply_(self, x: Tensor, y: Tensor) -> object:
        return None

    def backward_(self, d: Tensor, kept: Tensor) -> object:
        return None
