"""Training images that are changed at random: what is drawn for a run in an epoch."""

from __future__ import annotations

import torch
from torch import Tensor

from dlsweep.config import RunConfig
from dlsweep.config.kinds import augmentations_of
from dlsweep.config.streams import augmentation_stream
from dlsweep.parts import AUGMENTATIONS


class EpochAugmentation:
    """The changes of a run's training images in one epoch, a function of its seed alone.

    Args:
        config: ``augment`` and ``seed`` are read.
        epoch: from 1.
        count: how many images the epoch visits.
        device: where the images are.
    """

    def __init__(self, config: RunConfig, epoch: int, count: int, device: torch.device) -> None:
        rng = augmentation_stream(config.seed, epoch)
        self._changes = []
        for name, amount in augmentations_of(config.augment):
            part = AUGMENTATIONS[name]
            drawn = torch.from_numpy(part.draw(rng, count, amount)).to(device)
            self._changes.append((part, amount, drawn))

    def __call__(self, images: Tensor, start: int) -> Tensor:
        """Images (B, C, H, W), changed, with the strides that they have.

        Args:
            images: those that the epoch visits from ``start`` on.
            start: the place of the first, from 0.
        """
        changed = images
        for part, amount, drawn in self._changes:
            changed = part.apply(changed, drawn[start : start + len(images)], amount)
        if changed is images or changed.stride() == images.stride():
            return changed
        # Which way convolutions choose depends on the strides.
        return torch.empty_strided(
            images.shape, images.stride(), dtype=images.dtype, device=images.device
        ).copy_(changed)
