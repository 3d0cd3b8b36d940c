"""The runs that searches are replayed on: every point of study S1's space at width 32, trained.

    python -m benchmarks search --train       trains what is missing; half an hour of a core

``curves.npz`` has a row for each run: the point, the seed, and how many of the 1,200 validation
images were right after each of 27 epochs on 2,000 training images of Fashion-MNIST. Every point has
seed 0; the best and some drawn at random have more, and those that a replay has named best have
many, for only these say how good it truly is.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import multiprocessing
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dlsweep.config import RunConfig
from dlsweep.data import Dataset, load
from dlsweep.training import EpochMetrics, plan, train_stack

FILE = Path(__file__).resolve().parent / "curves.npz"
EPOCHS = 27
IMAGES = 1200  # of validation: 2 % of 60,000
AXES: dict[str, list[Any]] = {
    "num_layers": [3, 4, 5],
    "weight_decay": [0, 0.0005, 0.5],
    "learning_rate": [0.001, 0.0001],
    "optimizer": ["sgd", "momentum", "nesterov", "rmsprop", "adam", "nadam"],
    "batch_size": [16, 32, 64],
    "weight_init": ["random", "xavier"],
    "activation": ["sigmoid", "tanh", "relu"],
}
FIXED: dict[str, Any] = {
    "dataset": "fashion_mnist",
    "train_size": 2000,
    "val_fraction": 0.02,
    "hidden_size": 32,
    "epochs": EPOCHS,
}
SWEEP: dict[str, Any] = {
    "name": "s1-32",
    "metric": {"name": "val_accuracy", "goal": "maximize"},
    "parameters": {
        **{name: {"value": value} for name, value in FIXED.items()},
        **{name: {"values": values} for name, values in AXES.items()},
    },
}
POINTS = [dict(zip(AXES, values, strict=True)) for values in itertools.product(*AXES.values())]
_BY_KEY = {json.dumps(point, sort_keys=True): number for number, point in enumerate(POINTS)}
_DIVERGED = 0xFFFF
_SAVED_AFTER = 20  # stacks


def number_of(settings: dict[str, Any]) -> int:
    """The number of the point that has these settings."""
    values = {name: settings[name] for name in AXES}
    values["weight_decay"] = values["weight_decay"] or 0  # which a RunConfig has as 0.0
    return _BY_KEY[json.dumps(values, sort_keys=True)]


@dataclass
class Curves:
    """Validation accuracies by point and seed.

    Attributes:
        counts: of each (point, seed) how many images were right after each epoch.
    """

    counts: dict[tuple[int, int], npt.NDArray[np.uint16]] = field(default_factory=dict)

    @functools.cached_property
    def _seeds(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for point, seed in sorted(self.counts):
            found.setdefault(point, []).append(seed)
        return found

    @classmethod
    def read(cls, file: Path = FILE) -> Curves:
        """The runs that a file holds; none where there is no file."""
        if not file.exists():
            return cls()
        with np.load(file) as content:
            runs = np.cumsum(content["steps"], axis=1, dtype=np.uint16)
            keys = zip(content["point"].tolist(), content["seed"].tolist(), strict=True)
            return cls(dict(zip(keys, runs, strict=True)))

    def write(self, file: Path = FILE) -> None:
        """Keep them: each epoch as the difference to the one before, which takes less room."""
        keys = sorted(self.counts)
        runs = np.array([self.counts[key] for key in keys], np.uint16)
        steps = np.diff(runs, axis=1, prepend=np.uint16(0)).astype(np.uint16)
        points, seeds = np.array(keys, np.uint16).T
        temporary = file.with_name("part-" + file.name)
        np.savez_compressed(temporary, point=points, seed=seeds, steps=steps)
        os.replace(temporary, file)

    def seeds(self, point: int) -> list[int]:
        """The seeds with which a point was trained, in ascending order."""
        return self._seeds[point]

    def accuracies(self, point: int, seed: int) -> list[float | None]:
        """The accuracy after each epoch; None from the epoch on in which a run diverged."""
        counts = self.counts[point, seed].tolist()
        return [None if count == _DIVERGED else count / IMAGES for count in counts]

    def final(self, point: int, seed: int) -> float | None:
        """The accuracy after the last epoch."""
        return self.accuracies(point, seed)[-1]


def train(curves: Curves, wanted: Sequence[tuple[int, int]], processes: int = 2) -> None:
    """Train the runs that are missing, and keep them as they come.

    Args:
        curves: what there is; gets the rest.
        wanted: points and seeds.
        processes: how many train at once.
    """
    missing = [key for key in dict.fromkeys(wanted) if key not in curves.counts]
    configs = [_config(*key) for key in missing]
    stacks = plan(configs)
    print(f"training {len(missing):,} runs in {len(stacks)} stacks", file=sys.stderr)
    jobs = [[missing[place] for place in stack] for stack in stacks]
    with multiprocessing.get_context("spawn").Pool(processes, _start) as pool:
        for done, found in enumerate(pool.imap_unordered(_train, jobs), start=1):
            curves.counts.update(found)
            if done % _SAVED_AFTER == 0 or done == len(jobs):
                curves.write()
                print(f"{done} of {len(jobs)} stacks", file=sys.stderr)


def _config(point: int, seed: int) -> RunConfig:
    return RunConfig(**FIXED, **POINTS[point], seed=seed, device="cpu", figures="none")


_data: Dataset


def _start() -> None:
    """Load the data once in each process; of the test images only a few, for none is looked at."""
    global _data
    import torch

    torch.set_num_threads(1)
    data = load(
        FIXED["dataset"], train_size=FIXED["train_size"], val_fraction=FIXED["val_fraction"]
    )
    few = dataclasses.replace(
        data.test, images=data.test.images[:100], labels=data.test.labels[:100]
    )
    _data = dataclasses.replace(data, test=few)


def _train(keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], npt.NDArray[np.uint16]]:
    results = train_stack([_config(*key) for key in keys], _data)
    return {key: _counts(r.history) for key, r in zip(keys, results, strict=True)}


def _counts(history: Sequence[EpochMetrics]) -> npt.NDArray[np.uint16]:
    found = np.full(EPOCHS, _DIVERGED, np.uint16)
    for place, epoch in enumerate(history):
        if epoch.val_accuracy is None or not np.isfinite(epoch.val_loss or np.nan):
            break
        found[place] = round(epoch.val_accuracy * IMAGES)
    return found
