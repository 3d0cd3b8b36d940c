"""The ways to train a stack on a GPU against each other, on the networks of studies S1 and S2.

    python -m benchmarks.gpu --json FILE     minutes, on a GPU
    python -m benchmarks.gpu --smoke         seconds, on made-up images, also without a GPU

Each way trains the same members: one after the other by plain autograd, as one program of
torch.func, and that program compiled. What they come to is compared in float64 with members that
were trained one after the other on the CPU. It needs torch and numpy and nothing else.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.machine import describe, header, shown, spread
from dlsweep.config import RunConfig
from dlsweep.data import Dataset, Split, load
from dlsweep.training import RunResult, Stack, train_stack

WAYS = ("one_by_one", "stacked", "compiled")
NETWORKS: dict[str, dict[str, Any]] = {
    "S1": {
        "dataset": "fashion_mnist",
        "num_layers": 4,
        "hidden_size": 128,
        "activation": "tanh",
        "batch_size": 32,
    },
    "S2": {
        "dataset": "mnist",
        "model": "cnn",
        "conv_layers": "32x5x5/2,16x3x3,8x3x3",
        "num_layers": 1,
        "hidden_size": 256,
        "activation": "sigmoid",
        "conv_activation": "elu",
        "batch_norm": True,
        "dropout": 0.1,
        "batch_size": 1000,
    },
}
SMALL = {"dataset": "digits", "hidden_size": 8, "batch_size": 50, "conv_layers": "3x3x3"}
MEMBERS, EPOCHS = 48, 5


def configs(network: str, members: int, device: str, smoke: bool) -> list[RunConfig]:
    """Members with learning rates and update rules of their own, as a search has them."""
    settings = {**NETWORKS[network], **(SMALL if smoke else {}), "epochs": EPOCHS}
    return [
        RunConfig(
            **settings,
            device=device,
            learning_rate=1e-4 * 100 ** (i / members),
            optimizer=("sgd", "adam", "rmsprop")[3 * i // members],
        )
        for i in range(members)
    ]


def measure(*, smoke: bool = False) -> dict[str, Any]:
    """Seconds of a member's epoch for each network and way, and how far from the CPU each is."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not smoke:
        raise SystemExit("there is no GPU here; --smoke runs on the CPU")
    members = 3 if smoke else MEMBERS
    result: dict[str, Any] = {"machine": describe(), "device": device, "members": members}
    for network in NETWORKS:
        stack, result[network] = configs(network, members, device, smoke), {}
        data = _made_up() if smoke else load(stack[0].dataset, val_fraction=stack[0].val_fraction)
        train = Split(data.train.images[:2000], data.train.labels[:2000])
        few = dataclasses.replace(data, train=train).to(dtype=torch.float64)
        short = [dataclasses.replace(config, epochs=2) for config in stack[:: max(1, members // 6)]]
        with trained("one_by_one"):
            expected = train_stack([dataclasses.replace(c, device="cpu") for c in short], few)
        for way in WAYS if device == "cuda" else WAYS[:2]:  # to compile takes a CPU minutes
            with trained(way) as lines:
                row = _timed(stack, data.to(device))
                found = train_stack(short, few.to(device))
            row["furthest"] = max(map(_distance, found, expected))
            result[network][way] = {**row, "lines": list(lines)}
    return result


@contextlib.contextmanager
def trained(way: str) -> Iterator[list[str]]:
    """While stacks are trained in this way; gives the lines that the engine logs."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger, before = logging.getLogger("dlsweep.training"), os.environ.get("DLSWEEP_TRAIN")
    os.environ["DLSWEEP_TRAIN"] = way
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        os.environ.pop("DLSWEEP_TRAIN")
        if before is not None:
            os.environ["DLSWEEP_TRAIN"] = before


def _timed(stack: list[RunConfig], data: Dataset) -> dict[str, Any]:
    """A member's epoch, with its validation; the first, in which programs are made, is apart."""
    began, times = time.perf_counter(), []
    epochs = iter(Stack(stack, data))
    for _ in range(stack[0].epochs - 1):  # the last evaluates all members: not what is timed
        next(epochs)
        times.append(time.perf_counter() - began)
        began = time.perf_counter()
    return {"first": times[0], "seconds": spread([t / len(stack) for t in times[1:]])}


def _distance(a: RunResult, b: RunResult) -> float:
    losses = [np.array([epoch.val_loss for epoch in run.history]) for run in (a, b)]
    return float(np.nanmax(np.abs(losses[0] - losses[1])))


def _made_up() -> Dataset:
    generator = torch.Generator().manual_seed(0)
    splits = [
        Split(torch.rand(count, 1, 8, 8, generator=generator), torch.arange(count) % 10)
        for count in (200, 100, 100)
    ]
    return Dataset("digits", *splits, tuple("0123456789"))


def table(result: dict[str, Any]) -> str:
    """What was measured, as text."""
    lines = [
        header(result["machine"]),
        f"stacks of {result['members']} on the {result['device']}",
        "",
        "| network | way | s per member-epoch | first epoch, s | from the CPU in float64 |",
        "|---|---|---|---|---|",
    ]
    for network in NETWORKS:
        for way, row in result[network].items():
            lines.append(
                f"| {network} | {way} | {shown(row['seconds'], 4)} | {row['first']:.1f} "
                f"| {row['furthest']:.0e} |"
            )
            lines += [f"| | {line} | | | |" for line in row["lines"]]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", type=Path, help="where the results go")
    parser.add_argument("--smoke", action="store_true")
    arguments = parser.parse_args()
    result = measure(smoke=arguments.smoke)
    print(table(result))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
