"""Data sets as tensors: three splits, pixels in [0, 1], scaled in one place."""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from dlsweep._version import __version__
from dlsweep.config.errors import ConfigError
from dlsweep.data._cache import cache_root, store
from dlsweep.data._datasets import Description
from dlsweep.data._fetch import contents, find
from dlsweep.data._shared import SUFFIX, shared
from dlsweep.data._split import split_problems, stratified_holdout, stratified_subset

_log = logging.getLogger("dlsweep.data")


@dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels.

    Args:
        images: floating point in [0, 1], shape (N, C, H, W).
        labels: int64 in [0, number of classes), shape (N,).
    """

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        """The number of images."""
        return len(self.labels)

    def to(
        self, device: str | torch.device | None = None, dtype: torch.dtype | None = None
    ) -> Split:
        """The same split elsewhere or in another precision; labels stay int64."""
        return Split(self.images.to(device=device, dtype=dtype), self.labels.to(device=device))


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set, ready to train on.

    Args:
        name: its key in `DATASETS`.
        train: what weights are fitted to.
        val: what runs are compared on; the same images for every run of a sweep.
        test: what is looked at once, at the end.
        classes: the names of the classes, in the order of the labels.
    """

    name: str
    train: Split
    val: Split
    test: Split
    classes: tuple[str, ...]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.classes)

    def to(
        self, device: str | torch.device | None = None, dtype: torch.dtype | None = None
    ) -> Dataset:
        """The same data set elsewhere or in another precision; labels stay int64."""
        return replace(
            self,
            train=self.train.to(device, dtype),
            val=self.val.to(device, dtype),
            test=self.test.to(device, dtype),
        )


def load(
    name: str,
    *,
    val_fraction: float = 0.1,
    train_size: int | None = None,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    cache_dir: str | os.PathLike[str] | None = None,
    share: bool = False,
) -> Dataset:
    """A data set as tensors; fetched first where it is not in the cache yet.

    The validation split is stratified and drawn with the fixed seed 0, not with a run's seed: all
    runs of a sweep are compared on the same validation images, and runs that differ in the seed
    alone differ in nothing else. It does not depend on ``train_size`` either.

    Args:
        name: a key of `DATASETS`.
        val_fraction: the part of the published training images that is held out for validation,
            above 0 and below 1. None at all is refused: validation is what a sweep selects on.
        train_size: keep only this many training images, a stratified choice that is the same for
            every run and lies within the choice for any larger number; validation and test stay
            whole. None keeps all.
        dtype: of the images, floating point.
        device: where the tensors live.
        cache_dir: as in `fetch`. A cache that cannot be written costs a warning, not the data.
        share: let the processes of this machine that ask for the same have one copy between them,
            on the CPU: a file in the cache that they map. To write to its tensors is still safe.

    Returns:
        The three splits. Images keep the order of the data set; pixels are divided by the largest
        raw value (255, or 16 for digits) and not standardised.

    Raises:
        ConfigError: no such data set, or an impossible ``val_fraction``, ``train_size`` or
            ``dtype``.
        DataUnavailable: no source could deliver the files.
    """
    problems: list[str] = []
    classes = 2  # of an unknown data set: what every classification needs
    try:
        name, description = find(name)
        classes = len(description.classes)
    except ConfigError as error:
        problems.extend(error.problems)
    if not 0 < val_fraction < 1:
        problems.append(
            f"val_fraction={val_fraction}: must be above 0 and below 1, for instance 0.1 (a sweep "
            "selects on the validation split, so there has to be one)"
        )
    if train_size is not None and not (isinstance(train_size, Integral) and train_size >= classes):
        problems.append(
            f"train_size={train_size}: must be a whole number, at least {classes} "
            "(one image of each class), or None for all"
        )
    if not dtype.is_floating_point:
        problems.append(f"dtype={dtype}: pixels in [0, 1] need a floating-point type")
    if problems:
        raise ConfigError(problems)

    directory = cache_root(cache_dir) / name

    def made() -> list[torch.Tensor]:
        splits = _splits(name, description, directory, val_fraction, train_size, dtype)
        return [tensor for split in splits for tensor in (split.images, split.labels)]

    on_cpu = torch.device(device).type == "cpu"
    if share and on_cpu and description.files:
        asked = (
            val_fraction,
            train_size,
            str(dtype),
            sorted(description.files.items()),
            __version__,
        )
        key = hashlib.sha256(repr(asked).encode()).hexdigest()[:16]
        tensors = shared(directory / f"{key}{SUFFIX}", made)
    else:
        tensors = made()
    train, val, test = (
        Split(images.to(device), labels.to(device))
        for images, labels in zip(tensors[::2], tensors[1::2], strict=True)
    )
    return Dataset(name, train, val, test, description.classes)


def _splits(
    name: str,
    description: Description,
    directory: Path,
    val_fraction: float,
    train_size: int | None,
    dtype: torch.dtype,
) -> tuple[Split, Split, Split]:
    """Train, validation and test from the files of the data set."""
    raw = description.read(contents(name, description, directory, keep=_store_or_warn))
    if problems := split_problems(
        raw.train_labels, len(description.classes), val_fraction, train_size
    ):
        raise ConfigError(problems)
    train, val = stratified_holdout(raw.train_labels, val_fraction)
    if train_size is not None:
        train = train[stratified_subset(raw.train_labels[train], train_size)]

    def split(
        images: npt.NDArray[np.uint8], labels: npt.NDArray[np.integer], keep: npt.NDArray[np.intp]
    ) -> Split:
        # Indexing copies, so that the tensors are writable and hold no more memory than they need.
        pixels = scale_pixels(images[keep], description.pixel_max, dtype)
        targets = torch.from_numpy(labels[keep].astype(np.int64))
        return Split(pixels, targets)

    return (
        split(raw.train_images, raw.train_labels, train),
        split(raw.train_images, raw.train_labels, val),
        split(raw.test_images, raw.test_labels, np.arange(len(raw.test_labels))),
    )


def scale_pixels(
    images: npt.NDArray[np.uint8], pixel_max: int = 255, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Raw pixels as a model takes them, from 0 to 1: the one place where pixels are scaled.

    Every split passes through here, and every image that a saved model is asked about.

    Args:
        images: of any shape, which is kept.
        pixel_max: the raw pixel that becomes 1.0.
        dtype: floating point.

    Returns:
        A tensor on the CPU: a GPU divides by multiplying with the reciprocal, which rounds
        differently, and pixels are the same on every device.
    """
    return torch.from_numpy(images).to(dtype).div_(pixel_max)


def _store_or_warn(path: Path, content: bytes) -> None:
    """`store`, but a cache that cannot be written is no reason not to train."""
    try:
        store(path, content)
    except OSError as error:
        _log.warning("%s: not kept for the next time (%s)", path, error.strerror or error)
