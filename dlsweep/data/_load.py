"""Loading a data set: from its files or the cache to tensors."""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import astuple, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dlsweep._store import store
from dlsweep._version import __version__
from dlsweep.config import ConfigError, RunConfig
from dlsweep.config.data import classes_of
from dlsweep.data._cache import cache_root
from dlsweep.data._dataset import Dataset, Scaling, Split, split_and_scale
from dlsweep.data._describe import describe
from dlsweep.data._facts import DataFacts, DataSettings, facts_of, split_problems, verified
from dlsweep.data._fetch import contents
from dlsweep.data._prepare import prepared
from dlsweep.data._raw import select_classes
from dlsweep.data._shared import SUFFIX, shared
from dlsweep.data.own import OwnData, dataset_key, keep, with_test
from dlsweep.parts import DATASETS
from dlsweep.parts.data_sets._raw import Raw

if TYPE_CHECKING:
    from dlsweep.data.features import Network

_log = logging.getLogger("dlsweep.data")


def load(
    name: str,
    *,
    val_fraction: float = 0.1,
    train_size: int | None = None,
    image_size: str | None = None,
    color: str = "auto",
    classes: str | None = None,
    skip_bad: bool = False,
    features: str | None = None,
    features_weights: str = "default",
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
        image_size, color, classes, skip_bad, features, features_weights: the settings of these
            names, as ``RunConfig`` has them.
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
    settings: dict[str, Any] = {
        "dataset": name,
        "val_fraction": val_fraction,
        "train_size": train_size,
        "image_size": image_size,
        "color": color,
        "classes": classes,
        "skip_bad": skip_bad,
        "features": features,
        "features_weights": features_weights,
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
    wanted, root = DataSettings.of(config), cache_root(cache_dir)
    settings = wanted.of_pictures
    network = network_for(wanted, cache_dir)
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
            raw = verified(published, with_test(published.name, raw))
            raw = prepared(raw, settings)
        facts, raw = _chosen(
            own.facts.name if published is None else settings.dataset, raw, settings
        )
        if problems := split_problems(facts, config.val_fraction, config.train_size):
            raise ConfigError(problems)
        if network is not None:
            from dlsweep.data.features import with_features

            which = [content, settings.image_size, settings.color, settings.classes]
            raw = with_features(raw, network, pixel_max, which, directory)
        splits, scaling = split_and_scale(raw, config, pixel_max, dtype)
        tensors = [tensor for split in splits for tensor in (split.images, split.labels)]
        return [*tensors, torch.from_numpy(scaling.offset), torch.from_numpy(scaling.scale)]

    if share and torch.device(device).type == "cpu" and (published is None or published.files):
        asked = (*astuple(settings), config.val_fraction, config.train_size, str(dtype), content)
        if network is not None:
            asked = (*asked, network.identity)
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
    return Dataset(facts.name, train, val, test, facts.classes, scaling, facts.content)


def network_for(
    config: RunConfig | DataSettings, cache_dir: str | os.PathLike[str] | None = None
) -> Network | None:
    """The network whose features a configuration trains on; None where it trains on images.

    Raises:
        ConfigError: there is no such network, or no such data.
        DataUnavailable: as ``load_for``.
    """
    settings = config if isinstance(config, DataSettings) else DataSettings.of(config)
    if settings.features is None:
        return None
    from dlsweep.data.features import network_for_images

    return network_for_images(settings, describe(settings.of_pictures, cache_dir))


def ensure_features(config: RunConfig, cache_dir: str | os.PathLike[str] | None = None) -> None:
    """Compute the features that a configuration trains on, if any, where the cache lacks them.

    Raises:
        ConfigError: as ``load_for``, or the weights of the network cannot be had.
        DataUnavailable: as ``load_for``.
    """
    if config.features is not None:
        load_for(config, cache_dir=cache_dir)


def _chosen(name: str, raw: Raw, settings: DataSettings) -> tuple[DataFacts, Raw]:
    """The images of the classes that are trained on, and what is known of them."""
    if settings.classes is None:
        return facts_of(name, raw), raw
    keep = select_classes(name, raw.classes, classes_of(settings.classes))
    number = np.full(len(raw.classes), -1)
    number[keep] = np.arange(len(keep))
    parts: dict[str, Any] = {}
    for part, images, labels in raw.parts():
        of_these = number[labels] >= 0
        parts[f"{part}_images"] = images[of_these]
        parts[f"{part}_labels"] = number[labels[of_these]]
    raw = replace(raw, **parts, classes=tuple(raw.classes[i] for i in keep))
    return facts_of(name, raw), raw


def keep_dataset(data: Dataset, cache_dir: str | os.PathLike[str] | None = None) -> str:
    """Keep a data set in the cache, where other processes find it.

    It costs a file of the size of its tensors; the same data set is kept once.

    Returns:
        A reference, which the setting ``dataset`` takes: the name of the data set, and a digest of
        its content.

    Raises:
        ConfigError: the cache cannot be written.
    """
    train, val, test = (
        (split.images.cpu().numpy(), split.labels.cpu().numpy())
        for split in (data.train, data.val, data.test)
    )
    raw = Raw(*train, *test, *val, classes=data.classes)
    reference = dataset_key(data.name, raw)
    directory = cache_root(cache_dir) / "own" / reference
    facts = replace(
        facts_of(data.name, raw, directory),
        scaling=data.scaling.as_dict(),
        content=reference.partition("@")[2],
    )
    try:
        keep(directory, raw, facts)
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(
            [f"data: {directory} cannot be written: {why}; DLSWEEP_DATA names another folder"]
        ) from None
    return reference


def _store_or_warn(path: Path, content: bytes) -> None:
    """`store`, but a cache that cannot be written is no reason not to train."""
    try:
        store(path, content)
    except OSError as error:
        _log.warning("%s: not kept for the next time (%s)", path, error.strerror or error)
