"""A data set as tensors: three splits, scaled in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from dlsweep.config import ConfigError, RunConfig
from dlsweep.data._facts import facts_of, split_problems
from dlsweep.data._split import stratified_holdout, stratified_subset
from dlsweep.data.own import raw_of_arrays, with_test
from dlsweep.parts.data_sets._raw import Raw


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
class Scaling:
    """How images came from raw numbers: ``(raw − offset) / scale``.

    Args:
        offset, scale: arrays that broadcast to (C, H, W).
    """

    offset: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))
    scale: npt.NDArray[np.float64] = field(default_factory=lambda: np.full(1, 255.0))

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            name: {"shape": array.shape, "values": array.ravel().tolist()}
            for name, array in (("offset", self.offset), ("scale", self.scale))
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Scaling:
        """What ``as_dict`` gave; that of pixels for an empty mapping."""
        arrays = {
            name: np.array(array["values"]).reshape(array["shape"])
            for name, array in values.items()
        }
        return cls(**arrays)

    def apply(self, raw: npt.NDArray[Any], dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Raw numbers as a model takes them."""
        return torch.from_numpy((raw - self.offset) / self.scale).to(dtype)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set, ready to train on.

    Args:
        name: what figures and messages call it; of a data set known by name, its key in `DATASETS`.
        train: what weights are fitted to.
        val: what runs are compared on; the same images for every run of a sweep.
        test: what is looked at once, at the end.
        classes: the names of the classes, in the order of the labels.
        scaling: how its numbers came from the raw ones.
        content: see ``DataFacts``.
    """

    name: str
    train: Split
    val: Split
    test: Split
    classes: tuple[str, ...]
    scaling: Scaling = field(default_factory=Scaling)
    content: str = ""

    @classmethod
    def of(
        cls,
        images: Any,
        labels: Any,
        *,
        test: tuple[Any, Any] | None = None,
        val: tuple[Any, Any] | None = None,
        classes: Sequence[str] | None = None,
        name: str = "own",
        val_fraction: float = 0.1,
        dtype: torch.dtype = torch.float32,
    ) -> Dataset:
        """A data set of one's own arrays or tensors.

        Args:
            images: to train on: pixels (N, H, W), (N, C, H, W) or (N, H, W, C), integers from 0 to
                255 or numbers from 0 to 1; or features (N, D), which are standardised.
            labels: one for each image, numbers or text.
            test, val: images and labels of these splits. Without, a stratified fifth of the images
                is the test split, and ``val_fraction`` of the others the validation split.
            classes: the names of the classes, of which labels are places; the labels by default.
            name: what figures and messages call it.
            val_fraction: above 0 and below 1.
            dtype: of the images, floating point.

        Raises:
            ConfigError: in one line, for arrays that make no data set.

        Example::

            labels = np.arange(300) % 2
            images = np.random.default_rng(0).random((300, 12, 9)) / 2
            images[labels == 1, :6] += 0.5
            data = Dataset.of(images, labels, classes=["dim", "lit from above"], name="lamps")
            result = dlsweep.train({"epochs": 5}, data=data)
            table = dlsweep.run_sweep("sweep.yaml", data=data)
        """
        parts = {"train": (images, labels), "val": val, "test": test}
        given = {part: pair for part, pair in parts.items() if pair is not None}
        raw = with_test(name, raw_of_arrays(name, given, classes))
        config = RunConfig(val_fraction=val_fraction)
        if problems := split_problems(facts_of(name, raw), config.val_fraction, None):
            raise ConfigError(problems)
        (train, held_out, to_test), scaling = split_and_scale(raw, config, dtype=dtype)
        return cls(name, train, held_out, to_test, raw.classes, scaling)

    @property
    def is_table(self) -> bool:
        """Whether it is a table of features, of which there are no pictures."""
        return self.image_shape[:2] == (1, 1)

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


def split_and_scale(
    raw: Raw, config: RunConfig, pixel_max: int = 255, dtype: torch.dtype = torch.float32
) -> tuple[tuple[Split, Split, Split], Scaling]:
    """Train, validation and test, and how their numbers were scaled.

    Args:
        raw: the data; it can serve the configuration.
        config: ``val_fraction`` and ``train_size`` count.
        pixel_max: the raw pixel that becomes 1.0.
        dtype: of the images, floating point.
    """
    if raw.val_images is None or raw.val_labels is None:
        train, val = stratified_holdout(raw.train_labels, config.val_fraction)
        val_images, val_labels = raw.train_images[val], raw.train_labels[val]
    else:
        train = np.arange(len(raw.train_labels))
        val_images, val_labels = raw.val_images.copy(), raw.val_labels
    if config.train_size is not None:
        train = train[stratified_subset(raw.train_labels[train], config.train_size)]
    # Indexing copies, so that the tensors are writable and hold no more memory than they need.
    images = raw.train_images[train]
    if raw.standardise:
        offset, scale = images.mean(axis=0, dtype=np.float64), images.std(axis=0, dtype=np.float64)
        scale[scale == 0] = 1.0  # a feature that never varies is 0
    else:
        low, high = raw.pixel_range or (0, pixel_max if images.dtype == np.uint8 else 1)
        offset, scale = np.full(1, float(low)), np.full(1, float(high - low))
    scaling = Scaling(offset, scale)

    def split(images: npt.NDArray[Any], labels: npt.NDArray[np.integer[Any]]) -> Split:
        targets = torch.from_numpy(labels.astype(np.int64))
        if images.dtype == np.uint8:
            return Split(scale_pixels(images, float(scale[0]), dtype), targets)
        if (offset == 0).all() and (scale == 1).all():
            return Split(torch.from_numpy(np.ascontiguousarray(images)).to(dtype), targets)
        return Split(scaling.apply(images, dtype), targets)

    first = split(images, raw.train_labels[train])
    test = split(raw.test_images.copy(), raw.test_labels)
    return (first, split(val_images, val_labels), test), scaling


def scale_pixels(
    images: npt.NDArray[np.uint8], pixel_max: float = 255, dtype: torch.dtype = torch.float32
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
