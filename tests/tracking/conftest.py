"""Digits in memory: scikit-learn takes a second to import, and every run would load them anew."""

from __future__ import annotations

import pytest

from dlsweep.data import Dataset, load


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return load("digits")
