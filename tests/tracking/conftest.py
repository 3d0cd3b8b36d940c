"""Digits in memory, and what wandb leaves behind where many runs log tables in one process."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from dlsweep.data import Dataset, load


def pytest_configure(config: pytest.Config) -> None:
    # wandb keeps the artifacts of the last fifty tables, and leaves the folders of those before
    # them to the garbage collector.
    config.addinivalue_line(
        "filterwarnings", "ignore:Implicitly cleaning up <TemporaryDirectory:ResourceWarning"
    )


@pytest.fixture(scope="session", autouse=True)
def _collect_artifacts() -> Iterator[None]:
    """Collect them while that filter holds: not after the last test."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return load("digits")
