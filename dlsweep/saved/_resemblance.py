"""Whether an image is like those that a model was trained on.

Kept with a model: the principal components of its training images, and how far validation images
lie from their mean within the components (Hotelling's T²) and off them (the squared prediction
error). An image that lies farther, in either, than all but one in a thousand is unlike them.
(Jackson and Mudholkar, 1979, Technometrics 21(3).)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

_COMPONENTS = 32
_SAMPLE = 4_000
_PIXELS = 256
"""The most values of an image that are compared: larger images are averaged down to them."""

_QUANTILE = 0.999
_PREFIX = "inputs/"
"""Of the arrays' names in a file: no parameter of a torch module has a slash in its name."""


@dataclass(frozen=True, eq=False)
class Resemblance:
    """What images are compared with.

    Attributes:
        mean: (D,) of the training images.
        components: (k, D) principal directions, of unit length.
        deviations: (k,) standard deviations along them.
        limits: (2,) of the distance within the components and of that off them.
    """

    mean: np.ndarray
    components: np.ndarray
    deviations: np.ndarray
    limits: np.ndarray

    def distance(self, images: np.ndarray) -> np.ndarray:
        """How far images lie from the training images, (N,): above 1 is unlike them.

        Args:
            images: floating point as the model takes them, (N, C, H, W).
        """
        result: np.ndarray = (_distances(self, images) / self.limits).max(axis=1)
        return result

    def arrays(self) -> dict[str, np.ndarray]:
        """As a file keeps it."""
        small = {"mean": self.mean, "components": self.components}
        kept = {_PREFIX + name: value.astype(np.float16) for name, value in small.items()}
        exact = {"deviations": self.deviations, "limits": self.limits}
        return kept | {_PREFIX + name: value.astype(np.float32) for name, value in exact.items()}


def resemblance_of(train: np.ndarray, val: np.ndarray) -> Resemblance | None:
    """Learn what a data set's images are like; None where there are too few to say.

    Args:
        train: images as the model takes them, (N, C, H, W).
        val: images of the same kind that set the limits.
    """
    if len(train) < 50 or len(val) < 10:
        return None
    known = _reduced(train[:: max(1, len(train) // _SAMPLE)])
    mean = known.mean(axis=0)
    number = min(_COMPONENTS, known.shape[1] // 2 or 1, len(known) // 2)
    values, vectors = np.linalg.eigh(np.cov(known - mean, rowvar=False).reshape(len(mean), -1))
    found = Resemblance(
        mean,
        np.ascontiguousarray(vectors[:, ::-1][:, :number].T),
        np.sqrt(np.maximum(values[::-1][:number], 1e-12)),
        np.ones(2),
    )
    limits = np.quantile(_distances(found, val[:_SAMPLE]), _QUANTILE, axis=0)
    return Resemblance(found.mean, found.components, found.deviations, np.maximum(limits, 1e-6))


def split_arrays(
    arrays: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], Resemblance | None]:
    """The weights in a file's arrays, and what is kept beside them, which older files lack."""
    weights = {name: value for name, value in arrays.items() if not name.startswith(_PREFIX)}
    kept = {
        name.removeprefix(_PREFIX): value.astype(np.float64)
        for name, value in arrays.items()
        if name.startswith(_PREFIX)
    }
    return weights, Resemblance(**kept) if kept else None


def _reduced(images: np.ndarray) -> np.ndarray:
    """Images (N, C, H, W) as rows of at most about 256 numbers."""
    _, channels, height, width = images.shape
    factor = (_PIXELS / (channels * height * width)) ** 0.5
    if factor < 1:
        size = (max(1, int(height * factor)), max(1, min(_PIXELS, int(width * factor))))
        tensor = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))
        images = adaptive_avg_pool2d(tensor, size).numpy()
    return images.reshape(len(images), -1).astype(np.float64)


def _distances(kept: Resemblance, images: np.ndarray) -> np.ndarray:
    """Distances within the components and off them, (N, 2)."""
    apart = _reduced(images) - kept.mean
    along = apart @ kept.components.T
    within = np.sqrt(np.square(along / kept.deviations).mean(axis=1))
    off = np.square(apart).sum(axis=1) - np.square(along).sum(axis=1)
    return np.stack([within, np.sqrt(np.maximum(off, 0))], axis=1)
