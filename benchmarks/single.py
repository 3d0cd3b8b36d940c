"""One run, as ``python train.py`` trains it, against the loop that one would write for it.

The engine is timed as train.py calls it, everything but logging: planning, training,
validation, and the best epoch's model on both splits. The loop only trains and validates. The whole
command, with its imports and offline wandb, stands beside a process that imports torch and loops.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks.machine import describe, header, shown, spread
from benchmarks.peers.in_memory import in_memory_loop
from dlsweep.config import RunConfig
from dlsweep.data import Dataset, load
from dlsweep.data._cache import cache_root

ENGINE, NUMPY = "dlsweep, the engine", "dlsweep, backend numpy"
LOOP, LOOP_ONE = "in-memory loop, fused Adam", "the same, one thread"
COMMAND, SCRIPT = "python train.py, the whole command", "the loop in a process of its own"
TRAIN = Path(__file__).resolve().parents[1] / "train.py"


def cases(*, smoke: bool) -> dict[str, RunConfig]:
    """The runs that are measured, by what they are called."""
    net: dict[str, Any] = {
        "num_layers": 4,
        "hidden_size": 128,
        "activation": "tanh",
        "optimizer": "adam",
        "weight_init": "xavier",
        "epochs": 5,
        "device": "cpu",
    }
    convolutions: dict[str, Any] = {
        "dataset": "mnist",
        "model": "cnn",
        "conv_layers": "16x5x5/2,8x3x3",
        "num_layers": 0,
        "batch_norm": True,
        "batch_size": 1000,
        "val_fraction": 0.2,
        "epochs": 5,
        "device": "cpu",
    }
    if smoke:
        small = {"dataset": "digits", "train_size": 200, "epochs": 1}
        net |= small
        convolutions |= small | {"conv_layers": "4x3x3", "batch_size": 100}
    found = {
        "S1's net, batch 16": RunConfig(**net, batch_size=16),
        "S1's net, batch 64": RunConfig(**net, batch_size=64),
        "S2's CNN, batch 1000": RunConfig(**convolutions),
    }
    if smoke:
        del found["S1's net, batch 16"]
    return found


def measure(repetitions: int, *, smoke: bool) -> dict[str, Any]:
    """Seconds for an epoch of each way, everything divided by the number of epochs."""
    result: dict[str, Any] = {"machine": describe(), "cases": {}}
    for name, config in cases(smoke=smoke).items():
        data = load(config.dataset, val_fraction=config.val_fraction, train_size=config.train_size)
        ways = _ways(config, data)
        times: dict[str, list[float]] = {way: [] for way in ways}
        for repetition in range(repetitions):
            for way, run in ways.items():
                print(f"{name}, {repetition + 1} of {repetitions}: {way}", file=sys.stderr)
                times[way].append(run() / config.epochs)
        result["cases"][name] = {way: spread(seconds) for way, seconds in times.items()}
    return result


def _ways(config: RunConfig, data: Dataset) -> dict[str, Callable[[], float]]:
    ways = {
        ENGINE: lambda: _engine(config, data),
        LOOP: lambda: sum(in_memory_loop(config, data, config.epochs)),
        LOOP_ONE: lambda: _one_thread(config, data),
    }
    if config.model == "feedforward":
        numpy = dataclasses.replace(config, backend="numpy")
        ways[NUMPY] = lambda: _engine(numpy, data)
    ways[COMMAND] = lambda: _command(config)
    ways[SCRIPT] = lambda: _script(config)
    return ways


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Let torch, and NumPy's products, use so many threads; None for as many as before."""
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    with threadpool_limits(count):
        torch.set_num_threads(count or before)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _engine(config: RunConfig, data: Dataset) -> float:
    from dlsweep.training import Stack, threads

    with _threads(threads(config)):
        began = time.perf_counter()
        for _ in Stack([config], data):
            pass
        return time.perf_counter() - began


def _one_thread(config: RunConfig, data: Dataset) -> float:
    with _threads(1):
        return sum(in_memory_loop(config, data, config.epochs))


def _command(config: RunConfig) -> float:
    flags = []
    default = RunConfig().as_dict()
    for name, value in config.as_dict().items():
        if name == "conv_layers":
            layers = (f"{c['channels']}x{c['kernel']}/{c['stride']}" for c in value)
            flags += ["--conv_layers", ",".join(layers)]
        elif value != default[name]:
            flags += [f"--{name}", str(value)]
    return _timed([sys.executable, str(TRAIN), *flags])


def _script(config: RunConfig) -> float:
    settings = config.as_dict()
    program = (
        "from dlsweep.config import RunConfig; from dlsweep.data import load\n"
        "from benchmarks.peers.in_memory import in_memory_loop\n"
        f"config = RunConfig(**{settings!r})\n"
        "data = load(config.dataset, val_fraction=config.val_fraction, "
        "train_size=config.train_size)\n"
        "in_memory_loop(config, data, config.epochs)"
    )
    return _timed([sys.executable, "-c", program])


def _timed(command: list[str]) -> float:
    root = str(TRAIN.parent)
    with tempfile.TemporaryDirectory() as directory:
        environment = {
            **os.environ,
            "WANDB_MODE": "offline",
            "DLSWEEP_DATA": str(cache_root()),
            "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]),
        }
        began = time.perf_counter()
        subprocess.run(
            command, cwd=directory, env=environment, check=True, stdout=subprocess.DEVNULL
        )
        return time.perf_counter() - began


def table(result: dict[str, Any]) -> str:
    lines = [
        header(result["machine"]),
        "one run on the CPU, seconds for an epoch; median (lowest–highest)",
        "",
        "| run | way | s per epoch | times the loop |",
        "|---|---|---|---|",
    ]
    for name, ways in result["cases"].items():
        loop = min(ways[LOOP]["median"], ways[LOOP_ONE]["median"])
        for way, seconds in ways.items():
            against = ways[SCRIPT]["median"] if way in (COMMAND, SCRIPT) else loop
            ratio = seconds["median"] / against
            lines.append(f"| {name} | {way} | {shown(seconds)} | {ratio:.2f} |")
    return "\n".join(lines)
