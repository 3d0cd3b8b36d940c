"""Bringing images to the size and the number of channels that are asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dlsweep.config import ConfigError
from dlsweep.config.data import size_of

if TYPE_CHECKING:
    from dlsweep.data._facts import DataSettings
    from dlsweep.parts.data_sets._raw import Array, Raw


def prepared(raw: Raw, settings: DataSettings) -> Raw:
    """A data set of another size and colour, where the settings ask for it."""
    shape = raw.image_shape
    channels, height, width = shape
    if settings.color != "auto":
        channels = 3 if settings.color == "true" else 1
    if settings.image_size is not None:
        height, width = size_of(settings.image_size)
    if (channels, height, width) == shape:
        return raw
    if raw.standardise:
        name = "image_size" if settings.image_size is not None else "color"
        raise ConfigError([f"{name}: no effect on a table of features; leave it out"])
    parts: dict[str, Any] = {
        f"{part}_images": _brought(images, channels, height, width)
        for part, images, _ in raw.parts()
    }
    return replace(raw, **parts)


def _brought(images: Array, channels: int, height: int, width: int) -> Array:
    if images.shape[1] == 3 and channels == 1:
        gray = np.tensordot(np.array([0.299, 0.587, 0.114]), images, axes=([0], [1]))[:, None]
        images = (gray.round() if images.dtype == np.uint8 else gray).astype(images.dtype)
    if images.shape[2:] != (height, width):
        images = _resized(images, height, width)
    return np.repeat(images, 3, axis=1) if images.shape[1] < channels else images


def _resized(images: Array, height: int, width: int) -> npt.NDArray[np.generic]:
    """Images of another size, by Pillow, which looks at all pixels where there are fewer after."""
    from PIL import Image

    resized = np.empty((*images.shape[:2], height, width), images.dtype)
    for place in np.ndindex(*images.shape[:2]):
        picture = Image.fromarray(images[place])
        resized[place] = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
    return resized
