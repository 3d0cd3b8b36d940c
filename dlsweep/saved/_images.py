"""Image files as a model takes them: one or more channels, its size, pixels from 0 to 255."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from dlsweep.config import ConfigError

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = ("PNG", "JPEG", "WEBP")


def read_image(
    path: str | os.PathLike[str], image_shape: tuple[int, int, int], *, invert: bool = False
) -> np.ndarray:
    """A picture of any size and mode as uint8 pixels, (C, H, W).

    It is turned upright as its camera noted, made gray (where the model takes one channel), turned
    into its negative where asked for, and scaled with its proportions kept; what is left over takes
    the shade of the picture's rim. What is transparent becomes background, which is black in the
    end. A picture that has the size and mode already stays as it is, bit for bit.

    Args:
        path: of a PNG, JPEG or WebP file.
        image_shape: (channels, height, width), one or three channels.
        invert: for dark things on a light ground: the data sets have light things on a dark one.

    Raises:
        ConfigError: in one line, for what is no such picture.
    """
    from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path, formats=_FORMATS) as opened:
            picture = ImageOps.exif_transpose(opened)
            picture.load()
    except FileNotFoundError:
        raise ConfigError([f"{path}: no such file"]) from None
    except IsADirectoryError:
        hint = f"name the pictures in it, such as {path}/*.png"
        raise ConfigError([f"{path}: cannot be read: it is a folder; {hint}"]) from None
    except UnidentifiedImageError:
        raise ConfigError([f"{path}: not a PNG, JPEG or WebP picture"]) from None
    except Image.DecompressionBombError:
        raise ConfigError([f"{path}: too large a picture"]) from None
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for broken files
        reason = " ".join(str(error).split())
        raise ConfigError([f"{path}: cannot be read ({reason})"]) from None
    channels, height, width = image_shape
    picture = _flat(picture, "L" if channels == 1 else "RGB", ground=255 if invert else 0)
    if invert:
        picture = ImageChops.invert(picture)
    if picture.size != (width, height):
        shade = tuple(int(level) for level in np.median(_rim(np.asarray(picture)), axis=0))
        picture = ImageOps.pad(picture, (width, height), Image.Resampling.LANCZOS, color=shade)
    pixels = np.array(picture, dtype=np.uint8)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def looks_inverted(pixels: np.ndarray) -> bool:
    """Whether a picture (C, H, W) seems to show something dark on a light ground.

    Its rim is lighter than the middle of the scale, and no darker than what it surrounds. No test
    image of the data sets is like that but some large clothes.
    """
    gray = pixels.mean(axis=0)
    rim = float(np.median(_rim(gray)))
    return rim > 127 and rim >= float(gray.mean())  # equal: a picture of one shade


def _rim(pixels: np.ndarray) -> np.ndarray:
    """The outermost pixels of (H, W) or (H, W, C), as (N, 1) or (N, C)."""
    deep = pixels.reshape(*pixels.shape[:2], -1)
    return np.concatenate([deep[0], deep[-1], deep[:, 0], deep[:, -1]])


def _flat(picture: Image.Image, mode: str, ground: int) -> Image.Image:
    """The picture without transparency in an 8-bit mode; what is seen through is ``ground``."""
    from PIL import Image

    if picture.mode.startswith("I;16") or picture.mode == "I":  # 16 bits: keep the upper 8
        deep = np.asarray(picture.convert("I"), dtype=np.int64).clip(0, 65535)
        picture = Image.fromarray((deep // 257).astype(np.uint8))
    if picture.has_transparency_data:
        seen = picture.convert("RGBA")
        behind = Image.new("RGBA", seen.size, (ground, ground, ground, 255))
        picture = Image.alpha_composite(behind, seen)
    return picture if picture.mode == mode else picture.convert(mode)
