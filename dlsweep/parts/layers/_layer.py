"""What the file of a kind of layer brings."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dlsweep.parts._part import Part

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, int, int]
"""(channels, height, width)"""


@dataclass(frozen=True)
class Layer(Part, ABC):
    """One layer of a CNN, as its settings say.

    A kind is a frozen dataclass; its fields are integers, and are the keys that users write.

    Attributes:
        has_weights: whether a norm, an activation and dropout follow it.
        spelled: other names that users write for a field.
        least: the lowest value of a field, where it is not 1.
        noun: what one of them is called.
    """

    has_weights: ClassVar[bool] = False
    spelled: ClassVar[Mapping[str, str]] = {}
    least: ClassVar[Mapping[str, int]] = {}
    noun: ClassVar[str] = "layer"

    @classmethod
    @abstractmethod
    def from_text(cls, text: str) -> dict[str, Any] | None:
        """The fields of a layer in its short form, lower case without spaces; None if of another
        kind."""

    @property
    @abstractmethod
    def text(self) -> str:
        """Its short form."""

    @property
    @abstractmethod
    def window(self) -> int:
        """The side of the square that each of its outputs is made from."""

    @abstractmethod
    def output_shape(self, shape: Shape) -> Shape:
        """The shape of its output; a side may be less than 1, where the input is too small."""

    @abstractmethod
    def module(self, channels: int, *, bias: bool) -> nn.Module:
        """The layer for inputs of so many channels.

        Args:
            channels: of the input.
            bias: whether it has one, where it has weights.
        """

    def weights(self, channels: int) -> int:
        """The number of its weights, without biases."""
        return 0

    def as_dict(self) -> dict[str, Any]:
        """Its fields as JSON has them, without those that have their default."""
        return {
            f.name: getattr(self, f.name)
            for f in dataclasses.fields(self)
            if f.default is dataclasses.MISSING or getattr(self, f.name) != f.default
        }


def window_output(side: int, kernel: int, stride: int, padding: int) -> int:
    """The positions of a window along a side; may be less than 1."""
    return (side + 2 * padding - kernel) // stride + 1
