"""Digits in memory, and what wandb leaves behind where many runs log tables in one process."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from dlsweep.data import Dataset, load


@pytest.fixture(scope="session", autouse=True)
def _collect_artifacts() -> Iterator[None]:
    """Collect them while that filter holds: not after the last test."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return load("digits")
