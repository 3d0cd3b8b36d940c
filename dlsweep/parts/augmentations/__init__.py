"""Changes of training images, drawn anew in each epoch: one file each."""

from __future__ import annotations

from dlsweep.parts.augmentations._augmentation import Augmentation

__all__ = ["Augmentation"]
