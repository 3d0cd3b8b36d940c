"""What is known of a data set without its images: shape, classes and counts, in one place.

Nothing here imports torch: sweep files are checked before anything is trained.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dlsweep.config import RunConfig
from dlsweep.data._split import shares_held_out
from dlsweep.parts import PublishedSet
from dlsweep.parts.data_sets._raw import Raw

if TYPE_CHECKING:
    from pathlib import Path


DATA_DIGEST = "data_digest"
"""The name under which a run keeps what its data consisted of; see ``DataFacts.content``."""

_TYPES = (str, bool, type(None))


@dataclass(frozen=True)
class DataSettings:
    """The settings that decide which images there are, and what is trained on of them."""

    dataset: str
    image_size: str | None = None
    color: str = "auto"
    classes: str | None = None
    skip_bad: bool = False
    features: str | None = None
    features_weights: str = "default"

    @property
    def of_pictures(self) -> DataSettings:
        """The same without features: those of the images that they are computed from."""
        return replace(self, features=None, features_weights="default")

    @classmethod
    def of(cls, config: RunConfig) -> DataSettings:
        """Those of a configuration."""
        values = (getattr(config, name) for name in cls.__dataclass_fields__)
        return cls(*values)

    @classmethod
    def among(cls, settings: Mapping[str, Any]) -> DataSettings:
        """Those among the settings of a run, as a table of runs has them; else the defaults."""
        known = {name: settings[name] for name in cls.__dataclass_fields__ if name in settings}
        return cls(**{"dataset": "", **{k: v for k, v in known.items() if type(v) in _TYPES}})


@dataclass(frozen=True)
class DataFacts:
    """What is known of a data set.

    Attributes:
        name: what figures and messages call it.
        image_shape: channels, height and width.
        classes: the names of the classes, in the order of the labels.
        train, test: how many images of each class the parts have; where no validation split came
            with the data, it is held out of the first.
        val: likewise, of a validation split that came with the data; else None.
        standardise: whether the numbers are features of a table rather than pixels.
        pixel_range: see ``Raw``.
        notes: a line for each thing that a user should know of how the data was read.
        directory: where it is kept in the cache.
        content: of one's own data, a digest of its images and labels, and of features those and
            the network too; other data has another. Empty of data known by name.
        scaling: of a data set given as tensors, how these came from raw numbers, where that is
            known; see ``Scaling.as_dict``.
    """

    name: str
    image_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    train: tuple[int, ...]
    val: tuple[int, ...] | None
    test: tuple[int, ...]
    standardise: bool = False
    pixel_range: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    directory: Path | None = None
    scaling: Mapping[str, Any] | None = None
    content: str = ""

    def sizes(self, val_fraction: float, train_size: int | None = None) -> tuple[int, int, int]:
        """How many images are trained, validated and tested on."""
        total = sum(self.train)
        val = math.ceil(val_fraction * total) if self.val is None else sum(self.val)
        left = total - val if self.val is None else total
        return min(left, train_size or left), val, sum(self.test)


def verified(published: PublishedSet, raw: Raw) -> Raw:
    """A published data set that has been read, with its classes; its file must say what it is.

    Raises:
        ValueError: the file says otherwise.
    """
    raw = replace(raw, classes=published.classes)
    known = published.image_shape, published.train, published.test
    test = raw.counts("test") or ()
    tested = sum(test) if isinstance(published.test, int) else test
    found = raw.image_shape, raw.counts("train"), tested
    if published.image_shape is not None and known != found:
        raise ValueError(f"{published.name}: its file says {known}, and its images say {found}")
    return raw


def facts_of(name: str, raw: Raw, directory: Path | None = None) -> DataFacts:
    """The facts of a data set that has been read."""
    return DataFacts(
        name,
        raw.image_shape,
        raw.classes,
        raw.counts("train") or (),
        raw.counts("val"),
        raw.counts("test") or (),
        raw.standardise,
        raw.pixel_range,
        raw.notes,
        directory,
    )


def data_problems(config: RunConfig, facts: DataFacts) -> list[str]:
    """What of a configuration its data set cannot serve, one line each."""
    problems = split_problems(facts, config.val_fraction, config.train_size)
    if config.augment is not None and facts.image_shape[1] == 1:
        problems.append(f"augment: {facts.name} has rows of numbers, which {config.augment} spoils")
    if config.model == "cnn":
        shape = facts.image_shape
        for i, layer in enumerate(config.conv_layers, start=1):
            after = layer.output_shape(shape)
            if min(after) < 1:
                _, height, width = shape
                problems.append(
                    f"conv_layers: {layer.noun} {i} ({layer.window}×{layer.window}) is larger than "
                    f"the {height}×{width} image that reaches it"
                )
                break
            shape = after
    return problems


def split_problems(facts: DataFacts, val_fraction: float, train_size: int | None) -> list[str]:
    """What cannot be had of so many images, one line each; for values that are possible as such.

    Args:
        facts: of the data.
        val_fraction: above 0 and below 1.
        train_size: at least 1, or None.
    """
    name, classes = facts.name, len(facts.classes)
    total, (left, held_out, _) = sum(facts.train), facts.sizes(val_fraction)
    if facts.val is None:
        if min(held_out, left) < classes:
            return [
                f"val_fraction: got {val_fraction:g}, which makes {held_out:,} validation and "
                f"{left:,} training images of {name}; each needs one of every of the "
                f"{classes} classes"
            ]
        if min(facts.train) < 2:
            single = [f"{c!r}" for c, n in zip(facts.classes, facts.train, strict=True) if n < 2]
            what = f"class {single[0]} has" if len(single) == 1 else f"{', '.join(single)} have"
            return [
                f"dataset: {what} fewer than 2 of the {total:,} training images of {name}; every "
                "class needs one to train on and one to validate on"
            ]
        if lost := _lost(facts, val_fraction):
            return [
                f"val_fraction: got {val_fraction:g}, which leaves no training image of {name} "
                f"for {', '.join(lost)}"
            ]
    if train_size is None or classes <= train_size <= left:
        return []
    why = f"what val_fraction {val_fraction:g} leaves of {name}"
    return [
        f"train_size: got {train_size:,}, expected {classes} (one image of each class) "
        f"to {left:,} ({why if facts.val is None else f'the training images of {name}'})"
    ]


def _lost(facts: DataFacts, val_fraction: float) -> list[str]:
    """The classes of which no image would be left to train on."""
    stay, _ = shares_held_out(np.array(facts.train), val_fraction)
    return [facts.classes[i] for i in np.flatnonzero(stay == 0)]
