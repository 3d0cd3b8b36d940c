"""All that is to be known of dlsweep on a GPU, in one call of less than nine minutes.

    python -m benchmarks.gpu --json FILE          the parts one after the other; each is kept
    python -m benchmarks.gpu --smoke              seconds, on made-up images, also without a GPU
    python -m benchmarks.gpu --only grid --whole  the whole grid of study S1, not extrapolated
    python -m benchmarks.gpu --pack FOLDER        the data sets, compressed, to be carried along

It needs torch and numpy and nothing else; the data comes from the folder that DLSWEEP_DATA names.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import members
from benchmarks.machine import describe, fastest, header, spread
from benchmarks.peers import PEERS
from benchmarks.peers.in_memory import in_memory_loop
from dlsweep.config import RunConfig
from dlsweep.data import DATASETS, Dataset, Split, fetch, load
from dlsweep.training import (
    Layout,
    Stack,
    free_memory,
    most_members,
    plan,
    stack_key,
)

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
SECONDS = 525.0
"""Of all parts; one that is begun late gets what is left."""
BUDGET = {"s1": 200.0, "s2": 100.0, "members": 130.0, "grid": 120.0}
ONE_AT_A_TIME = "in-memory loop, fused Adam, on the same device"
SCRIPT = "DataLoader script, on the same device"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", type=Path, help="where the results go, after every part")
    parser.add_argument("--only", action="append", choices=BUDGET, help="only this part")
    parser.add_argument("--whole", action="store_true", help="train the whole grid")
    parser.add_argument("--points", type=int, default=448, help="of study S1")
    parser.add_argument("--pack", type=Path, help="write the data sets here, and do nothing else")
    parser.add_argument("--smoke", action="store_true")
    arguments = parser.parse_args()
    if arguments.pack:
        pack(arguments.pack)
        return
    result = measure(
        smoke=arguments.smoke,
        parts=arguments.only or tuple(BUDGET),
        points=arguments.points,
        whole=arguments.whole,
        path=arguments.json,
    )
    print(table(result))


def measure(
    *,
    smoke: bool = False,
    parts: Sequence[str] = tuple(BUDGET),
    points: int = 448,
    whole: bool = False,
    path: Path | None = None,
) -> dict[str, Any]:
    """Everything on one device: the GPU, or where there is none, and to try it, the CPU."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not smoke:
        raise SystemExit("there is no GPU here; --smoke runs on the CPU")
    began = time.perf_counter()
    result: dict[str, Any] = {"machine": describe(), "device": device, **_peaks(device)}
    run: dict[str, Callable[[float], dict[str, Any]]] = {
        "s1": lambda seconds: _study(S1, 6 if smoke else points, device, seconds, smoke),
        "s2": lambda seconds: _study(S2, 4 if smoke else 64, device, seconds, smoke),
        "members": lambda seconds: _members(device, seconds, smoke),
        "grid": lambda seconds: _grid(device, float("inf") if whole else seconds, smoke, whole),
    }
    for name in parts:
        left = SECONDS - (time.perf_counter() - began)
        _tell(f"{name}; {left:.0f} s are left")
        try:
            result[name] = run[name](min(BUDGET[name], left))
        except Exception as error:  # the other parts are worth having
            result[name] = {"failed": f"{type(error).__name__}: {error}".splitlines()[0]}
            _tell(result[name]["failed"])
        result["seconds"] = time.perf_counter() - began
        if path:
            path.write_text(json.dumps(result, indent=1) + "\n")
    return result


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _peaks(device: str) -> dict[str, Any]:
    n, count = (4096, 2**30) if device == "cuda" else (256, 2**20)
    a, b = torch.rand(n, n, device=device), torch.rand(n, n, device=device)
    c = torch.rand(count // 4, device=device)
    d = torch.empty_like(c)

    def timed(function: Callable[[], object]) -> float:
        def whole() -> None:
            function()
            if device == "cuda":
                torch.cuda.synchronize()

        return fastest(whole)

    return {
        "gemm_flops": 2 * n**3 / timed(lambda: torch.mm(a, b)),
        "bandwidth": 2 * c.numel() * 4 / timed(lambda: d.copy_(c)),
    }


# --- Points and data -----------------------------------------------------------------------------


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


def _data(config: RunConfig, device: str, smoke: bool, train_size: int | None = None) -> Dataset:
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
        _tell(f"{target}: {sum(p.stat().st_size for p in target.iterdir()) / 1e6:.1f} MB")


# --- Training ------------------------------------------------------------------------------------


class _Reasons(logging.Handler):
    """Collects what the planner says."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def planned(configs: Sequence[RunConfig], device: str) -> tuple[list[list[int]], list[str]]:
    """The stacks, as a sweep on this device plans them, and why they are so."""
    logger, reasons = logging.getLogger("dlsweep.training"), _Reasons()
    level = logger.level
    logger.addHandler(reasons)
    logger.setLevel(logging.DEBUG)
    try:
        most = most_members(len(configs), 1, device)
        return plan(configs, most, free_memory(device), device), reasons.lines
    finally:
        logger.removeHandler(reasons)
        logger.setLevel(level)


def train_all(
    configs: Sequence[RunConfig], data: Dataset, device: str, budget: float, *, smoke: bool
) -> dict[str, Any]:
    """Train points as a sweep does, planning included; stops when the time is over.

    Where it is over too early, ``seconds`` is what all would take: what was trained, times the
    ratio of all steps to those that were taken.
    """
    began = time.perf_counter()
    stacks, reasons = planned(configs, device)
    layout = None if smoke else Layout.of(configs)
    planning = time.perf_counter() - began
    # In an order without a pattern, so that what is left out is like what is not.
    waiting = [stacks[i] for i in np.random.default_rng(0).permutation(len(stacks))]
    all_work = sum(_work(configs[i], data) * configs[i].epochs for i in range(len(configs)))
    work = run_epochs = 0.0
    peak, complete, statuses = 0, True, {}
    trained = []
    while waiting and complete:
        stack = waiting.pop(0)
        runs = [configs[i] for i in stack]
        stack_began = time.perf_counter()
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        try:
            for end in Stack(runs, data, compile_for=layout):
                run_epochs += len(end.metrics)
                work += sum(_work(runs[i], data) for i in end.metrics)
                for i, ended in end.results.items():
                    statuses[ended.status] = statuses.get(ended.status, 0) + 1
                    if ended.status != "finished":  # what it will not train is no work that is left
                        all_work -= _work(runs[i], data) * (runs[i].epochs - len(ended.history))
                if time.perf_counter() - began > budget:
                    complete = False
                    break
        except torch.OutOfMemoryError:
            if len(stack) == 1:
                raise
            reasons.append(f"{len(stack)} runs did not fit after all: in two halves")
            torch.cuda.empty_cache()
            waiting[:0] = [stack[::2], stack[1::2]]
            continue
        if device == "cuda":
            peak = max(peak, torch.cuda.max_memory_allocated())
        trained.append((len(stack), round(time.perf_counter() - stack_began, 3)))
    took = time.perf_counter() - began
    seconds = took if complete else planning + (took - planning) * all_work / work
    return {
        "points": len(configs),
        "run_epochs": run_epochs,
        "complete": complete,
        "took": took,
        "seconds": seconds,
        "planning": planning,
        "run_epochs_per_second": run_epochs / took,
        "statuses": statuses,
        "stacks": trained,
        "plan": reasons,
        "peak_bytes": peak,
    }


def _work(config: RunConfig, data: Dataset) -> float:
    """The steps of an epoch."""
    return len(data.train) / config.batch_size


def _study(
    space: dict[str, list[Any]], points: int, device: str, budget: float, smoke: bool
) -> dict[str, Any]:
    """A study's points in stacks, and some of them one at a time."""
    configs = sampled(space, points, device)
    began = time.perf_counter()
    data = _data(configs[0], device, smoke)
    loading = time.perf_counter() - began
    alone = [configs[i * len(configs) // 6] for i in range(6)] if not smoke else configs[:1]
    in_memory_loop(configs[0], _data(configs[0], device, smoke, 1000), 1)  # libraries are loaded
    one = _mean(alone, lambda config: in_memory_loop(config, data, 1)[0])
    peers = {ONE_AT_A_TIME: one}
    try:
        peers[SCRIPT] = _mean(alone[:1], lambda c: PEERS["DataLoader script"](c, data, 1)[0])
    except ImportError as error:
        peers[SCRIPT] = {"missing": f"not installed: {error.name}"}
    result = train_all(configs, data, device, budget - (time.perf_counter() - began), smoke=smoke)
    for peer in peers.values():
        if "seconds" in peer:
            peer["ratio"] = peer["seconds"]["median"] * result["run_epochs_per_second"]
    return {**result, "loading": loading, "peers": peers}


def _mean(configs: Sequence[RunConfig], time_of: Callable[[RunConfig], float]) -> dict[str, Any]:
    """Seconds for a run-epoch; each point counts as often as it has epochs."""
    times = [time_of(config) for config in configs]
    weights = [config.epochs for config in configs]
    mean = sum(t * w for t, w in zip(times, weights, strict=True)) / sum(weights)
    return {"points": len(configs), "seconds": {**spread(times), "median": mean}}


def _members(device: str, budget: float, smoke: bool) -> dict[str, Any]:
    net = members.net(1, device=device)[0]
    data = _data(net, device, smoke)
    sizes = (1, 3) if smoke else members.GPU
    return members.measure(data, sizes, 2, peers=False, budget=budget, device=device)


def _grid(device: str, budget: float, smoke: bool, whole: bool) -> dict[str, Any]:
    """The whole grid of study S1: trained, or extrapolated from short epochs of its stacks.

    An epoch takes what its validation takes and as many steps as it has: two lengths of it tell
    both. A stack loses the members with few epochs half way, and at its end evaluates each.
    """
    small = {"optimizer": ["adam"], "activation": ["tanh"], "epochs": [1, 2]}
    space = {**S1, **small} if smoke else S1
    configs = grid(space, device)
    images = len(_data(configs[0], device, smoke).train)
    if whole:
        data = _data(configs[0], device, smoke)
        return {**train_all(configs, data, device, budget, smoke=smoke), "trained": True}
    began = time.perf_counter()
    stacks, reasons = planned(configs, device)
    layout = None if smoke else Layout.of(configs)
    sizes = (1024, 3072)
    short = [_data(configs[0], device, smoke, size) for size in sizes]
    kinds: dict[Any, list[list[int]]] = {}
    for stack in stacks:
        kinds.setdefault((stack_key(configs[stack[0]]), len(stack)), []).append(stack)
    total, rows, skipped = time.perf_counter() - began, [], 0
    for alike in kinds.values():
        runs = [configs[i] for i in alike[0]]
        if time.perf_counter() - began > budget:
            skipped += len(alike)
            continue
        seconds = _extrapolated(runs, short, images, layout)
        rows.append({"members": len(runs), "stacks": len(alike), "seconds": seconds})
        total += seconds * len(alike)
    measured = len(stacks) - skipped
    return {
        "points": len(configs),
        "trained": False,
        "complete": skipped == 0,
        "seconds": total * len(stacks) / max(1, measured),
        "took": time.perf_counter() - began,
        "stacks": rows,
        "plan": reasons,
    }


def _extrapolated(
    runs: Sequence[RunConfig], short: Sequence[Dataset], images: int, layout: Layout | None
) -> float:
    """Seconds that a stack takes, from its epochs on small parts of the data."""
    longest = max(config.epochs for config in runs)
    seconds = 0.0
    for epochs in sorted({config.epochs for config in runs}):
        still = [config for config in runs if config.epochs >= epochs]
        times = []
        for data in short:
            began = time.perf_counter()
            stack = iter(Stack(still, data, compile_for=layout))
            making = time.perf_counter() - began
            next(stack)  # warms up
            began = time.perf_counter()
            next(stack) if longest > 2 else None
            times.append(time.perf_counter() - began)
        small, large = (len(data.train) for data in short)
        slope = max(0.0, times[1] - times[0]) / (large - small)
        epoch = times[0] + slope * (images - small)
        before = max([c.epochs for c in runs if c.epochs < epochs], default=0)
        seconds += (epochs - before) * epoch
        if len(still) == len(runs):
            seconds += making
    few = [RunConfig(**{**c.as_dict(), "epochs": 1}) for c in runs[:16]]
    began = time.perf_counter()
    for _ in Stack(few, short[0]):
        pass
    # An epoch of it is in this, so that it is a little too much.
    return seconds + (time.perf_counter() - began) / len(few) * len(runs)


# --- Shown ---------------------------------------------------------------------------------------


def table(result: dict[str, Any]) -> str:
    lines = [
        header(result["machine"]),
        f"float32 matrix product {result['gemm_flops'] / 1e12:.1f} TFLOP/s, memory "
        f"{result['bandwidth'] / 1e12:.2f} TB/s; all of it took {result.get('seconds', 0):.0f} s",
        "",
        "| what | points | seconds | run-epochs per s | peak memory |",
        "|---|---|---|---|---|",
    ]
    names = {"s1": "study S1", "s2": "study S2's CNNs"}
    for key, name in names.items():
        part = result.get(key)
        if part is None or "failed" in part:
            lines.append(f"| {name} | | {part['failed'] if part else 'not measured'} | | |")
            continue
        how = "" if part["complete"] else " (extrapolated)"
        lines.append(
            f"| {name} | {part['points']} | {part['seconds']:.1f}{how} "
            f"| {part['run_epochs_per_second']:.1f} | {part['peak_bytes'] / 1e9:.1f} GB |"
        )
        for peer, told in part["peers"].items():
            if "missing" in told:
                lines.append(f"| {name}: {peer} | | {told['missing']} | | |")
                continue
            per = told["seconds"]["median"]
            lines.append(
                f"| {name}: {peer} | {told['points']} | {per:.2f} each epoch | {1 / per:.2f} "
                f"| dlsweep is faster by {told['ratio']:.1f} × |"
            )
    part = result.get("grid")
    if part is not None and "failed" not in part:
        how = "" if part["trained"] and part["complete"] else " (extrapolated)"
        lines.append(f"| S1's whole grid | {part['points']} | {part['seconds']:.0f}{how} | | |")
    elif part is not None:
        lines.append(f"| S1's whole grid | | {part['failed']} | | |")
    told = [line for key in ("s1", "grid") for line in result.get(key, {}).get("plan", [])]
    lines += ["", *(f"plan: {line}" for line in told[:12])]
    if "rows" in result.get("members", {}):
        lines += ["", members.table(result["members"])]
    return "\n".join(lines)


if __name__ == "__main__":
    os.environ.setdefault("CUDA_MODULE_LOADING", "LAZY")
    main()
