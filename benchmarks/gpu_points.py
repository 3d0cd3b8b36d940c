"""The spaces of the studies, their points, and the data to train them on."""

from __future__ import annotations

import gzip
import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dlsweep.config import RunConfig
from dlsweep.data import DATASETS, Dataset, Split, fetch, load

# The spaces of sweep.yaml and of benchmarks/s2.yaml; a test holds them equal.
S1: dict[str, list[Any]] = {
    "dataset": ["fashion_mnist"],
    "epochs": [5, 10],
    "num_layers": [3, 4, 5],
    "hidden_size": [32, 64, 128],
    "weight_decay": [0, 0.0005, 0.5],
    "learning_rate": [0.001, 0.0001],
    "optimizer": ["sgd", "momentum", "nesterov", "rmsprop", "adam", "nadam"],
    "batch_size": [16, 32, 64],
    "weight_init": ["random", "xavier"],
    "activation": ["sigmoid", "tanh", "relu"],
}
S2: dict[str, list[Any]] = {
    "dataset": ["mnist"],
    "model": ["cnn"],
    "conv_layers": ["16x5x5/2,8x3x3", "32x5x5/2,16x3x3,8x3x3"],
    "num_layers": [0, 1],
    "hidden_size": [256],
    "activation": ["sigmoid"],
    "conv_activation": ["relu", "leaky_relu", "elu"],
    "batch_norm": [True, False],
    "dropout": [0, 0.1, 0.25],
    "dropout_at": ["first", "last", "both"],
    "optimizer": ["sgd", "adam"],
    "learning_rate": [0.01, 0.001],
    "lr_schedule": ["constant", "step"],
    "step_size": [5, 10],
    "gamma": [0.1, 0.2],
    "early_stopping": [3, 5],
    "epochs": [10],
    "batch_size": [1000],
    "val_fraction": [0.2],
}


def sampled(space: dict[str, list[Any]], count: int, device: str, seed: int = 0) -> list[RunConfig]:
    """So many points of a space, drawn at random."""
    rng = np.random.default_rng(seed)
    return [
        RunConfig(
            **{name: values[rng.integers(len(values))] for name, values in space.items()},
            device=device,
        )
        for _ in range(count)
    ]


def grid(space: dict[str, list[Any]], device: str) -> list[RunConfig]:
    """All points of a space."""
    return [
        RunConfig(**dict(zip(space, values, strict=True)), device=device)
        for values in itertools.product(*space.values())
    ]


def data_of(config: RunConfig, device: str, smoke: bool, train_size: int | None = None) -> Dataset:
    if not smoke:
        return load(
            config.dataset, val_fraction=config.val_fraction, train_size=train_size, device=device
        )
    generator = torch.Generator().manual_seed(0)

    def split(count: int) -> Split:
        images = torch.rand(count, 1, 28, 28, generator=generator)
        return Split(images, torch.arange(count) % 10).to(device)

    sizes = (train_size or 2000) // 8, 100, 100
    return Dataset(config.dataset, *map(split, sizes), tuple("0123456789"))


def pack(folder: Path) -> None:
    """Write compressed copies of the data sets into a folder for DLSWEEP_DATA."""
    for name in ("fashion_mnist", "mnist"):
        source = fetch(name)
        target = folder / name
        target.mkdir(parents=True, exist_ok=True)
        for file in DATASETS[name].files:
            content = gzip.compress((source / file).read_bytes(), 6, mtime=0)
            (target / f"{file}.gz").write_bytes(content)
        size = sum(path.stat().st_size for path in target.iterdir())
        print(f"{target}: {size / 1e6:.1f} MB", file=sys.stderr)
