"""Data sets as tensors: three splits, pixels in [0, 1], scaled in one place."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from dlsweep._version import __version__
from dlsweep.config import ConfigError, RunConfig
from dlsweep.config.data import classes_of
from dlsweep.data._cache import cache_root, store
from dlsweep.data._facts import DataFacts, DataSettings, describe, facts_of, split_problems
from dlsweep.data._fetch import contents
from dlsweep.data._prepare import prepared
from dlsweep.data._raw import Raw, select_classes
from dlsweep.data._shared import SUFFIX, shared
from dlsweep.data._split import stratified_holdout, stratified_subset
from dlsweep.data.own import OwnData, dataset_key, keep, raw_of_arrays, with_test
from dlsweep.data.sets import DATASETS

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
    """

    name: str
    train: Split
    val: Split
    test: Split
    classes: tuple[str, ...]
    scaling: Scaling = field(default_factory=Scaling)

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

            data = Dataset.of(images, labels, classes=["cat", "dog"], name="pets")
            dlsweep.train({"epochs": 3}, data=data)
        """
        parts = {"train": (images, labels), "val": val, "test": test}
        given = {part: pair for part, pair in parts.items() if pair is not None}
        raw = with_test(name, raw_of_arrays(name, given, classes))
        config = RunConfig(val_fraction=val_fraction)
        if problems := split_problems(facts_of(name, raw), config.val_fraction, None):
            raise ConfigError(problems)
        splits, (offset, scale) = _splits(raw, config, 255, dtype)
        return cls(name, *splits, raw.classes, Scaling(offset, scale))

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


def keep_dataset(data: Dataset, cache_dir: str | os.PathLike[str] | None = None) -> str:
    """Keep a data set in the cache, where other processes find it.

    It costs a file of the size of its tensors; the same data set is kept once.

    Returns:
        A reference, which the setting ``dataset`` takes: the name of the data set, and a digest of
        its content.

    Raises:
        ConfigError: the cache cannot be written.
    """
    arrays = {}
    for part in ("train", "val", "test"):
        split: Split = getattr(data, part)
        arrays[f"{part}_images"] = split.images.cpu().numpy()
        arrays[f"{part}_labels"] = split.labels.cpu().numpy()
    raw = Raw(**arrays, classes=data.classes)
    reference = dataset_key(data.name, raw)
    directory = cache_root(cache_dir) / "own" / reference
    facts = replace(facts_of(data.name, raw, directory), scaling=data.scaling.as_dict())
    try:
        keep(directory, raw, facts)
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(
            [f"data: {directory} cannot be written: {why}; DLSWEEP_DATA names another folder"]
        ) from None
    return reference


def load(
    name: str,
    *,
    val_fraction: float = 0.1,
    train_size: int | None = None,
    image_size: str | None = None,
    color: str = "auto",
    classes: str | None = None,
    skip_bad: bool = False,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    cache_dir: str | os.PathLike[str] | None = None,
    share: bool = False,
) -> Dataset:
    """A data set as tensors; fetched or read first where it is not in the cache yet.

    The validation split is the one that came with the data. Else it is stratified and drawn with
    the fixed seed 0, not with a run's seed: all runs of a sweep are compared on the same validation
    images, and runs that differ in the seed alone differ in nothing else. It does not depend on
    ``train_size`` either.

    Args:
        name: a key of `DATASETS`, the path of a file or folder, ``module:function``, or the
            reference of a data set kept by `keep_dataset`.
        val_fraction: the part of the published training images that is held out for validation,
            above 0 and below 1. None at all is refused: validation is what a sweep selects on.
        train_size: keep only this many training images, a stratified choice that is the same for
            every run and lies within the choice for any larger number; validation and test stay
            whole. None keeps all.
        image_size, color, classes, skip_bad: the settings of these names, as ``RunConfig`` has
            them.
        dtype: of the images, floating point.
        device: where the tensors live.
        cache_dir: as in `fetch`. A cache that cannot be written costs a warning, not the data.
        share: let the processes of this machine that ask for the same have one copy between them,
            on the CPU: a file in the cache that they map. To write to its tensors is still safe.

    Returns:
        The three splits. Images keep the order of the data set; pixels are divided by the largest
        raw value (255, or 16 for digits) and not standardised. The features of a table are: by the
        mean and deviation of the images that are trained on.

    Raises:
        ConfigError: no such data set, or settings that are impossible, as such or with it.
        DataUnavailable: no source could deliver the files.
    """
    problems = (
        []
        if dtype.is_floating_point
        else [f"dtype: got {dtype}, expected a floating-point type for pixels in [0, 1]"]
    )
    settings = {
        "dataset": name,
        "val_fraction": val_fraction,
        "train_size": train_size,
        "image_size": image_size,
        "color": color,
        "classes": classes,
        "skip_bad": skip_bad,
    }
    try:
        config = RunConfig(**settings)
    except ConfigError as error:
        problems = [*error.problems, *problems]
    if problems:
        raise ConfigError(problems)
    return load_for(config, dtype=dtype, device=device, cache_dir=cache_dir, share=share)


def load_for(
    config: RunConfig,
    *,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    cache_dir: str | os.PathLike[str] | None = None,
    share: bool = False,
) -> Dataset:
    """The data set that a configuration names, as `load` gives it."""
    settings, root = DataSettings.of(config), cache_root(cache_dir)
    published = DATASETS.get(settings.dataset)
    pixel_max = 255 if published is None else published.pixel_max
    if published is None:
        own = OwnData.find(settings, root)
        directory, content = own.directory, own.key
    else:
        directory = root / settings.dataset
        content = repr(sorted(published.files.items()))

    def made() -> list[torch.Tensor]:
        if published is None:
            raw = own.read()
        else:
            raw = published.read(
                contents(settings.dataset, published, directory, keep=_store_or_warn)
            )
            raw = prepared(replace(raw, classes=published.classes), settings)
        facts, raw = _chosen(
            own.facts.name if published is None else settings.dataset, raw, settings
        )
        if problems := split_problems(facts, config.val_fraction, config.train_size):
            raise ConfigError(problems)
        splits, scaling = _splits(raw, config, pixel_max, dtype)
        tensors = [tensor for split in splits for tensor in (split.images, split.labels)]
        return [*tensors, *map(torch.from_numpy, scaling)]

    if share and torch.device(device).type == "cpu" and (published is None or published.files):
        asked = (*astuple(settings), config.val_fraction, config.train_size, str(dtype), content)
        key = hashlib.sha256(repr((*asked, __version__)).encode()).hexdigest()[:16]
        tensors = shared(directory / f"{key}{SUFFIX}", made)
    else:
        tensors = made()
    *parts, offset, scale = tensors
    train, val, test = (
        Split(images.to(device), labels.to(device))
        for images, labels in zip(parts[::2], parts[1::2], strict=True)
    )
    facts = describe(config, cache_dir)
    scaling = Scaling(offset.numpy(), scale.numpy())
    if facts.scaling is not None:
        scaling = Scaling.from_dict(facts.scaling)
    return Dataset(facts.name, train, val, test, facts.classes, scaling)


def _chosen(name: str, raw: Raw, settings: DataSettings) -> tuple[DataFacts, Raw]:
    """The images of the classes that are trained on, and what is known of them."""
    if settings.classes is None:
        return facts_of(name, raw), raw
    keep = select_classes(name, raw.classes, classes_of(settings.classes))
    number = np.full(len(raw.classes), -1)
    number[keep] = np.arange(len(keep))
    parts: dict[str, npt.NDArray[Any]] = {}
    for part, images, labels in raw.parts():
        of_these = number[labels] >= 0
        parts[f"{part}_images"] = images[of_these]
        parts[f"{part}_labels"] = number[labels[of_these]]
    raw = replace(raw, **parts, classes=tuple(raw.classes[i] for i in keep))
    return facts_of(name, raw), raw


def _splits(
    raw: Raw, config: RunConfig, pixel_max: int, dtype: torch.dtype
) -> tuple[list[Split], tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Train, validation and test, and how their numbers were scaled."""
    if raw.val_images is None or raw.val_labels is None:
        train, val = stratified_holdout(raw.train_labels, config.val_fraction)
        val_images, val_labels = raw.train_images[val], raw.train_labels[val]
    else:
        train, val_images, val_labels = np.arange(len(raw.train_labels)), *_copies(raw)
    if config.train_size is not None:
        train = train[stratified_subset(raw.train_labels[train], config.train_size)]
    # Indexing copies, so that the tensors are writable and hold no more memory than they need.
    images = raw.train_images[train]
    offset, scale = np.zeros(1), np.full(1, float(pixel_max) if images.dtype == np.uint8 else 1.0)
    if raw.standardise:
        offset, scale = images.mean(axis=0, dtype=np.float64), images.std(axis=0, dtype=np.float64)
        scale[scale == 0] = 1.0  # a feature that never varies is 0
    test = raw.test_images.copy(), raw.test_labels

    def split(images: npt.NDArray[Any], labels: npt.NDArray[np.integer[Any]]) -> Split:
        targets = torch.from_numpy(labels.astype(np.int64))
        if images.dtype == np.uint8:
            return Split(scale_pixels(images, pixel_max, dtype), targets)
        scaled = (images - offset) / scale if raw.standardise else images
        return Split(torch.from_numpy(np.ascontiguousarray(scaled)).to(dtype), targets)

    parts = (images, raw.train_labels[train]), (val_images, val_labels), test
    return [split(*part) for part in parts], (offset, scale)


def _copies(raw: Raw) -> tuple[npt.NDArray[Any], npt.NDArray[np.integer[Any]]]:
    assert raw.val_images is not None
    assert raw.val_labels is not None
    return raw.val_images.copy(), raw.val_labels


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
