"""Shifts by whole pixels; what comes in at the sides is 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep.parts._lazy import np, torch
from dlsweep.parts.augmentations._augmentation import Augmentation

if TYPE_CHECKING:
    from torch import Tensor


class Shift(Augmentation):
    """Each image moves by up to ``amount`` pixels along each axis."""

    name = "shift"
    meaning = "moved by up to 2 pixels along each axis, or as many as shift3 says"
    also = ("translate", "random_shift", "crop", "random_crop")
    amount = 2

    def draw(self, rng: np.random.Generator, count: int, amount: int) -> np.ndarray:
        return rng.integers(0, 2 * amount + 1, (count, 2))

    def apply(self, images: Tensor, drawn: Tensor, amount: int) -> Tensor:
        _, _, height, width = images.shape
        padded = torch.nn.functional.pad(images, [amount] * 4)
        windows = padded.unfold(2, height, 1).unfold(3, width, 1)
        number = torch.arange(len(images), device=images.device)
        return windows[number, :, drawn[:, 0], drawn[:, 1]]
