"""Data sets as tensors: fetched or read once, checked always, split the same way for every run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep._lazy import lazily

if TYPE_CHECKING:
    from dlsweep.data._dataset import Dataset, Scaling, Split, scale_pixels
    from dlsweep.data._describe import check_data, describe, forget, known_facts
    from dlsweep.data._facts import DATA_DIGEST, DataFacts, DataSettings, data_problems
    from dlsweep.data._fetch import DataUnavailable, fetch
    from dlsweep.data._load import ensure_features, keep_dataset, load, load_for, network_for

__all__ = [
    "DATA_DIGEST",
    "DataFacts",
    "DataSettings",
    "DataUnavailable",
    "Dataset",
    "Scaling",
    "Split",
    "check_data",
    "data_problems",
    "describe",
    "ensure_features",
    "fetch",
    "forget",
    "keep_dataset",
    "known_facts",
    "load",
    "load_for",
    "network_for",
    "scale_pixels",
]

__getattr__ = lazily(__name__, __file__)
