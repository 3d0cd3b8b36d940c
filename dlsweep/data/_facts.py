"""What is known of a data set without its images: shape, classes and counts, in one place.

Nothing here imports torch: sweep files are checked before anything is trained.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dlsweep.config import ConfigError, RunConfig
from dlsweep.config.data import classes_of, size_of
from dlsweep.data._cache import cache_root
from dlsweep.data._fetch import contents, find
from dlsweep.data._raw import Raw, select_classes
from dlsweep.data._split import shares_held_out
from dlsweep.data.sets import DATASETS, PublishedSet

if TYPE_CHECKING:
    import os
    from pathlib import Path


_TYPES = (str, bool, type(None))


@dataclass(frozen=True)
class DataSettings:
    """The settings that decide which images there are, and of which size and colour."""

    dataset: str
    image_size: str | None = None
    color: str = "auto"
    classes: str | None = None
    skip_bad: bool = False

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
        content: of one's own data, a digest of its images and labels; other data has another.
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


def describe(
    config: RunConfig | DataSettings,
    cache_dir: str | os.PathLike[str] | None = None,
    *,
    again: bool = False,
) -> DataFacts:
    """What is known of the data set of a configuration.

    Of a data set known by name it is what its file says, and of one's own data what the cache says:
    no image is loaded. One's own data that is not in the cache yet is read, and kept there.

    Args:
        config: of a run, or the part of it that says which data.
        cache_dir: the cache; see ``fetch``.
        again: look whether one's own data has changed; otherwise it is found out once in a process.

    Raises:
        ConfigError: there is no such data set, or it is not one that can be trained on.
        DataUnavailable: it has to be fetched, and no source could deliver it.
    """
    if again:
        _described.cache_clear()
    return _described(_settings(config), cache_root(cache_dir))


def _settings(config: RunConfig | DataSettings) -> DataSettings:
    return config if isinstance(config, DataSettings) else DataSettings.of(config)


def forget(config: RunConfig, cache_dir: str | os.PathLike[str] | None = None) -> None:
    """Have one's own data read anew: what a function reads elsewhere may have changed.

    Raises:
        ConfigError: there is no such data.
    """
    from dlsweep.data.own import OwnData

    OwnData.forget(DataSettings.of(config), cache_root(cache_dir))
    _described.cache_clear()


def known_facts(
    config: RunConfig | DataSettings, cache_dir: str | os.PathLike[str] | None = None
) -> DataFacts | None:
    """As ``describe``; None where that would take reading the data, or it is not there."""
    settings, root = _settings(config), cache_root(cache_dir)
    published = DATASETS.get(settings.dataset)
    if published is not None:
        return None if published.image_shape is None else _described(settings, root)
    from dlsweep.data.own import OwnData

    try:
        return _described(settings, root) if OwnData.is_kept(settings, root) else None
    except ConfigError:
        return None


@functools.lru_cache(maxsize=64)
def _described(settings: DataSettings, root: Path) -> DataFacts:
    facts = _of_name(settings, root) if settings.dataset in DATASETS else _of_own(settings, root)
    if settings.classes is not None:
        keep = select_classes(facts.name, facts.classes, classes_of(settings.classes))
        facts = replace(
            facts,
            classes=tuple(facts.classes[i] for i in keep),
            train=_chosen(facts.train, keep),
            val=None if facts.val is None else _chosen(facts.val, keep),
            test=_chosen(facts.test, keep),
        )
    return facts


def _chosen(counts: Sequence[int], keep: Sequence[int]) -> tuple[int, ...]:
    return tuple(counts[i] for i in keep)


def _of_name(settings: DataSettings, root: Path) -> DataFacts:
    name, published = find(settings.dataset)
    directory = root / name
    shape, train, test = published.image_shape, published.train, published.test
    if shape is None:  # whoever wrote its file does not know
        raw = published.read(contents(name, published, directory, keep=lambda *_: None))
        raw = verified(published, raw)
        shape, train, test = raw.image_shape, raw.counts("train") or (), raw.counts("test") or ()
    channels, height, width = shape
    classes = len(published.classes)
    if isinstance(test, int):  # of each class about as many
        test = tuple((test + i) // classes for i in range(classes))
    if settings.color != "auto":
        channels = 3 if settings.color == "true" else 1
    if settings.image_size is not None:
        height, width = size_of(settings.image_size)
    return DataFacts(
        name,
        (channels, height, width),
        published.classes,
        train,
        None,
        test,
        directory=directory if published.files else None,
    )


def _of_own(settings: DataSettings, root: Path) -> DataFacts:
    from dlsweep.data.own import OwnData

    own = OwnData.find(settings, root)
    return own.facts


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


def check_data(config: RunConfig) -> DataFacts:
    """Refuse a configuration that its data set cannot serve; looks whether the data has changed.

    Raises:
        ConfigError: with a line for each thing that is wrong.
        DataUnavailable: as ``describe``.
    """
    facts = describe(config, again=True)
    if problems := data_problems(config, facts):
        raise ConfigError(problems)
    return facts


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
