"""Computing features: once for each image, and kept in the cache."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from filelock import FileLock

from dlsweep._store import store
from dlsweep.config import ConfigError
from dlsweep.data._arrays_file import read_arrays, written
from dlsweep.data._cache import Damaged
from dlsweep.data._memory import available_memory
from dlsweep.data._progress import progress
from dlsweep.data.features._network import Extract, Network
from dlsweep.parts.data_sets._raw import Array, Raw

_log = logging.getLogger("dlsweep.data")

_FORMAT = 1
_BATCH = 32
"""Images that are computed at once; more are no faster on a CPU, and take memory."""


def with_features(
    raw: Raw, network: Network, pixel_max: int, content: object, directory: Path
) -> Raw:
    """A data set of features, (N, 1, 1, size), to be standardised as a table is.

    They are read from the cache, or computed by all processor cores and kept there. Of processes
    that ask at once, one computes.

    Args:
        raw: the images.
        network: what is asked.
        pixel_max: the raw pixel that becomes 1.0, of integers.
        content: says which images these are, as JSON has it.
        directory: of the data set in the cache.

    Raises:
        ConfigError: the network's weights cannot be had, or there is too little memory.
    """
    key = hashlib.sha256(json.dumps([content, network.identity, _FORMAT]).encode()).hexdigest()
    path = directory / f"features-{key[:16]}"
    shapes = {part: (len(images), 1, 1, network.size) for part, images, _ in raw.parts()}
    found = _kept(path, shapes)
    if found is None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            lock: contextlib.AbstractContextManager[Any] = FileLock(f"{path}.lock")
            lock.__enter__()
        except OSError as error:
            _log.warning("%s: features are not kept for the next time (%s)", path, error)
            lock = contextlib.nullcontext()
        with contextlib.ExitStack() as held:
            held.push(lock)
            found = _kept(path, shapes)
            if found is None:
                found = _computed(raw, network, pixel_max)
                _keep(path, found)
    parts: dict[str, Any] = {f"{part}_images": values for part, values in found.items()}
    return replace(raw, **parts, standardise=True, pixel_range=None)


def _kept(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array] | None:
    """The features of each part in a file; None where there is no such file that is whole."""
    try:
        found = read_arrays(path)
    except FileNotFoundError:
        return None
    except (OSError, Damaged) as error:
        _log.warning("%s: damaged (%s); the features are computed again", path, error)
        return None
    return found if {part: values.shape for part, values in found.items()} == shapes else None


def _keep(path: Path, found: dict[str, Array]) -> None:
    try:
        store(path, written(found))
    except OSError as error:
        reason = error.strerror or error
        _log.warning("%s: features are not kept for the next time (%s)", path, reason)


def _computed(raw: Raw, network: Network, pixel_max: int) -> dict[str, Array]:
    images = np.concatenate([some for _, some, _ in raw.parts()])
    takes, free = 12 * len(images) * network.size, available_memory()
    if free is not None and takes > free:
        line = f"{network.size:,} features of {len(images):,} images take {takes / 1e9:.1f} GB"
        raise ConfigError([f"features: {line} of memory, and {free / 1e9:.1f} GB are free"])
    extract = network.load()
    _log.info("computing the features of %s images with %s", f"{len(images):,}", network.name)
    low, high = raw.pixel_range or (0, pixel_max if images.dtype == np.uint8 else 1)
    with _all_cores():
        found = _rows(network, extract, images, low, high - low)
    ends = np.cumsum([len(some) for _, some, _ in raw.parts()])
    parts = np.split(found[:, None, None], ends[:-1])
    return {part: values for (part, _, _), values in zip(raw.parts(), parts, strict=True)}


def _rows(
    network: Network, extract: Extract, images: Array, offset: float, scale: float
) -> npt.NDArray[np.float32]:
    found = np.empty((len(images), network.size), np.float32)
    starts = range(0, len(images), _BATCH)
    what = f"images through {network.name}"
    for start in progress(starts, len(images), what, each=_BATCH):
        some = torch.from_numpy(images[start : start + _BATCH].astype(np.float32))
        found[start : start + len(some)] = extract((some - offset) / scale).numpy()
    bad = int((~np.isfinite(found)).any(axis=1).sum())
    if bad:
        line = f"those of {bad:,} images are infinite or not a number"
        raise ConfigError([f"features: {network.name}: {line}"])
    return found


@contextlib.contextmanager
def _all_cores() -> Iterator[None]:
    """Have torch use all cores that this process may run on; a worker otherwise has its share."""
    before = torch.get_num_threads()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(max(before, cores or 1))
    try:
        yield
    finally:
        torch.set_num_threads(before)
