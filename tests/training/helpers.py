"""Small data, small configurations, and what it means that two runs are the same."""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from dlsweep.config import RunConfig
from dlsweep.data import Dataset, Split, load
from dlsweep.data._cache import cache_root
from dlsweep.parts import DATASETS
from dlsweep.training import RunResult, train_stack

FLOAT32_TOLERANCE = 1e-4
FLOAT64_TOLERANCE = 1e-9

SMALL_CNN = {
    "model": "cnn",
    "conv_layers": [{"channels": 4, "kernel": 3}, {"channels": 3, "kernel": 3, "stride": 2}],
    "num_layers": 1,
    "hidden_size": 8,
}


@functools.cache
def digits(train_size: int = 96, dtype: torch.dtype = torch.float64) -> Dataset:
    """scikit-learn's digits; the validation and the test split are whole (144 and 360 images)."""
    return load("digits", train_size=train_size, dtype=dtype)


@functools.cache
def _fashion_mnist() -> Dataset | None:
    folder = cache_root() / "fashion_mnist"
    if not all((folder / name).is_file() for name in DATASETS["fashion_mnist"].files):
        return None
    data = load("fashion_mnist", train_size=400)

    def first(split: Split, count: int) -> Split:
        return Split(split.images[:count].clone(), split.labels[:count].clone())

    return replace(
        data, train=first(data.train, 400), val=first(data.val, 150), test=first(data.test, 150)
    )


def fashion_mnist(train_size: int = 96, dtype: torch.dtype = torch.float64) -> Dataset:
    """A slice of Fashion-MNIST: at most 400 images to train on, 150 in the other splits."""
    data = _fashion_mnist()
    if data is None:
        pytest.skip("fashion_mnist is not in the cache: `dlsweep data fashion_mnist` fetches it")
    train = Split(data.train.images[:train_size], data.train.labels[:train_size])
    return replace(data, train=train).to(dtype=dtype)


DATA = {"digits": digits, "fashion_mnist": fashion_mnist}


def small(**settings) -> RunConfig:
    """A configuration that trains in milliseconds."""
    defaults = {
        "dataset": "digits",
        "epochs": 1,
        "batch_size": 20,  # 96 images are four whole batches and one of 16
        "learning_rate": 0.01,
        "num_layers": 2,
        "hidden_size": 7,
        "device": "cpu",
    }
    return RunConfig(**(defaults | settings))


def train(config: RunConfig, data: Dataset) -> RunResult:
    """The run alone."""
    (result,) = train_stack([config], data)
    return result


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference; none where both are infinite or both not a number."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    assert a.shape == b.shape
    differ = ~((a == b) | (np.isnan(a) & np.isnan(b)))
    if not differ.any():
        return 0.0
    apart = np.abs(a[differ] - b[differ]).max()
    return math.inf if np.isnan(apart) else float(apart)


def distances(a: RunResult, b: RunResult) -> dict[str, float]:
    """The largest differences of two runs, of everything that is a number."""
    assert a.weights.keys() == b.weights.keys()
    found = {name: distance(a.weights[name], b.weights[name]) for name in a.weights}
    for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate"):
        found[name] = distance(
            [getattr(m, name) for m in a.history], [getattr(m, name) for m in b.history]
        )
    for name in ("val", "test"):
        ours, theirs = getattr(a, name), getattr(b, name)
        np.testing.assert_array_equal(ours.labels, theirs.labels)
        found[f"{name} loss"] = distance(ours.loss, theirs.loss)
        found[f"{name} accuracy"] = distance(ours.accuracy, theirs.accuracy)
        # These are float32 in every precision of the weights.
        found[f"{name} probabilities"] = distance(ours.probabilities, theirs.probabilities) * 1e-3
    return found


def assert_same_run(a: RunResult, b: RunResult, tolerance: float = FLOAT64_TOLERANCE) -> None:
    """The same ending, the same epochs, and the same numbers up to ``tolerance``."""
    assert a.status == b.status
    assert [m.epoch for m in a.history] == [m.epoch for m in b.history]
    assert a.best_epoch == b.best_epoch
    assert a.parameters == b.parameters
    far = {name: d for name, d in distances(a, b).items() if d > tolerance}
    assert not far


def assert_same_bits(a: RunResult, b: RunResult) -> None:
    """As ``assert_same_run``, without rounding."""
    assert_same_run(a, b, tolerance=0.0)
