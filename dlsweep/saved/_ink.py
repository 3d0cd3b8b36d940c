"""Ink in photographs: what was written, without the paper, its shading and what lies beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

_WORKING_SIZE = 400
"""The longest side, in pixels, at which ink is looked for."""

STROKES = (0.33, 0.75)
"""The widest stroke, as a part of the shorter side of the picture: wider things are ground.

With the first, the ground is followed closely, shadows included; the second is for bold characters
that fill their picture.
"""

_SMALLEST = 0.02
"""The least extent of what is written, as a part of the longer side of the picture."""

_FAINTEST = 0.08
"""The least contrast of ink, as a part of the level of the ground around it."""


@dataclass(frozen=True, eq=False)
class Ink:
    """What was written in a picture.

    Attributes:
        amount: floating point (h, w) from 0 (paper) to 1 (ink), cropped to what was written.
        box: where that is in the picture: left, top, right, bottom, in its pixels.
        stroke: the usual width of the strokes, in pixels of ``amount``.
        several: whether something as tall stands beside it, such as another digit.
        clear: at most 1, how much of its outline is an edge in the picture, less the part of the
            picture's rim that would be ink: 1 is ink on a ground, little is a ground between ink.
    """

    amount: np.ndarray
    box: tuple[int, int, int, int]
    stroke: float
    several: bool
    clear: float


def find_ink(gray: np.ndarray, *, dark: bool, widest: float = STROKES[0]) -> Ink | None:
    """Find what is written in a picture; None where nothing stands out from the ground.

    The ground's level is estimated all over the picture by a grey-scale closing: the level that
    remains when everything narrower than the widest stroke is filled up with what surrounds it.
    Dark ink takes a part of the light, so the picture is divided by that level; from light ink on a
    dark ground it is subtracted. Ink is what then differs by at least half as much as the strongest
    connected stroke does.

    Args:
        gray: uint8 (H, W).
        dark: whether the ink is darker than the ground.
        widest: the widest stroke, as a part of the shorter side of the picture.
    """
    small, factor = _reduced(gray.astype(np.float32) / 255)
    small = small if dark else 1 - small
    contrast, noise, edges = _contrast(small, widest, divide=dark)
    low = max(5 * noise, _FAINTEST)
    if contrast.max() <= low:
        return None
    main, strength = _strongest(contrast, low)
    if main is None:
        return None
    mask = contrast > max(strength / 2, low)
    kept, several = _belonging(mask, main, contrast)
    if not kept.any():
        return None
    rows, columns = scipy.ndimage.find_objects(kept.astype(np.int8))[0]
    extent = max(rows.stop - rows.start, columns.stop - columns.start)
    if extent < max(4, _SMALLEST * max(small.shape)):  # a grain of the paper
        return None
    near = scipy.ndimage.binary_dilation(kept, iterations=2)
    amount = np.clip((contrast / strength - 0.2) / 0.6, 0, 1) * near
    box = (columns.start, rows.start, columns.stop, rows.stop)
    left, top, right, bottom = (round(side * factor) for side in box)
    return Ink(
        amount[rows, columns],
        (left, top, right, bottom),
        stroke_width(kept[rows, columns]),
        several,
        _clearness(small, edges, contrast, kept, strength),
    )


def stroke_width(mask: np.ndarray) -> float:
    """The usual width of the strokes in a mask (h, w), in its pixels."""
    deep = scipy.ndimage.distance_transform_edt(np.pad(mask, 1))
    ridge = (deep == scipy.ndimage.maximum_filter(deep, 3)) & (deep > 0)
    return float(2 * np.median(deep[ridge])) if ridge.any() else 0.0


def _reduced(gray: np.ndarray) -> tuple[np.ndarray, float]:
    """The picture at the size at which ink is looked for, and how much smaller that is."""
    from PIL import Image

    longest = max(gray.shape)
    if longest <= _WORKING_SIZE:
        return gray, 1.0
    factor = longest / _WORKING_SIZE
    height, width = (max(1, round(side / factor)) for side in gray.shape)
    small = Image.fromarray(gray).resize((width, height), Image.Resampling.BOX)
    return np.asarray(small), factor


def _contrast(
    gray: np.ndarray, widest: float, *, divide: bool
) -> tuple[np.ndarray, float, np.ndarray]:
    """How much darker than the ground each pixel is; the usual deviation of paper; edges.

    The last is how much darker each pixel's darkest neighbour is than its lightest, by the same
    measure.
    """
    smooth = scipy.ndimage.gaussian_filter(gray, max(gray.shape) / 600)
    window = max(3, round(widest * min(gray.shape)))
    ground = scipy.ndimage.grey_closing(smooth, size=(window, window), mode="nearest")
    ground = scipy.ndimage.gaussian_filter(ground, window / 8, mode="nearest")
    level = np.maximum(ground, 0.05) if divide else 1.0
    contrast = (ground - smooth) / level
    near = max(3, round(max(gray.shape) / 30) | 1)
    highest, lowest = (
        scipy.ndimage.maximum_filter(smooth, near),
        scipy.ndimage.minimum_filter(smooth, near),
    )
    edges = (highest - lowest) / level
    # A closing follows the lightest grains of the paper, so that paper itself differs from it.
    paper = contrast[contrast <= contrast.max() / 2]
    middle = float(np.median(paper))
    return contrast - middle, float(1.4826 * np.median(np.abs(paper - middle))), edges


def _strongest(contrast: np.ndarray, low: float) -> tuple[np.ndarray | None, float]:
    """The connected stroke with the most ink, and how strong its ink is.

    What lies along the rim of the picture, such as the edge of the paper, counts only where there
    is nothing else.
    """
    labels, count = scipy.ndimage.label(contrast > low, structure=np.ones((3, 3)))
    if not count:
        return None, 0.0
    index = np.arange(1, count + 1)
    mass = scipy.ndimage.sum_labels(contrast, labels, index)
    rim = np.zeros(contrast.shape, bool)
    rim[[0, -1]] = rim[:, [0, -1]] = True
    along = scipy.ndimage.sum_labels(rim, labels, index)
    area = scipy.ndimage.sum_labels(np.ones_like(contrast), labels, index)
    inside = along < 0.25 * np.sqrt(area) + 2
    chosen = mass * np.where(inside, 1, 1e-3)
    main = labels == index[int(chosen.argmax())]
    return main, float(np.percentile(contrast[main], 90))


def _belonging(mask: np.ndarray, main: np.ndarray, contrast: np.ndarray) -> tuple[np.ndarray, bool]:
    """The parts of ``mask`` that belong to ``main``, and whether others stand beside them."""
    labels, _ = scipy.ndimage.label(mask, structure=np.ones((3, 3)))
    kept = mask & main
    rows, columns = scipy.ndimage.find_objects(main.astype(np.int8))[0]
    tall, wide = rows.stop - rows.start, columns.stop - columns.start
    reach = 0.3 * max(tall, wide)
    whole = float(contrast[kept].sum())
    several = False
    for label, place in enumerate(scipy.ndimage.find_objects(labels), start=1):
        part = labels[place] == label
        if (part & main[place]).any():
            continue
        much = float(contrast[place][part].sum()) > 0.03 * whole
        down = max(place[0].start - rows.stop, rows.start - place[0].stop)
        across = max(place[1].start - columns.stop, columns.start - place[1].stop)
        as_tall = place[0].stop - place[0].start > 0.6 * tall
        if much and as_tall and across >= 0:
            several = True
        elif much and down < reach and across < reach:
            kept[place] |= part
    return kept, several


def _clearness(
    small: np.ndarray, edges: np.ndarray, contrast: np.ndarray, kept: np.ndarray, strength: float
) -> float:
    """How clearly ink stands out of its surroundings; 0 where it has none."""
    outline = kept & ~scipy.ndimage.binary_erosion(kept)
    sharp = float((edges[outline] > 0.5 * strength).mean())
    around = scipy.ndimage.binary_dilation(kept, iterations=4) & (contrast < 0.3 * strength)
    if not around.any():
        return 0.0
    between = (float(np.median(small[kept])) + float(np.median(small[around]))) / 2
    rim = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    return sharp - float((rim < between).mean())
