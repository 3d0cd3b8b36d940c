"""A whole study on this machine, end to end, against what people write today.

dlsweep is timed as a user sees it: the whole command ``dlsweep sweep``, with offline wandb logging,
planning, validation and test. Peers train a part of the very same points for an epoch each, in
turn, on the whole machine; to them no logging is added. Each repetition measures all of them, one
after the other.
"""

from __future__ import annotations

import functools
import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.machine import bandwidth, describe, fastest, gemm_peak, header, shown, spread
from benchmarks.peers import PEERS
from benchmarks.peers.jax_vmap import group_key, jax_vmap
from dlsweep.config import SETTINGS, RunConfig
from dlsweep.data import Dataset, load
from dlsweep.data._cache import cache_root

HERE = Path(__file__).resolve().parent
AGENT_POLL = 5.0  # seconds that `wandb agent` waits between runs (Agent.POLL_INTERVAL)
AGENT_WAY = "the same, a process for each run"
JAX_GROUPS = "JAX vmap + jit, points of one shape together"
JAX_STACK = "JAX vmap + jit, 8 nets of one shape"
NOT_INSTALLED = "not installed"
PARAMETER_BYTES = 4 * 7  # an update reads w, g, m, v and writes w, m, v


@dataclass(frozen=True)
class Study:
    """What is measured.

    Attributes:
        name: of the study.
        sweep: its sweep file.
        smoke: settings that make it small.
        peers: the peers that can train its points.
        jax: whether the JAX peer can.
    """

    name: str
    sweep: Path
    smoke: dict[str, Any]
    peers: tuple[str, ...]
    jax: bool = False


S1 = Study("S1", HERE.parent / "sweep.yaml", {"dataset": "digits", "epochs": 1}, tuple(PEERS), True)
S2 = Study(
    "S2",
    HERE / "s2.yaml",
    {
        "dataset": "digits",
        "epochs": 1,
        "batch_size": 100,
        "conv_layers": "4x3x3",
        "train_size": 200,
    },
    ("DataLoader script", "in-memory loop, fused Adam"),
)


def measure(
    study: Study, points: int, peer_points: int, repetitions: int, *, smoke: bool
) -> dict[str, Any]:
    """Everything in one run: the machine, dlsweep, the peers."""
    result: dict[str, Any] = {"study": study.name, "machine": describe()}
    peers = {name: _script(PEERS[name]) for name in study.peers}
    if study.jax:
        peers |= {JAX_GROUPS: _jax_groups, JAX_STACK: _jax_stack}
    ours: list[float] = []
    times: dict[str, list[float]] = {name: [] for name in peers}
    trained: dict[str, int] = {}
    missing: dict[str, str] = {}
    for repetition in range(repetitions):
        _tell(f"{study.name}, {repetition + 1} of {repetitions}: dlsweep sweep, {points} points")
        seconds, configs, run_epochs = run_sweep(study, points, smoke=smoke)
        ours.append(seconds / run_epochs)
        data = load(configs[0].dataset, val_fraction=configs[0].val_fraction)
        for name in [name for name in peers if name not in missing]:
            _tell(f"{study.name}, {repetition + 1} of {repetitions}: {name}")
            try:
                cost, trained[name] = peers[name](configs, data, peer_points)
            except ImportError as error:
                missing[name] = f"{NOT_INSTALLED}: {error.name}"
            else:
                times[name].append(cost)
    result["gemm_flops"], result["bandwidth"] = gemm_peak(), bandwidth()
    result["dlsweep"] = {
        "points": len(configs),
        "run_epochs": run_epochs,
        "seconds_per_run_epoch": spread(ours),
    }
    if study is S1:
        limit = arithmetic_limit(configs, result["gemm_flops"], result["bandwidth"]) / run_epochs
        result["dlsweep"]["fraction_of_arithmetic_limit"] = spread([limit / t for t in ours])
    result["peers"] = {}
    for name in peers:
        if name in missing:
            result["peers"][name] = {"missing": missing[name]}
            continue
        result["peers"][name] = _peer(times[name], ours, trained[name])
        if name == "DataLoader script":
            extra = (process_start() + AGENT_POLL) * len(configs) / run_epochs
            agent = [t + extra for t in times[name]]
            result["peers"][AGENT_WAY] = _peer(agent, ours, trained[name])
    return result


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _peer(times: list[float], ours: list[float], points: int) -> dict[str, Any]:
    return {
        "points": points,
        "seconds_per_run_epoch": spread(times),
        "ratio": spread([theirs / own for theirs, own in zip(times, ours, strict=True)]),
    }


# --- dlsweep -------------------------------------------------------------------------------------


def run_sweep(study: Study, points: int, *, smoke: bool) -> tuple[float, list[RunConfig], int]:
    """Seconds of the whole command, the configurations that it trained, and epochs in all."""
    with tempfile.TemporaryDirectory() as directory:
        sweep = yaml.safe_load(study.sweep.read_text())
        if smoke:
            for name, value in study.smoke.items():
                sweep["parameters"][name] = {"value": value}
        sweep.pop("run_cap", None)
        (Path(directory) / "sweep.yaml").write_text(yaml.safe_dump(sweep))
        # Every cache is new, but the data is where it was.
        environment = {
            **os.environ,
            "WANDB_MODE": "offline",
            "DLSWEEP_DATA": str(cache_root()),
            "XDG_CACHE_HOME": f"{directory}/cache",
        }

        def dlsweep(*words: str) -> str:
            done = subprocess.run(
                [sys.executable, "-m", "dlsweep", *words],
                cwd=directory,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            return done.stdout

        began = time.perf_counter()
        few = [
            "--device",
            "cpu",
            *(["--workers", "1"] if smoke else []),
        ]  # each process takes seconds to import PyTorch
        dlsweep("sweep", "sweep.yaml", "--builtin", "--count", str(points), *few)
        seconds = time.perf_counter() - began
        rows = json.loads(dlsweep("runs", "--format", "json"))
        failed = [row["reason"] for row in rows if row["status"] == "failed"]
        if failed:
            raise RuntimeError(f"{len(failed)} runs failed: {failed[0]}")
        configs = [
            RunConfig(**{k: v for k, v in row["config"].items() if k in SETTINGS}) for row in rows
        ]
        run_epochs = sum(len(row["history"]) for row in rows)
    return seconds, sorted(configs, key=_order), run_epochs


def _order(config: RunConfig) -> tuple[Any, ...]:
    """So that what costs about the same stands together, see ``sample``."""
    dropping = config.dropout > 0
    layers = (str(config.conv_layers), config.batch_norm, dropping, config.hidden_sizes)
    return (config.batch_size, *layers, config.optimizer)


def arithmetic_limit(configs: list[RunConfig], flops: float, bytes_per_second: float) -> float:
    """Seconds that matrix products and updates of these runs take at the measured peaks."""
    total = 0.0
    data = load(configs[0].dataset)
    for config in configs:
        images = len(data.train)
        steps = config.epochs * math.ceil(images / config.batch_size)
        sizes = [math.prod(data.image_shape), *config.hidden_sizes, 10]
        weights = [a * b for a, b in itertools.pairwise(sizes)]
        # Forward and both backward products; the input needs no gradient.
        products = 3 * sum(weights) - weights[0]
        forward_only = 2 * sum(weights) * len(data.val) * config.epochs
        total += (steps * config.batch_size * 2 * products + forward_only) / flops
        total += steps * PARAMETER_BYTES * (sum(weights) + sum(sizes[1:])) / bytes_per_second
    return total


# --- Peers ---------------------------------------------------------------------------------------

Measured = tuple[float, int]
"""Seconds for each run-epoch, and of how many points."""


def sample(items: Sequence[Any], count: int) -> list[Any]:
    """About ``count`` of them, evenly from first to last."""
    count = min(count, len(items))
    return [items[(2 * i + 1) * len(items) // (2 * count)] for i in range(count)]


def _script(
    peer: Callable[[RunConfig, Dataset, int], list[float]],
) -> Callable[[list[RunConfig], Dataset, int], Measured]:
    """A peer that trains one point: its mean over points, as often as each has epochs."""

    def measured(configs: list[RunConfig], data: Dataset, points: int) -> Measured:
        chosen = sample(configs, points)
        total = sum(peer(config, data, 1)[0] * config.epochs for config in chosen)
        return total / sum(config.epochs for config in chosen), len(chosen)

    return measured


def _jax_groups(configs: list[RunConfig], data: Dataset, points: int) -> Measured:
    """Some of the groups that the points fall into: an epoch of each, and its compiling."""
    groups: dict[Hashable, list[RunConfig]] = {}
    for config in configs:
        groups.setdefault(group_key(config), []).append(config)
    chosen = sample(list(groups.values()), points)
    total = run_epochs = 0.0
    for group in chosen:
        compiling, (epoch,) = jax_vmap(group, data, 1)
        total += compiling + epoch * group[0].epochs
        run_epochs += len(group) * group[0].epochs
    return total / run_epochs, sum(map(len, chosen))


def _jax_stack(configs: list[RunConfig], data: Dataset, points: int) -> Measured:
    """Each of some points eight times over, as in a sweep that varies nothing but numbers."""
    chosen = sample(configs, points)
    total = run_epochs = 0.0
    for config in chosen:
        compiling, (epoch,) = jax_vmap([config] * 8, data, 1)
        total += compiling + epoch * config.epochs
        run_epochs += 8 * config.epochs
    return total / run_epochs, len(chosen)


@functools.cache
def process_start() -> float:
    """Seconds until a new process has imported what a script of a W&B sweep imports."""
    command = [sys.executable, "-c", "import torch, torchvision, wandb"]
    return fastest(lambda: subprocess.run(command, check=True), 2)


# --- Shown ---------------------------------------------------------------------------------------


def table(result: dict[str, Any]) -> str:
    ours = result["dlsweep"]
    peak = (
        f"float32 matrix product {result['gemm_flops'] / 1e9:.0f} GFLOP/s, "
        f"memory {result['bandwidth'] / 1e9:.1f} GB/s"
    )
    if "fraction_of_arithmetic_limit" in ours:
        fraction = shown(ours["fraction_of_arithmetic_limit"])
        peak += f"; dlsweep reaches {fraction} of this arithmetic limit"
    lines = [
        header(result["machine"]),
        peak,
        f"study {result['study']}, {ours['points']} points, {ours['run_epochs']} run-epochs; "
        f"{len(ours['seconds_per_run_epoch']['repetitions'])} repetitions: median (lowest–highest)",
        "",
        "| way | points | s per run-epoch | dlsweep is faster by |",
        "|---|---|---|---|",
        f"| dlsweep sweep | {ours['points']} | {shown(ours['seconds_per_run_epoch'])} | |",
    ]
    for name, peer in result["peers"].items():
        if "missing" in peer:
            lines.append(f"| {name} | | {peer['missing']} | |")
            continue
        lines.append(
            f"| {name} | {peer['points']} | {shown(peer['seconds_per_run_epoch'])} "
            f"| {shown(peer['ratio'], 1)} × |"
        )
    return "\n".join(lines)
