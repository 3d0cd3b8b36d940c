"""What an augmentation's file brings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from dlsweep.parts._lazy import np
from dlsweep.parts._part import Part

if TYPE_CHECKING:
    from torch import Tensor


class Augmentation(Part, ABC):
    """A random change of images that leaves their classes as they are.

    Attributes:
        amount: the default of the number that may follow its name; 0 where it takes none.
    """

    amount: ClassVar[int] = 0

    @abstractmethod
    def draw(self, rng: np.random.Generator, count: int, amount: int) -> np.ndarray:
        """What is done to each of some images, (count, …), int64."""

    @abstractmethod
    def apply(self, images: Tensor, drawn: Tensor, amount: int) -> Tensor:
        """Images (B, C, H, W), changed as was drawn for them, (B, …)."""
