"""What an activation's file brings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from dlsweep.parts._part import Part

if TYPE_CHECKING:
    from torch import Tensor


class Activation(Part, ABC):
    """An elementwise function y = f(x), and its gradient written out.

    Attributes:
        keeps: which of x and y its gradient is written in: "output" where it overwrites x.
    """

    keeps: ClassVar[str] = "output"

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """f(x), differentiable, in a tensor of its own."""

    @abstractmethod
    def apply_(self, x: Tensor, y: Tensor) -> object:
        """Write f(x) to y, which is x itself where ``keeps`` is "output"."""

    @abstractmethod
    def backward_(self, d: Tensor, kept: Tensor) -> object:
        """Turn the gradient d at y into that at x, in place.

        Args:
            d: any shape.
            kept: x or y, as ``keeps`` says, of the same shape.
        """
