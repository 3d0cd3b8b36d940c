"""Training on a GPU, measured: studies, stacks that grow, a whole grid."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import itertools
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

FELL_BACK = "training goes on "
"""So begins the line of the engine that says that it trains in a slower way than it was to."""

Keep = Callable[[dict[str, Any]], None]
"""Is given what is known after each measurement."""


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
    trained: list[tuple[int, float]] = []
    making = 0.0  # of the first stack, for which programs are compiled
    while waiting and complete:
        stack = waiting.pop(0)
        runs = [configs[i] for i in stack]
        stack_began = time.perf_counter()
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        fits = True
        try:
            made = Stack(runs, data, compile_for=layout)
            if not trained:
                making = time.perf_counter() - stack_began
            for end in made:
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
            fits = False
        made = None
        if not fits:  # here, where no traceback holds what did not fit
            reasons.append(f"{len(stack)} runs did not fit after all: in two halves")
            _forget(device)
            waiting[:0] = [stack[::2], stack[1::2]]
            continue
        if device == "cuda":
            peak = max(peak, torch.cuda.max_memory_reserved())
        trained.append((len(stack), round(time.perf_counter() - stack_began, 3)))
    took = time.perf_counter() - began
    once = planning + making
    seconds = took if complete else once + (took - once) * all_work / work
    return {
        "points": len(configs),
        "run_epochs": run_epochs,
        "complete": complete,
        "took": took,
        "seconds": seconds,
        "planning": planning,
        "making": making,
        "run_epochs_per_second": run_epochs / took,
        "statuses": statuses,
        "stacks": trained,
        "told": list(reasons),
        "peak_bytes": peak,
    }


def _forget(device: str) -> None:
    """Give back to the device what nothing refers to any more."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()


def _work(config: RunConfig, data: Dataset) -> float:
    """The steps of an epoch."""
    return len(data.train) / config.batch_size


def study(
    space: dict[str, list[Any]], points: int, device: str, budget: float, smoke: bool, keep: Keep
) -> None:
    """A study's points in stacks, and some of them one at a time."""
    configs = sampled(space, points, device)
    began = time.perf_counter()
    data = data_of(configs[0], device, smoke)
    loading = time.perf_counter() - began
    # First of all, for what the libraries take to wake up is part of a sweep.
    left = budget - loading if smoke else 0.75 * budget - loading
    result = train_all(configs, data, device, left, smoke=smoke)
    peers: dict[str, Any] = {}
    result |= {"loading": loading, "peers": peers}
    keep(result)
    alone = [configs[i * len(configs) // 6] for i in range(6)] if not smoke else configs[:1]
    # The second epoch, as the first of a new shape has the choice of its kernels in it.
    ways: dict[str, tuple[list[RunConfig], Callable[[RunConfig], float]]] = {
        ONE_AT_A_TIME: (alone, lambda config: in_memory_loop(config, data, 2)[1]),
        SCRIPT: (alone[:1], lambda config: PEERS["DataLoader script"](config, data, 1)[0]),
    }
    for name, (chosen, seconds) in ways.items():
        try:
            peers[name] = peer = _mean(chosen, seconds)
            peer["ratio"] = peer["seconds"]["median"] * result["run_epochs_per_second"]
        except ImportError as error:
            peers[name] = {"missing": f"not installed: {error.name}"}
        except Exception as error:  # of a peer: what dlsweep did is known
            peers[name] = {"missing": f"{type(error).__name__}: {error}".splitlines()[0]}
        keep(result)


def _mean(configs: Sequence[RunConfig], time_of: Callable[[RunConfig], float]) -> dict[str, Any]:
    """Seconds for a run-epoch; each point counts as often as it has epochs."""
    times = [time_of(config) for config in configs]
    weights = [config.epochs for config in configs]
    mean = sum(t * w for t, w in zip(times, weights, strict=True)) / sum(weights)
    return {"points": len(configs), "seconds": {**spread(times), "median": mean}}


def growing(device: str, budget: float, smoke: bool, keep: Keep) -> None:
    net = members.net(1, device=device)[0]
    data = data_of(net, device, smoke)
    sizes = (1, 3) if smoke else members.GPU
    members.measure(data, sizes, 1, peers=False, budget=budget, keep=keep, device=device)


def whole_grid(device: str, budget: float, smoke: bool, whole: bool, keep: Keep) -> None:
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
        keep({**train_all(configs, data, device, budget, smoke=smoke), "trained": True})
        return
    with told() as reasons:
        _extrapolate_grid(
            configs,
            device,
            budget,
            images,
            smoke,
            lambda result: keep({**result, "told": list(reasons)}),
        )


def _extrapolate_grid(
    configs: Sequence[RunConfig], device: str, budget: float, images: int, smoke: bool, keep: Keep
) -> None:
    began = time.perf_counter()
    stacks = planned(configs, device)
    layout = None if smoke else Layout.of(configs)
    sizes = (1024, 3072) if smoke else (2048, 6144)
    short = [data_of(configs[0], device, smoke, size) for size in sizes]
    kinds: dict[Any, list[list[int]]] = {}
    for stack in stacks:
        kinds.setdefault((stack_key(configs[stack[0]]), len(stack)), []).append(stack)
    planning = time.perf_counter() - began
    all_work = sum(_arithmetic(configs[i]) for stack in stacks for i in stack)
    once = total = work = 0.0
    rows: list[dict[str, Any]] = []
    # In an order without a pattern, so that what is left out is like what is not.
    groups = list(kinds.values())
    for alike in (groups[i] for i in np.random.default_rng(0).permutation(len(groups))):
        if time.perf_counter() - began > budget:
            break
        runs = [configs[i] for i in alike[0]]
        seconds, compiling = _extrapolated(runs, short, images, layout)
        _forget(device)
        rows.append({"members": len(runs), "stacks": len(alike), "seconds": seconds})
        once += compiling
        total += seconds * len(alike)
        work += sum(_arithmetic(configs[i]) for stack in alike for i in stack)
        keep(
            {
                "points": len(configs),
                "run_epochs": sum(config.epochs for config in configs),
                "trained": False,
                "complete": len(rows) == len(groups),
                "seconds": planning + once + total * all_work / work,
                "took": time.perf_counter() - began,
                "planning": planning,
                "compiling": once,
                "stacks": rows,
            }
        )


def _arithmetic(config: RunConfig) -> float:
    """What a run of study S1 costs, up to a factor: updates of its weights, as steps are short."""
    sizes = [784, *config.hidden_sizes, 10]
    return config.epochs / config.batch_size * sum(a * b for a, b in itertools.pairwise(sizes))


def _extrapolated(
    runs: Sequence[RunConfig], short: Sequence[Dataset], images: int, layout: Layout | None
) -> tuple[float, float]:
    """Seconds that a stack takes, from its epochs on small parts of the data; and of compiling.

    What is compiled for the first stack serves those that come after it.
    """
    longest = max(config.epochs for config in runs)
    seconds = compiling = 0.0
    for epochs in sorted({config.epochs for config in runs}):
        still = [config for config in runs if config.epochs >= epochs]
        making, first, later = [], [], []
        for data in short:
            began = time.perf_counter()
            stack = iter(Stack(still, data, compile_for=layout))
            making.append(time.perf_counter() - began)
            first.append(_next(stack))
            later.append(_next(stack) if longest > 2 else first[-1])
            del stack
        small, large = (len(data.train) for data in short)
        slope = max(0.0, later[1] - later[0]) / (large - small)
        before = max([c.epochs for c in runs if c.epochs < epochs], default=0)
        seconds += (epochs - before) * (later[0] + slope * (images - small))
        seconds += max(0.0, first[1] - later[1])  # to capture it, also again without those who left
        if len(still) == len(runs):
            seconds += making[1]
            compiling = max(0.0, making[0] - making[1])
    # What each member costs as it leaves, from stacks of which all do so after an epoch.
    few = [dataclasses.replace(config, epochs=1) for config in runs[:64]]
    ends = []
    for leaving in (few, few[: max(1, len(few) // 4)]):
        stack = iter(Stack(leaving, short[0], compile_for=layout))
        ends.append((len(leaving), _next(stack)))
        del stack
    (many, longer), (less, shorter) = ends
    return seconds + max(0.0, longer - shorter) / max(1, many - less) * len(runs), compiling


def _next(stack: Iterator[Any]) -> float:
    """The seconds that the next epoch takes."""
    began = time.perf_counter()
    next(stack)
    return time.perf_counter() - began
