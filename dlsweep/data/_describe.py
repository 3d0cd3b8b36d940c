"""Finding out what is known of a data set, without its images where that is possible.

Nothing here imports torch: sweep files are checked before anything is trained.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dlsweep.config import ConfigError, RunConfig
from dlsweep.config.data import classes_of, size_of
from dlsweep.data._cache import cache_root
from dlsweep.data._facts import DataFacts, DataSettings, data_problems, verified
from dlsweep.data._fetch import contents, find
from dlsweep.data._raw import select_classes
from dlsweep.parts import DATASETS

if TYPE_CHECKING:
    import os
    from pathlib import Path


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

    def is_kept() -> bool:
        if published is not None:
            return published.image_shape is not None
        from dlsweep.data.own import OwnData

        return OwnData.is_kept(settings, root)

    if published is not None and settings.features is None:
        return _described(settings, root) if is_kept() else None
    try:
        return _described(settings, root) if is_kept() else None
    except ConfigError:
        return None


@functools.lru_cache(maxsize=64)
def _described(settings: DataSettings, root: Path) -> DataFacts:
    if settings.features is not None:
        from dlsweep.data.features import facts_with_features, network_for_images

        pictures = _described(settings.of_pictures, root)
        network = network_for_images(settings, pictures)
        return facts_with_features(pictures, network)
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
