"""Pictures with axes and scales, drawn by matplotlib; no state of its own is touched.

Each is made on a canvas of its own, never through pyplot, so that many can be drawn in one process
and nothing stays behind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

_DPI = 110
_MOST_TILES = 64
_MOST_CLASSES = 40
"""More than that are not named in one picture."""
_STYLE: dict[str, Any] = {"color": "#1f2328"}


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")


def _picture(figure: Figure) -> Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def points_picture(
    points: np.ndarray, labels: np.ndarray, classes: Sequence[str], title: str
) -> Image:
    """A scatter of points (N, 2) coloured by class, with a legend of at most 40 classes.

    Args:
        points: (N, 2).
        labels: (N,).
        classes: the names of the classes.
        title: one line.
    """
    from matplotlib import colormaps

    figure = _figure(7.6, 5.6)
    axes = figure.subplots()
    palette = colormaps["tab10" if len(classes) <= 10 else "tab20"]
    for label, name in enumerate(classes):
        chosen = points[labels == label]
        colour = palette(label % palette.N)
        across, up = chosen.T
        axes.scatter(across, up, s=14, color=colour, alpha=0.75, linewidths=0, label=name)
    axes.set_title(title, fontsize=12, loc="left", **_STYLE)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color("#d0d7de")
    if len(classes) > _MOST_CLASSES:
        return _picture(figure)
    legend = figure.legend(loc="outside right upper", frameon=False, fontsize=9, markerscale=1.6)
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)
    return _picture(figure)


def weights_picture(tiles: np.ndarray, title: str) -> Image:
    """Weights as images, (units, height, width): red above zero, blue below; the first 64."""
    figure = _figure(6.4, 6.4)
    axes = figure.subplots()
    shown = mosaic(tiles[:_MOST_TILES])
    rows, columns = shown.shape
    figure.set_size_inches(6.4, max(1.6, 5.6 * rows / columns + 0.7))
    finite = np.abs(shown[np.isfinite(shown)])
    # A few large weights must not take the colour from all the others.
    limit = float(np.quantile(finite, 0.995)) if finite.size and finite.max() > 0 else 1.0
    drawn = axes.imshow(shown, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8, aspect=30, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8)
    _only_the_image(axes, _counted(title, len(tiles)))
    return _picture(figure)


def maps_picture(image: np.ndarray, maps: Sequence[np.ndarray], title: str) -> Image:
    """One image (H, W) and what each convolution makes of it, (channels, height, width) each."""
    shown = [mosaic(layer[:_MOST_TILES]) for layer in maps]
    heights = [1.6, *(max(1.0, 6.4 * layer.shape[0] / layer.shape[1]) for layer in shown)]
    figure = _figure(6.4, sum(heights) + 0.45 * len(heights))
    parts = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    parts[0].imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    parts[0].set_anchor("W")
    _only_the_image(parts[0], title)
    for i, (axes, layer) in enumerate(zip(parts[1:], shown, strict=True), start=1):
        axes.imshow(layer, cmap="viridis", interpolation="nearest")
        _only_the_image(axes, _counted(f"convolution {i}", len(maps[i - 1])))
    return _picture(figure)


def image_picture(
    image: np.ndarray, extent: tuple[float, float, float, float], title: str
) -> Image:
    """An image (H, W) or (H, W, 3), from 0 to 1, along axes with numbers.

    Args:
        image: shown with its first row at the top.
        extent: what is at its left, right, bottom and top.
        title: one line.
    """
    figure = _figure(6.4, 6.7)
    axes = figure.subplots()
    axes.imshow(
        image, cmap="gray", vmin=0, vmax=1, extent=extent, aspect="auto", interpolation="nearest"
    )
    axes.set_title(title, fontsize=11, loc="left", **_STYLE)
    axes.tick_params(labelsize=8)
    return _picture(figure)


def counts_picture(counts: Mapping[str, Sequence[int]], classes: Sequence[str]) -> Image:
    """How many images of each class each split has: one row of bars for each split.

    Of more than 40 classes the last are counted together.
    """
    totals = {split: sum(numbers) for split, numbers in counts.items()}
    if len(classes) > _MOST_CLASSES:
        names = [*classes[: _MOST_CLASSES - 1], f"{len(classes) - _MOST_CLASSES + 1:,} others"]
        counts = {
            split: [*numbers[: _MOST_CLASSES - 1], sum(numbers[_MOST_CLASSES - 1 :])]
            for split, numbers in counts.items()
        }
        classes = names
    figure = _figure(max(5.0, 3.0 * len(counts)), 0.32 * len(classes) + 1.0)
    parts = figure.subplots(1, len(counts), sharey=True, squeeze=False)[0]
    for axes, (split, numbers) in zip(parts, counts.items(), strict=True):
        bars = axes.barh(range(len(classes)), numbers, color="#4c78a8", height=0.72)
        axes.bar_label(bars, labels=[f"{n:,}" for n in numbers], padding=3, fontsize=8, **_STYLE)
        axes.set_title(f"{split}: {totals[split]:,}", fontsize=11, loc="left", **_STYLE)
        axes.set_xlim(0, 1.25 * max(1, *numbers))
        axes.set_xticks([])
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=9)
    parts[0].set_yticks(range(len(classes)), classes)
    parts[0].invert_yaxis()
    return _picture(figure)


def mosaic(tiles: np.ndarray) -> np.ndarray:
    """Tiles (N, height, width) side by side in one array, about square, NaN between them."""
    count, height, width = tiles.shape
    columns = math.ceil(math.sqrt(count * height / width)) if count > 8 else count
    rows = math.ceil(count / columns)
    gap = max(1, round(min(height, width) / 12))
    whole = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for i, tile in enumerate(tiles):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        whole[top : top + height, left : left + width] = tile
    return whole


def _counted(title: str, count: int) -> str:
    return title if count <= _MOST_TILES else f"{title} (the first {_MOST_TILES} of {count})"


def _only_the_image(axes: Any, title: str) -> None:
    axes.set_title(title, fontsize=11, loc="left", **_STYLE)
    axes.set_axis_off()
