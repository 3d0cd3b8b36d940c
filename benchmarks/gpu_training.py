"""Training on a GPU, measured: studies, stacks that grow, a whole grid."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from benchmarks import members
from benchmarks.gpu_points import S1, data_of, grid, sampled
from benchmarks.machine import spread
from benchmarks.peers import PEERS
from benchmarks.peers.in_memory import in_memory_loop
from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.training import Layout, Stack, free_memory, most_members, plan, stack_key

ONE_AT_A_TIME = "in-memory loop, fused Adam, on the same device"
SCRIPT = "DataLoader script, on the same device"


class _Reasons(logging.Handler):
    """Collects what the planner says."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextlib.contextmanager
def told() -> Iterator[list[str]]:
    """The lines in which the engine says what it does, and why."""
    logger, reasons = logging.getLogger("dlsweep.training"), _Reasons()
    level = logger.level
    logger.addHandler(reasons)
    logger.setLevel(logging.DEBUG)
    try:
        yield reasons.lines
    finally:
        logger.removeHandler(reasons)
        logger.setLevel(level)


def planned(configs: Sequence[RunConfig], device: str) -> list[list[int]]:
    """The stacks, as a sweep on this device plans them."""
    return plan(configs, most_members(len(configs), 1, device), free_memory(device), device)


def train_all(
    configs: Sequence[RunConfig], data: Dataset, device: str, budget: float, *, smoke: bool
) -> dict[str, Any]:
    """Train points as a sweep does, planning included; stops when the time is over.

    Where it is over too early, ``seconds`` is what all would take: what was trained, times the
    ratio of all steps to those that were taken.
    """
    with told() as reasons:
        return _train_all(configs, data, device, budget, reasons, smoke=smoke)


def _train_all(
    configs: Sequence[RunConfig],
    data: Dataset,
    device: str,
    budget: float,
    reasons: list[str],
    *,
    smoke: bool,
) -> dict[str, Any]:
    began = time.perf_counter()
    stacks = planned(configs, device)
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
            peak = max(peak, torch.cuda.max_memory_reserved())
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
        "told": list(reasons),
        "peak_bytes": peak,
    }


def _work(config: RunConfig, data: Dataset) -> float:
    """The steps of an epoch."""
    return len(data.train) / config.batch_size


def study(
    space: dict[str, list[Any]], points: int, device: str, budget: float, smoke: bool
) -> dict[str, Any]:
    """A study's points in stacks, and some of them one at a time."""
    configs = sampled(space, points, device)
    began = time.perf_counter()
    data = data_of(configs[0], device, smoke)
    loading = time.perf_counter() - began
    # First of all, for what the libraries take to wake up is part of a sweep.
    left = budget - loading if smoke else 0.75 * budget - loading
    result = train_all(configs, data, device, left, smoke=smoke)
    alone = [configs[i * len(configs) // 6] for i in range(6)] if not smoke else configs[:1]
    in_memory_loop(configs[0], data_of(configs[0], device, smoke, 1000), 1)  # warms up
    one = _mean(alone, lambda config: in_memory_loop(config, data, 1)[0])
    peers = {ONE_AT_A_TIME: one}
    try:
        peers[SCRIPT] = _mean(alone[:1], lambda c: PEERS["DataLoader script"](c, data, 1)[0])
    except ImportError as error:
        peers[SCRIPT] = {"missing": f"not installed: {error.name}"}
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


def growing(device: str, budget: float, smoke: bool) -> dict[str, Any]:
    net = members.net(1, device=device)[0]
    data = data_of(net, device, smoke)
    sizes = (1, 3) if smoke else members.GPU
    return members.measure(data, sizes, 1, peers=False, budget=budget, device=device)


def whole_grid(device: str, budget: float, smoke: bool, whole: bool) -> dict[str, Any]:
    """The whole grid of study S1: trained, or extrapolated from short epochs of its stacks.

    An epoch takes what its validation takes and as many steps as it has: two lengths of it tell
    both. A stack loses the members with few epochs half way, and at its end evaluates each.
    """
    small = {"optimizer": ["adam"], "activation": ["tanh"], "epochs": [1, 2]}
    space = {**S1, **small} if smoke else S1
    configs = grid(space, device)
    images = len(data_of(configs[0], device, smoke).train)
    if whole:
        data = data_of(configs[0], device, smoke)
        return {**train_all(configs, data, device, budget, smoke=smoke), "trained": True}
    with told() as reasons:
        return {**_extrapolated_grid(configs, device, budget, images, smoke), "told": reasons}


def _extrapolated_grid(
    configs: Sequence[RunConfig], device: str, budget: float, images: int, smoke: bool
) -> dict[str, Any]:
    began = time.perf_counter()
    stacks = planned(configs, device)
    layout = None if smoke else Layout.of(configs)
    sizes = (1024, 3072) if smoke else (2048, 6144)
    short = [data_of(configs[0], device, smoke, size) for size in sizes]
    kinds: dict[Any, list[list[int]]] = {}
    for stack in stacks:
        kinds.setdefault((stack_key(configs[stack[0]]), len(stack)), []).append(stack)
    total, rows, skipped = time.perf_counter() - began, [], 0
    # In an order without a pattern, so that what is left out is like what is not.
    groups = list(kinds.values())
    for alike in (groups[i] for i in np.random.default_rng(0).permutation(len(groups))):
        runs = [configs[i] for i in alike[0]]
        if time.perf_counter() - began > budget:
            skipped += len(alike)
            continue
        seconds = _extrapolated(runs, short, images, layout)
        rows.append({"members": len(runs), "stacks": len(alike), "seconds": seconds})
        total += seconds * len(alike)
    return {
        "points": len(configs),
        "run_epochs": sum(config.epochs for config in configs),
        "trained": False,
        "complete": skipped == 0,
        "seconds": total * len(stacks) / max(1, len(stacks) - skipped),
        "took": time.perf_counter() - began,
        "stacks": rows,
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
