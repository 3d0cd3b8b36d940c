"""Picture files as pixels: upright, gray or in colour, of 8 bits, without transparency."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dlsweep.config import ConfigError

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
_DEPTHS = (8, 10, 12, 14, 16)
"""Bits that cameras and scanners use of a 16-bit file."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as it was found in a file.

    Attributes:
        pixels: uint8, (H, W) where the model takes one channel, else (H, W, 3).
        seen: what it is and how it was read, for whoever asks what was done to it.
        notices: what its owner should know.
    """

    pixels: np.ndarray
    seen: tuple[str, ...]
    notices: tuple[str, ...] = ()


def read_picture(
    path: str | os.PathLike[str], channels: int, *, ground: int | None = None
) -> Picture:
    """Read a PNG, JPEG, WebP, BMP, GIF, TIFF or PPM file of any size and mode.

    It is turned upright as its camera noted. What is transparent shows ``ground``. 16 bits become
    8, and files that use only the lower of their 16 bits are read by those.

    Args:
        path: of the file.
        channels: one for gray, three for colour.
        ground: the level, 0 to 255, that shows through; None for white behind what is dark and
            black behind what is light.

    Raises:
        ConfigError: in one line, for a file that is not a picture.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path, formats=_FORMATS) as opened:
            raw = opened.tile[0].args if opened.format == "PNG" and opened.tile else None
            picture = ImageOps.exif_transpose(opened)
            picture.load()
        deep = _sixteen_bits(path, picture, raw)
    except FileNotFoundError:
        raise ConfigError([f"{path}: no such file"]) from None
    except IsADirectoryError:
        raise ConfigError([f"{path}: a folder without pictures"]) from None
    except UnidentifiedImageError:
        raise ConfigError(
            [f"{path}: not a PNG, JPEG, WebP, BMP, GIF, TIFF or PPM picture"]
        ) from None
    except Image.DecompressionBombError:
        raise ConfigError([f"{path}: too large a picture"]) from None
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for broken files
        reason = " ".join(str(error).split())
        raise ConfigError([f"{path}: cannot be read ({reason})"]) from None
    width, height = picture.size
    seen, notices = [f"{width}×{height}"], []
    if deep is not None:
        picture, bits = _eight_bits(deep)
        if bits < 16:
            notices.append(f"a 16-bit file whose values fill {bits} bits only: read by these")
    if picture.has_transparency_data:
        picture, level = _opaque(picture, ground)
        if level is not None:
            seen.append(f"on {'white' if level == 255 else 'black' if level == 0 else level}")
    pixels = np.array(picture.convert("L" if channels == 1 else "RGB"), dtype=np.uint8)
    return Picture(pixels, tuple(seen), tuple(notices))


def _sixteen_bits(
    path: str | os.PathLike[str], picture: Image.Image, raw: object
) -> np.ndarray | None:
    """The pixels of a 16-bit PNG, upright, int64 (H, W, 1, 3 or 4); None for other files.

    Args:
        path: of the file.
        picture: what Pillow made of it.
        raw: the layout of its pixels, by Pillow's name.
    """
    from PIL import Image, ImageOps

    if picture.mode.startswith("I"):
        return np.clip(np.asarray(picture.convert("I"), dtype=np.int64), 0, 65535)[..., None]
    if raw not in ("RGB;16B", "RGBA;16B"):
        return None
    # Of 16 bits a colour Pillow keeps the first byte, which may be empty; read in the other order,
    # it is the second.
    with Image.open(path, formats=("PNG",)) as opened:
        opened.tile = [tile._replace(args=f"{raw[:-1]}L") for tile in opened.tile]
        lower = ImageOps.exif_transpose(opened)
    return np.asarray(picture, dtype=np.int64) * 256 + np.asarray(lower, dtype=np.int64)


def _eight_bits(deep: np.ndarray) -> tuple[Image.Image, int]:
    """16-bit pixels (H, W, C) as a picture of 8 bits, and how many of the 16 they fill."""
    from PIL import Image

    colours = {1: 1, 2: 1, 3: 3, 4: 3}[deep.shape[2]]
    levels, alpha = deep[..., :colours], deep[..., colours:]
    # An alpha channel that is there says by itself how many bits are meant.
    largest = int(alpha.max()) if alpha.size and alpha.max() else int(levels.max())
    bits = next(bits for bits in _DEPTHS if max(largest, int(levels.max())) < 2**bits)
    scaled = (deep * 255 // (2**bits - 1)).clip(0, 255).astype(np.uint8)
    return Image.fromarray(scaled[..., 0] if scaled.shape[2] == 1 else scaled), bits


def _opaque(picture: Image.Image, ground: int | None) -> tuple[Image.Image, int | None]:
    """The picture with ``ground`` behind it, and its level; None where nothing shows through."""
    from PIL import Image

    picture = picture.convert("RGBA")
    alpha = np.asarray(picture.getchannel("A"), dtype=float)
    if alpha.min() == 255:
        return picture, None
    if ground is None:
        levels = np.asarray(picture.convert("RGB").convert("L"), dtype=float)
        mean = (levels * alpha).sum() / alpha.sum() if alpha.any() else 255.0
        ground = 255 if mean < 128 else 0
    behind = Image.new("RGBA", picture.size, (ground, ground, ground, 255))
    return Image.alpha_composite(behind, picture), ground
