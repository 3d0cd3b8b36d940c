"""Which images are trained on and which are held out: the same for every run, class by class."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]

# Not a run's seed: runs of a sweep are compared on the same validation images.
SPLIT_SEED = 0


def stratified_holdout(labels: npt.NDArray[np.integer], fraction: float) -> tuple[Indices, Indices]:
    """Hold out a stratified fraction, with a fixed seed.

    It is ``sklearn.model_selection.train_test_split(..., test_size=fraction, stratify=labels,
    random_state=0)``, put back into the order of the data set; written out here, so that training
    needs torch and NumPy alone.

    Args:
        labels: shape (N,).
        fraction: of the images to hold out, above 0 and below 1; rounded up to whole images.

    Returns:
        The indices that stay and those held out, each ascending; together they are ``range(N)``.

    Raises:
        ValueError: one of the two parts would have fewer images than there are classes, or a class
            has one image only.
    """
    count = len(labels)
    number_out = math.ceil(fraction * count)
    counts = np.unique(labels, return_counts=True)[1]
    if min(number_out, count - number_out) < len(counts) or counts.min() < 2:
        few = f"{count} images of {len(counts)} classes"
        raise ValueError(f"{few} are too few to hold out {fraction}")
    rng = np.random.RandomState(SPLIT_SEED)
    stay, out = _held_out(counts, fraction, rng)
    parts = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
    staying, held_out = [], []
    for places, first, second in zip(parts, stay, out, strict=True):
        shuffled = places[rng.permutation(len(places))]
        staying.append(shuffled[:first])
        held_out.append(shuffled[first : first + second])
    return np.sort(np.concatenate(staying)), np.sort(np.concatenate(held_out))


def shares_held_out(counts: npt.NDArray[np.integer], fraction: float) -> tuple[Indices, Indices]:
    """How many images of each class stay and are held out by ``stratified_holdout``."""
    return _held_out(counts, fraction, np.random.RandomState(SPLIT_SEED))


def _held_out(
    counts: npt.NDArray[np.integer], fraction: float, rng: np.random.RandomState
) -> tuple[Indices, Indices]:
    number_out = math.ceil(fraction * counts.sum())
    stay = _shares(counts, counts.sum() - number_out, rng)
    return stay, _shares(counts - stay, number_out, rng)


def _shares(counts: npt.NDArray[np.integer], draws: int, rng: np.random.RandomState) -> Indices:
    """How many of each class ``draws`` images have: scikit-learn's ``_approximate_mode``.

    Whole images first; the rest goes to the largest remainders, at random among equal ones.
    """
    exact = counts / counts.sum() * draws
    shares = np.floor(exact)
    remainders = exact - shares
    missing = int(draws - shares.sum())
    for value in np.unique(remainders)[::-1]:
        if missing == 0:
            break
        (equals,) = np.nonzero(remainders == value)
        chosen = rng.choice(equals, size=min(len(equals), missing), replace=False)
        shares[chosen] += 1
        missing -= len(chosen)
    whole: Indices = shares.astype(np.intp)
    return whole


def stratified_subset(labels: npt.NDArray[np.integer], size: int) -> Indices:
    """A stratified choice of ``size`` images, with a fixed seed; smaller ones lie in larger ones.

    train_test_split is not used, because it refuses sizes within one image per class of the whole,
    and because its choices of different sizes have nothing to do with each other: here a run with
    more images has the same ones and others besides.

    Args:
        labels: shape (N,).
        size: from the number of classes to N.

    Returns:
        Indices, ascending, shape (size,). Each class has its share of ``size`` up to one image, and
        at least one image.
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    shuffled = labels[order]
    # An image's turn is the share of its class that comes before it, so that at any moment all
    # classes are equally far through, and the first of each class comes first of all.
    turn = np.empty(len(labels))
    for label in np.unique(shuffled):
        (places,) = np.nonzero(shuffled == label)
        turn[places] = np.arange(len(places)) / len(places)
    return np.sort(order[np.argsort(turn, kind="stable")[:size]])
