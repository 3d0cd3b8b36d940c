"""Images in rows with a few words under each, drawn by Pillow alone: it is done after every run."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dlsweep.figures._analysis import Example

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE = 140
"""About how many pixels an image is wide in the picture."""
_TEXT = 15
_LINE = 20
_GAP = 16
INK, RIGHT, WRONG = "#1f2328", "#1a7f37", "#cf222e"


@dataclass(frozen=True)
class Cell:
    """One image of a grid.

    Attributes:
        pixels: (H, W), or (H, W, 3), from 0 to 1.
        lines: the text under it, each line with its colour.
    """

    pixels: np.ndarray
    lines: tuple[tuple[str, str], ...]


def examples_picture(
    examples: Sequence[Example], images: np.ndarray, classes: Sequence[str]
) -> Image | None:
    """Test images with their true class, and what the model took them for how surely.

    Args:
        examples: those to show, in this order.
        images: of the whole split, (N, C, H, W), from 0 to 1.
        classes: the names of the classes.

    Returns:
        The picture; None where there are no examples.
    """
    cells = []
    for example in examples:
        right = example.predicted == example.label
        colour = RIGHT if right else WRONG
        lines = (
            (f"true: {classes[example.label]}", INK),
            (f"predicted: {classes[example.predicted]}", colour),
            (f"probability: {_percent(example.probability)}", colour),
        )
        cells.append(Cell(pixels(images[example.index]), lines))
    return grid(cells)


def grid(cells: Sequence[Cell], columns: int | None = None) -> Image | None:
    """A picture of cells in rows; None where there are none.

    Args:
        cells: of images of one size.
        columns: how many in a row; four, or more where there are many cells.
    """
    if not cells:
        return None
    # Imported only here: nothing else of a run needs it.
    from PIL import Image

    columns = min(len(cells), columns or max(4, math.ceil(math.sqrt(len(cells)))))
    rows = math.ceil(len(cells) / columns)
    height, width = cells[0].pixels.shape[:2]
    zoom = max(1, _SIDE // max(height, width))
    font = _font()
    widest = max(font.getlength(text) for cell in cells for text, _ in cell.lines)
    cell_width = math.ceil(max(width * zoom, widest)) + _GAP
    cell_height = height * zoom + _LINE * max(len(cell.lines) for cell in cells) + _GAP
    picture = Image.new("RGB", (columns * cell_width + _GAP, rows * cell_height + _GAP), "white")
    for i, cell in enumerate(cells):
        left = _GAP + (i % columns) * cell_width
        top = _GAP + (i // columns) * cell_height
        shown = Image.fromarray((cell.pixels * 255).round().clip(0, 255).astype(np.uint8))
        picture.paste(
            shown.resize((width * zoom, height * zoom), Image.Resampling.NEAREST), (left, top)
        )
        for k, (text, colour) in enumerate(cell.lines):
            picture.paste(_line(text, colour), (left, top + height * zoom + 4 + k * _LINE))
    return picture


def pixels(image: np.ndarray) -> np.ndarray:
    """An image (C, H, W) as a picture has it: (H, W), or (H, W, 3)."""
    shown: np.ndarray = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    return shown


def _percent(probability: float) -> str:
    """A probability in per cent; 100 % only where it is 1."""
    text = f"{100 * probability:.1f}"
    return "> 99.9 %" if text == "100.0" and probability < 1 else f"{text} %"


@functools.lru_cache(maxsize=256)
def _line(text: str, colour: str) -> Image:
    """A line of text; the same few stand under the images of every run."""
    from PIL import Image, ImageDraw

    line = Image.new("RGB", (math.ceil(_font().getlength(text)) + 1, _LINE), "white")
    ImageDraw.Draw(line).text((0, 0), text, fill=colour, font=_font())
    return line


@functools.cache
def _font() -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(_TEXT)
