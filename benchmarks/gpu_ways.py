"""The ways to train a stack on a GPU against each other: the same results, and at which speed."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.gpu_points import S1, data_of, sampled
from benchmarks.gpu_training import FELL_BACK, Keep, told
from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.training import Layout, RunResult, Stack, train_stack

WAYS = ("graphs", "compiled", "plain")
"""In this order, as time may run out."""


@contextlib.contextmanager
def trained_by(way: str) -> Iterator[None]:
    """While stacks on a GPU are trained in this way."""
    before = os.environ.get("DLSWEEP_GPU")
    os.environ["DLSWEEP_GPU"] = way
    try:
        yield
    finally:
        os.environ.pop("DLSWEEP_GPU")
        if before is not None:
            os.environ["DLSWEEP_GPU"] = before


def compare(device: str, budget: float, smoke: bool, keep: Keep) -> None:
    """Times and results of each way, and the fastest that is right; kept after each.

    The stack is one of study S1's, about as a random search of 448 points has them: 48 members,
    width 128, batch 32. Equality is that of the engine's tests: in float64 on few images, against
    the same members on the CPU, to 1e-9.
    """
    began = time.perf_counter()
    configs = [
        dataclasses.replace(config, hidden_size=8 if smoke else 128, batch_size=32, epochs=10)
        for config in sampled(S1, 3 if smoke else 48, device)
    ]
    layout = None if smoke else Layout.of(configs)
    data = data_of(configs[0], device, smoke)
    few = data_of(configs[0], device, smoke, 512 if smoke else 2048).to(dtype=torch.float64)
    short = [dataclasses.replace(config, epochs=2) for config in configs[:12]]
    on_cpu = [dataclasses.replace(config, device="cpu") for config in short]
    expected = train_stack(on_cpu, few.to("cpu"))
    rows: dict[str, Any] = {}
    losses: dict[str, list[float]] = {}
    for way in WAYS:
        rows[way] = row = {}
        if time.perf_counter() - began > budget:
            row["failed"] = "no time was left"
        else:
            with trained_by(way), told() as lines:
                try:
                    times, losses[way] = _timed(configs, data, layout)
                    row.update(times)
                    found = train_stack(short, few, compile_for=layout)
                    row["furthest_in_float64"] = _furthest(found, expected)
                except Exception as error:  # the other ways may do
                    row["failed"] = f"{type(error).__name__}: {error}".splitlines()[0]
                row["told"] = list(lines)
        if way in losses:
            row["furthest_loss_in_float32"] = max(
                float(np.nanmax(np.abs(np.subtract(losses[way], other))))
                for other in losses.values()
            )
        keep({"members": len(configs), "ways": rows, "fastest": _fastest(rows)})


def _fastest(rows: dict[str, Any]) -> str | None:
    """The fastest way that is right, and is that way: not one that fell back to another."""
    right = [
        way
        for way, row in rows.items()
        if row.get("furthest_in_float64", 1) < 1e-9
        and not any(line.startswith(FELL_BACK) for line in row["told"])
    ]
    return min(right, key=lambda way: float(rows[way]["step"]), default=None)


def _timed(
    configs: Sequence[RunConfig], data: Dataset, layout: Layout | None
) -> tuple[dict[str, float], list[float]]:
    """Seconds of making the stack, of its first epoch, and of the next ones; its first losses."""
    began = time.perf_counter()
    stack = Stack(configs, data, compile_for=layout)
    made = time.perf_counter()
    epochs = iter(stack)
    losses = [metrics.train_loss for metrics in next(epochs).metrics.values()]
    first = time.perf_counter()
    times = []
    for _ in range(2):
        start = time.perf_counter()
        next(epochs)
        times.append(time.perf_counter() - start)
    steps = -(-len(data.train) // configs[0].batch_size)
    seconds = {
        "making": made - began,
        "first_epoch": first - made,
        "epoch": min(times),
        "step": min(times) / steps,
    }
    return seconds, losses


def _furthest(found: Sequence[RunResult], expected: Sequence[RunResult]) -> float:
    """The largest difference between runs, in losses and weights."""
    furthest = 0.0
    for a, b in zip(found, expected, strict=True):
        if a.status != b.status:
            return float("inf")
        if a.status == "diverged":
            continue
        pairs = [(a.weights[name], b.weights[name]) for name in b.weights]
        pairs += [
            (np.array([getattr(m, name) for m in r.history]) for r in (a, b))
            for name in ("train_loss", "val_loss", "val_accuracy")
        ]
        furthest = max(furthest, *(float(np.abs(x - y).max()) for x, y in pairs))
    return furthest


def lines(result: dict[str, Any]) -> list[str]:
    """The comparison as a table."""
    table = [
        f"A stack of {result['members']} of S1's networks, width 128, batch 32:",
        "",
        "| way | ms per step, validation shared out | first epoch, s | made in, s "
        "| furthest from the CPU, float64 |",
        "|---|---|---|---|---|",
    ]
    for way, row in result["ways"].items():
        if "step" not in row:
            table.append(f"| {way} | {row['failed']} | | | |")
            continue
        fell = next((line for line in row["told"] if line.startswith(FELL_BACK)), "")
        far = row.get("furthest_in_float64")
        known = row.get("failed", "") if far is None else f"{far:.1e}"
        table.append(
            f"| {way}{fell and f' ({fell})'} | {1000 * row['step']:.3f} | {row['first_epoch']:.1f} "
            f"| {row['making']:.1f} | {known} |"
        )
    return [*table, "", f"The fastest that is right: {result['fastest'] or 'none'}.", ""]
