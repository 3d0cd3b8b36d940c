"""Digits in memory: scikit-learn takes a second to import, and every run would load them anew."""

from __future__ import annotations

import pytest

from dlsweep.data import Dataset, load


def pytest_configure(config: pytest.Config) -> None:
    # wandb keeps the last fifty tables' artifacts and leaves their folders to the garbage collector.
    config.addinivalue_line(
        "filterwarnings", "ignore:Implicitly cleaning up <TemporaryDirectory:ResourceWarning"
    )


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return load("digits")
