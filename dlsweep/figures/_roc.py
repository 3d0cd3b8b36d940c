"""ROC curves of every class against the rest, and the areas under them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_EVENLY = np.linspace(0, 2, 33)
"""Where a curve is kept: so far along it, of 1 to the right and 1 upwards."""


@dataclass(frozen=True)
class RocCurve:
    """The ROC curve of one class against the rest; empty where it is not defined.

    Attributes:
        fpr: false positive rates, ascending from 0 to 1.
        tpr: true positive rates, likewise.
    """

    fpr: tuple[float, ...] = ()
    tpr: tuple[float, ...] = ()


def roc_curves(
    probabilities: np.ndarray, labels: np.ndarray
) -> Iterator[tuple[float | None, RocCurve]]:
    """Area and thinned curve of each class; nothing where there are no images of one of two sides.

    The numbers are those of ``sklearn.metrics.roc_curve`` and ``auc``, to which tests hold them.
    They are counted here because a sweep does it for every run, and for all classes at once it
    takes a tenth of the time.

    Args:
        probabilities: finite and not negative, float32, (N, classes).
        labels: the true classes, (N,).
    """
    # The bits of floats that are not negative are ordered as these are. With the sign's place taken
    # by the answer, plain numbers are sorted, which takes far less time than sorting places.
    bits = np.ascontiguousarray(probabilities.T, np.float32).view(np.uint32) << 1
    bits[labels, np.arange(len(labels))] |= 1
    bits.sort(axis=1)
    images = np.arange(1, 1 + len(labels), dtype=np.uint32)
    for ascending in bits:
        row = ascending[::-1]
        true = (row & 1).cumsum(dtype=np.uint32)
        positive = int(true[-1]) if len(true) else 0
        negative = len(true) - positive
        if not positive or not negative:
            yield None, RocCurve()
            continue
        # Every image is a step, up or to the right. Only images with equal scores can be told apart
        # by no threshold: they are one slanting step, and half of what it cuts off is too much.
        squares = int(true.sum(dtype=np.int64)) - positive * (positive + 1) // 2
        (mixed,) = np.nonzero((row[1:] ^ row[:-1]) == 1)  # the same score, and another answer
        first, hits, end = _places(ascending, row[mixed])
        area = (squares - ((hits - first) * (end - hits)).sum() / 2) / (positive * negative)
        # Evenly along the curve, so that the steep part near 0 keeps as much as the flat one.
        way = true / positive + (images - true) / negative
        reached = np.searchsorted(way, _EVENLY[1:])
        kept = np.unique(len(row) - 1 - _places(ascending, row[reached])[0])
        found = true[kept]
        fpr, tpr = (images[kept] - found) / negative, found / positive
        yield round(float(area), 6), RocCurve(_from_zero(fpr), _from_zero(tpr))


def _places(ascending: np.ndarray, some: np.ndarray) -> tuple[np.ndarray, ...]:
    """Where the images with some's scores begin, where the positive ones do, and where they end."""
    score = some & ~np.uint32(1)
    return tuple(ascending.searchsorted(score + np.uint32(more)) for more in (0, 1, 2))


def _from_zero(rates: np.ndarray) -> tuple[float, ...]:
    return (0.0, *rates.round(4).tolist())
