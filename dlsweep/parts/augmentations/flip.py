"""Mirror images, left for right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep.parts._lazy import np, torch
from dlsweep.parts.augmentations._augmentation import Augmentation

if TYPE_CHECKING:
    from torch import Tensor


class Flip(Augmentation):
    """Each image is mirrored with probability ½."""

    name = "flip"
    meaning = "mirrored left for right with probability ½"
    also = ("mirror", "horizontal_flip", "hflip", "random_horizontal_flip")

    def draw(self, rng: np.random.Generator, count: int, amount: int) -> np.ndarray:
        return rng.integers(0, 2, count)

    def apply(self, images: Tensor, drawn: Tensor, amount: int) -> Tensor:
        return torch.where(drawn.bool()[:, None, None, None], images.flip(3), images)
