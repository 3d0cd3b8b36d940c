"""Data sets as workers load them."""

from __future__ import annotations

from collections.abc import Hashable

from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.sweep.execution._job import Loader


def remembering(load: Loader) -> Loader:
    """Wrap ``load`` to keep the data set it loaded last: the next job usually needs the same."""
    kept: dict[Hashable, Dataset] = {}

    def loads(config: RunConfig) -> Dataset:
        key = (
            config.dataset,
            config.val_fraction,
            config.train_size,
            config.device,
            config.backend,
        )
        if key not in kept:
            kept.clear()
            kept[key] = load(config)
        return kept[key]

    return loads
