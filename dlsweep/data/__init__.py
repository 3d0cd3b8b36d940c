"""Data sets as tensors: fetched once, checked always, split the same way for every run."""

from dlsweep.data._datasets import DATASETS, Description
from dlsweep.data._fetch import DataUnavailable, fetch
from dlsweep.data._load import Dataset, Split, load, scale_pixels

__all__ = [
    "DATASETS",
    "DataUnavailable",
    "Dataset",
    "Description",
    "Split",
    "fetch",
    "load",
    "scale_pixels",
]
