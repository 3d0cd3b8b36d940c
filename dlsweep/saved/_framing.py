"""How a data set frames what it shows: measured on training images, done again to a picture.

MNIST's digits were scaled to 20×20 pixels with their proportions kept and put into 28×28 by their
centre of mass (LeCun et al., 1998, section III.A); scikit-learn's digits fill 8×8, each pixel the
share of ink in a block of a bitmap. Neither is known here by name: the size of the box, what is
centred and how wide strokes are, is measured on the training images when a model is kept.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy

from dlsweep.saved._ink import Ink, stroke_width

_SAMPLE = 200
"""How many training images are measured."""


@dataclass(frozen=True)
class Framing:
    """Where strokes lie in the images of a data set.

    Attributes:
        box: the longer side of what is shown, in pixels.
        by_mass: whether its centre of mass lies in the same place in all images; else the middle
            of its bounding box does.
        centre: that place: row and column.
        stroke: the usual width of the strokes, in pixels.
        dark: whether strokes are darker than the ground.
    """

    box: int
    by_mass: bool
    centre: tuple[float, float]
    stroke: float
    dark: bool

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    def fits(self, pixels: np.ndarray) -> bool:
        """Whether an image, uint8 (H, W), is framed like this already."""
        amount = pixels.astype(np.float32) / 255
        found = _measure(1 - amount if self.dark else amount)
        if found is None:
            return False
        at = found.mass if self.by_mass else found.middle
        return (
            found.rim < 0.25
            and abs(found.box - self.box) <= 1
            and float(np.abs(np.subtract(at, self.centre)).max()) <= 1
        )

    def apply(self, ink: Ink, shape: tuple[int, int]) -> np.ndarray:
        """An image, uint8 (H, W), that shows ink as the training images do."""
        amount = _of_usual_width(ink, self)
        scale = self.box / max(amount.shape)
        size = [max(1, round(side * scale)) for side in amount.shape]
        small = _resized(amount, size[0], size[1])
        small = small / max(float(small.max()), 1e-6)
        at = scipy.ndimage.center_of_mass(small) if self.by_mass else (np.array(size) - 1) / 2
        canvas = np.zeros(shape, np.float32)
        top, left = (
            int(np.clip(round(target - centre), 0, max(0, whole - side)))
            for target, centre, whole, side in zip(self.centre, at, shape, size, strict=True)
        )
        part = small[: shape[0] - top, : shape[1] - left]
        canvas[top : top + part.shape[0], left : left + part.shape[1]] = part
        image = np.rint(canvas * 255).clip(0, 255).astype(np.uint8)
        return 255 - image if self.dark else image


def framing_of(images: np.ndarray) -> Framing | None:
    """Measure how images are framed; None where they have no framing in common, or show no strokes.

    Args:
        images: floating point in [0, 1], (N, C, H, W).
    """
    _, channels, height, width = images.shape
    if channels != 1 or min(height, width) < 8 or not len(images):
        return None
    sample = images[:: max(1, len(images) // _SAMPLE), 0]
    dark = float(np.median([_rim_level(image) for image in sample])) > 0.5
    found = [m for image in sample if (m := _measure(1 - image if dark else image)) is not None]
    if len(found) < 0.9 * len(sample):
        return None
    box = int(np.median([m.box for m in found]))
    same = np.mean([box - 1 <= m.box <= box + 1 for m in found])
    ground = np.mean([m.rim < 0.25 for m in found])
    # Blurred edges make strokes of few pixels look wider by about a pixel and a half.
    thick = float(np.median([(m.widest - 1.5) / m.box for m in found]))
    if same < 0.9 or ground < 0.8 or thick > 1 / 3:
        return None
    masses, middles = np.array([m.mass for m in found]), np.array([m.middle for m in found])
    by_mass = bool(masses.std(axis=0).sum() < middles.std(axis=0).sum())
    row, column = np.median(masses if by_mass else middles, axis=0)
    stroke = float(np.median([m.stroke for m in found]))
    return Framing(box, by_mass, (float(row), float(column)), stroke, dark)


@dataclass(frozen=True)
class _Measures:
    """Of one image: pixels, and levels from 0 (ground) to 1."""

    box: int
    mass: tuple[float, float]
    middle: tuple[float, float]
    rim: float
    stroke: float
    widest: float


def _measure(amount: np.ndarray) -> _Measures | None:
    top = float(amount.max())
    if top < 0.1:
        return None
    mask = amount > 0.1 * top
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    # Four times as large, for strokes are few pixels wide.
    fine = scipy.ndimage.zoom(np.pad(amount, 1), 4, order=1)
    deep = scipy.ndimage.distance_transform_edt(fine > 0.25 * top)
    row, column = scipy.ndimage.center_of_mass(amount)
    return _Measures(
        box=int(max(np.ptp(rows), np.ptp(columns))) + 1,
        mass=(float(row), float(column)),
        middle=((rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2),
        rim=_rim_level(amount),
        stroke=stroke_width(fine > 0.5 * top) / 4,
        widest=float(2 * deep.max()) / 4,
    )


def _rim_level(image: np.ndarray) -> float:
    return float(np.median(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])))


def _of_usual_width(ink: Ink, framing: Framing) -> np.ndarray:
    """Ink whose strokes are neither much thinner nor much wider than the training images'."""
    usual = framing.stroke / framing.box * max(ink.amount.shape)
    if ink.stroke < 0.75 * usual:
        radius = int((0.75 * usual - ink.stroke) / 2)
        change = scipy.ndimage.grey_dilation
    else:
        radius = int((ink.stroke - 1.4 * usual) / 2)
        change = scipy.ndimage.grey_erosion
    if radius < 1:
        return ink.amount
    span = np.arange(-radius, radius + 1)
    disk = np.add.outer(span**2, span**2) <= radius**2
    changed: np.ndarray = change(np.pad(ink.amount, radius), footprint=disk)
    shown = changed > 0.5
    if not shown.any():
        return ink.amount
    rows, columns = scipy.ndimage.find_objects(shown.astype(np.int8))[0]
    part: np.ndarray = changed[rows, columns]
    return part


def _resized(amount: np.ndarray, height: int, width: int) -> np.ndarray:
    """Each pixel the mean of what it covers; where there are fewer to begin with, between them."""
    from PIL import Image

    shrinks = max(amount.shape) >= 2 * max(height, width)
    how = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(amount.astype(np.float32)).resize((width, height), how))
