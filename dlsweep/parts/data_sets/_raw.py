"""A data set as it was read, before it is split into training and validation and scaled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Raw:
    """A data set as it was read: its parts, and the names of its classes.

    Attributes:
        train_images, test_images: (N, C, H, W): uint8 from 0 to ``pixel_max``, or float32.
        train_labels, test_labels: integers in [0, number of classes), shape (N,).
        val_images, val_labels: of a validation split that came with the data; else None, and it
            is held out of the training images.
        classes: the names of the classes; empty where whoever reads the data knows them.
        standardise: whether the numbers are features, to be brought to mean 0 and variance 1,
            rather than pixels.
        notes: a line for each thing that a user should know of how the data was read.
        pixel_range: the numbers that become 0 and 1; None for 0 and the largest pixel, which is
            255 for integers and 1 for others.
    """

    train_images: Array
    train_labels: Labels
    test_images: Array
    test_labels: Labels
    val_images: Array | None = None
    val_labels: Labels | None = None
    classes: tuple[str, ...] = ()
    standardise: bool = False
    notes: tuple[str, ...] = ()
    pixel_range: tuple[float, float] | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        channels, height, width = self.train_images.shape[1:]
        return channels, height, width

    def parts(self) -> list[tuple[str, Array, Labels]]:
        """The name, images and labels of each part that there is."""
        found = [("train", self.train_images, self.train_labels)]
        if self.val_images is not None and self.val_labels is not None:
            found.append(("val", self.val_images, self.val_labels))
        return [*found, ("test", self.test_images, self.test_labels)]

    def counts(self, part: str) -> tuple[int, ...] | None:
        """How many images of each class a part has; None where there is no such part."""
        for name, _, labels in self.parts():
            if name == part:
                return tuple(np.bincount(labels, minlength=len(self.classes)).tolist())
        return None
