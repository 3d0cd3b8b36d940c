"""What a data set looks like: samples, counts, and the images in two dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dlsweep.data import Dataset, Split
from dlsweep.figures._grids import INK, Cell, grid, pixels
from dlsweep.figures._layers import project
from dlsweep.figures._plots import counts_picture, points_picture

if TYPE_CHECKING:
    from PIL.Image import Image

_SAMPLES = 40
_POINTS = 2000
"""How many training images the scatter is made from: the first ones."""


def class_counts(data: Dataset) -> dict[str, list[int]]:
    """How many images of each class each split has."""
    splits = {"train": data.train, "val": data.val, "test": data.test}
    return {name: _counts(split, data.num_classes) for name, split in splits.items()}


def data_pictures(data: Dataset) -> dict[str, Image]:
    """The pictures of a data set by name; they are the same for every run.

    - ``class_samples``: the first training image of each class, of the first 40; not of tables;
    - ``class_distribution``: the images of each class in each split;
    - ``data_pca``: the first two principal components of the first 2,000 training images.
    """
    labels = data.train.labels.cpu().numpy()
    cells = []
    for label, name in enumerate(() if data.is_table else data.classes[:_SAMPLES]):
        (places,) = np.nonzero(labels == label)
        if len(places):
            image = data.train.images[int(places[0])].cpu().numpy()
            cells.append(Cell(pixels(image), ((name, INK),)))
    images = data.train.images[:_POINTS].flatten(1).cpu().numpy()
    points = project(images, "pca")
    samples = grid(cells, columns=5)
    title = f"{data.name}: {len(images):,} training images, first two principal components"
    pictures = {
        "class_samples": samples,
        "class_distribution": counts_picture(class_counts(data), data.classes),
        "data_pca": None
        if points is None
        else points_picture(points, labels[:_POINTS], data.classes, title),
    }
    return {name: picture for name, picture in pictures.items() if picture is not None}


def _counts(split: Split, classes: int) -> list[int]:
    counted: list[int] = np.bincount(split.labels.cpu().numpy(), minlength=classes).tolist()
    return counted
