"""What an autoencoder makes of images: their code, and what comes back out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from dlsweep.data import Split
from dlsweep.figures._grids import INK, Cell, grid, pixels
from dlsweep.figures._layers import METHODS, SHOWN, project
from dlsweep.figures._plots import image_picture, points_picture
from dlsweep.models import Autoencoder
from dlsweep.training import TrainedModel

if TYPE_CHECKING:
    from PIL.Image import Image

_IMAGES = 10
_SIDE = 15
"""How many codes along a side of the decoder's picture."""
_TAIL = 0.02
"""The share of the codes on each side that this picture leaves out."""


def is_autoencoder(model: TrainedModel) -> bool:
    """Whether a trained model is an autoencoder."""
    return isinstance(model.module, Autoencoder)


def code_scores(model: TrainedModel, test: Split) -> dict[str, float]:
    """How well an autoencoder's code keeps the classes apart, by the names it is logged under.

    ``silhouette`` (Rousseeuw 1987; scikit-learn's): of the code itself, in all its dimensions, for
    the first 1,000 test images; 1 where classes are far apart, 0 where they overlap, below where
    images are nearer to another class than to their own. Nothing where it is not defined, as of a
    code that is not finite.
    """
    code, labels = model.code(test.images[:SHOWN]), test.labels[:SHOWN].cpu().numpy()
    if not np.isfinite(code).all() or not 2 <= len(np.unique(labels)) < len(labels):
        return {}
    # Imported only here: few runs need it.
    from sklearn.metrics import silhouette_score
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # others train on the other cores
        return {"silhouette": float(silhouette_score(code.astype(np.float64), labels))}


def autoencoder_pictures(model: TrainedModel, test: Split) -> dict[str, Image]:
    """The pictures of an autoencoder by name.

    - ``reconstructions``: a test image of each class, ten at most, above what the decoder makes of
      its code; not of tables;
    - ``code``: that of the first ``projection_images`` test images by class, as it is where it is
      of two numbers, else in two dimensions by the configuration's ``projection``;
    - ``decoded``: of a code of two numbers, what the decoder makes of codes in rows and columns, in
      the picture where they are among those of the test images; not of tables.
    """
    shown = model.config.projection_images
    images, labels = test.images[:shown].cpu().numpy(), test.labels[:shown].cpu().numpy()
    code = model.code(test.images[:shown])
    pictures = {"code": _code(model, code, labels, code_scores(model, test))}
    if model.image_shape[:2] != (1, 1):
        pictures["reconstructions"] = _reconstructions(model, images, labels)
        pictures["decoded"] = _decoded(model, code)
    return {name: picture for name, picture in pictures.items() if picture is not None}


def _code(
    model: TrainedModel, code: np.ndarray, labels: np.ndarray, scores: dict[str, float]
) -> Image | None:
    method = model.config.projection
    points = code if code.shape[1] == 2 else project(code, method)
    if points is None:
        return None
    shown = "" if code.shape[1] == 2 else f", {METHODS[method]}"
    score = "".join(f"; {name} {value:.2f}" for name, value in scores.items())
    title = f"code of {code.shape[1]}, {len(code):,} test images{shown}{score}"
    return points_picture(points, labels, model.classes, title)


def _reconstructions(model: TrainedModel, images: np.ndarray, labels: np.ndarray) -> Image | None:
    places = [np.nonzero(labels == label)[0] for label in range(len(model.classes))]
    chosen = [int(place[0]) for place in places if len(place)][:_IMAGES]
    originals = images[chosen]
    made = model.decode(model.code(torch.from_numpy(originals)))
    errors = np.square(made - originals).mean((1, 2, 3))
    above = [
        Cell(pixels(image), ((model.classes[labels[i]], INK),))
        for i, image in zip(chosen, originals, strict=True)
    ]
    below = [
        Cell(pixels(image), ((f"error {error:.3f}", INK),))
        for image, error in zip(made, errors, strict=True)
    ]
    return grid([*above, *below], columns=len(chosen))


def _decoded(model: TrainedModel, code: np.ndarray) -> Image | None:
    if code.shape[1] != 2:
        return None
    low, high = np.quantile(code, [_TAIL, 1 - _TAIL], axis=0)
    across, up = np.linspace(low, high, _SIDE).T
    rows = [[(x, y) for x in across] for y in up[::-1]]
    tiles = model.decode(np.array(rows, code.dtype).reshape(-1, 2))
    channels, height, width = model.image_shape
    whole = tiles.reshape(_SIDE, _SIDE, channels, height, width).transpose(2, 0, 3, 1, 4)
    shown = pixels(whole.reshape(channels, _SIDE * height, _SIDE * width))
    extent = (float(low[0]), float(high[0]), float(low[1]), float(high[1]))
    return image_picture(shown.clip(0, 1), extent, "the decoder's images of codes")
