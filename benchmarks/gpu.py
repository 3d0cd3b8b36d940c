"""The ways to train a stack on a GPU against each other: `python -m benchmarks --gpu`.

The networks are those of studies S1 and S2; with --smoke they are tiny, on made-up images, also
without a GPU. What each way comes to is compared in float64 with the same members trained one
after the other on the CPU. It needs torch and numpy and nothing else.
"""

from __future__ import annotations

import dataclasses
import os
import time
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.machine import describe, header, shown, spread
from dlsweep.config import RunConfig
from dlsweep.data import Dataset, Split, load
from dlsweep.training import Stack, train_stack

WAYS = ("one_by_one", "stacked", "compiled")
S1 = {"dataset": "fashion_mnist", "num_layers": 4, "hidden_size": 128, "activation": "tanh"}
S2 = {"dataset": "mnist", "model": "cnn", "conv_layers": "32x5x5/2,16x3x3,8x3x3", "num_layers": 1}
S2 |= {"activation": "sigmoid", "conv_activation": "elu", "batch_norm": True, "dropout": 0.1}
NETWORKS: dict[str, dict[str, Any]] = {"S1": {**S1, "batch_size": 32}, "S2": S2}
SMALL = {"dataset": "digits", "hidden_size": 8, "batch_size": 50, "conv_layers": "3x3x3"}
MEMBERS, EPOCHS = 48, 5


def measure(*, smoke: bool = False) -> dict[str, Any]:
    """Seconds of a member's epoch for each network and way, and how far from the CPU each is."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not smoke:
        raise SystemExit("there is no GPU here; --smoke runs on the CPU")
    members = 3 if smoke else MEMBERS
    result: dict[str, Any] = {"machine": describe(), "device": device, "members": members}

    for network, settings in NETWORKS.items():
        settings = {"batch_size": 1000, **settings, **(SMALL if smoke else {}), "epochs": EPOCHS}
        stack = [
            RunConfig(**settings, device=device, learning_rate=1e-4 * 100 ** (i / members))
            for i in range(members)
        ]
        data = _made_up() if smoke else load(settings["dataset"])
        train = Split(data.train.images[:2000], data.train.labels[:2000])
        few = dataclasses.replace(data, train=train).to(dtype=torch.float64)
        short = [dataclasses.replace(c, epochs=2) for c in stack[:: max(1, members // 6)]]
        on_cpu = [dataclasses.replace(c, device="cpu") for c in short]
        expected = _losses(on_cpu, few, "one_by_one")
        result[network] = {}
        for way in WAYS if device == "cuda" else WAYS[:2]:  # to compile takes a CPU minutes
            row = _timed(stack, data.to(device), way)
            furthest = np.nanmax(np.abs(_losses(short, few.to(device), way) - expected))
            result[network][way] = {**row, "furthest": float(furthest)}
    return result


def _timed(stack: list[RunConfig], data: Dataset, way: str) -> dict[str, Any]:
    """A member's epoch, with its validation; the first, in which programs are made, is apart."""
    began, times = time.perf_counter(), []
    with patch.dict(os.environ, DLSWEEP_TRAIN=way):
        epochs = iter(Stack(stack, data))
        for _ in range(EPOCHS - 1):  # the last evaluates all members: not what is timed
            next(epochs)
            times.append(time.perf_counter() - began)
            began = time.perf_counter()
    return {"first": times[0], "seconds": spread([t / len(stack) for t in times[1:]])}


def _losses(stack: list[RunConfig], data: Dataset, way: str) -> Any:
    with patch.dict(os.environ, DLSWEEP_TRAIN=way):
        runs = train_stack(stack, data)
    return np.array([[epoch.val_loss for epoch in run.history] for run in runs])


def _made_up() -> Dataset:
    images, labels = torch.rand(400, 8, 8, generator=torch.Generator().manual_seed(0)), np.arange
    return Dataset.of(images, labels(400) % 10, classes=tuple("0123456789"), name="digits")


def table(result: dict[str, Any]) -> str:
    """What was measured, as text."""
    lines = [header(result["machine"]), f"{result['members']} members, {result['device']}", ""]
    lines += ["| network | way | s per member-epoch | first epoch, s | from the CPU in float64 |"]
    lines += ["|---|---|---|---|---|"]
    for network in NETWORKS:
        for way, row in result[network].items():
            seconds = f"{shown(row['seconds'], 4)} | {row['first']:.1f}"
            lines.append(f"| {network} | {way} | {seconds} | {row['furthest']:.0e} |")
    return "\n".join(lines)
