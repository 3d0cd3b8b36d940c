"""Pictures as a model takes them: one or more channels, its size, pixels from 0 to 255."""

from __future__ import annotations

import os

import numpy as np

from dlsweep.saved._files import read_picture


def read_image(
    path: str | os.PathLike[str], image_shape: tuple[int, int, int], *, invert: bool = False
) -> np.ndarray:
    """A picture of any size and mode as uint8 pixels, (C, H, W), scaled as a whole.

    It is turned upright as its camera noted, made gray (where the model takes one channel), turned
    into its negative where asked for, and scaled with its proportions kept; what is left over takes
    the shade of the picture's rim. Behind what is transparent comes white for dark things and black
    for light ones; with ``invert``, white. A picture that has the size and mode already stays as
    it is, bit for bit. See ``prepare_image`` for what a particular model's images are like.

    Args:
        path: of a picture; see ``read_picture``.
        image_shape: (channels, height, width), one or three channels.
        invert: for dark things on a light ground: the data sets have light things on a dark one.

    Raises:
        ConfigError: in one line, for a file that is not a picture.
    """
    picture = read_picture(path, image_shape[0], ground=255 if invert else None)
    return fit(255 - picture.pixels if invert else picture.pixels, image_shape)


def fit(pixels: np.ndarray, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Scale uint8 pixels, (H, W) or (H, W, 3), to (C, H, W) with their proportions kept."""
    from PIL import Image, ImageOps

    channels, height, width = image_shape
    if pixels.shape[:2] != (height, width):
        shade = tuple(int(level) for level in np.median(_rim(pixels), axis=0))
        how = Image.Resampling.LANCZOS
        pixels = np.asarray(ImageOps.pad(Image.fromarray(pixels), (width, height), how, shade))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def looks_inverted(pixels: np.ndarray) -> bool:
    """Whether a picture (C, H, W) seems to show something dark on a light ground.

    Its rim is lighter than the middle of the scale, and no darker than what it surrounds. No test
    image of the data sets is like that but some large clothes.
    """
    gray = pixels.mean(axis=0)
    rim = float(np.median(_rim(gray)))
    return rim > 127 and rim >= float(gray.mean())  # equal: a picture of one shade


def looks_blank(pixels: np.ndarray) -> bool:
    """Whether the pixels of a picture (C, H, W) hardly differ."""
    low, high = np.percentile(pixels.reshape(len(pixels), -1), (1, 99), axis=1)
    return float((high - low).max()) < 12


def _rim(pixels: np.ndarray) -> np.ndarray:
    """The outermost pixels of (H, W) or (H, W, C), as (N, 1) or (N, C)."""
    deep = pixels.reshape(*pixels.shape[:2], -1)
    return np.concatenate([deep[0], deep[-1], deep[:, 0], deep[:, -1]])
