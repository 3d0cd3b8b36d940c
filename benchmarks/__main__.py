"""A sweep of study S1 on the CPU, end to end, against what people write today.

    python -m benchmarks                     64 points, all peers; prints a table
    python -m benchmarks --json result.json  and writes it
    python -m benchmarks --smoke             seconds, on digits: shows that it still runs

dlsweep is timed as a user sees it: the whole command ``dlsweep sweep`` with offline wandb logging,
compiling, validation and test. Peers are timed for an epoch on some of the very same points, in
turn, in this process, each after the other on the whole machine.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.machine import bandwidth, describe, fastest, gemm_peak
from benchmarks.peers import PEERS
from dlsweep.config import SETTINGS, RunConfig
from dlsweep.data import load

SWEEP = Path(__file__).resolve().parents[1] / "sweep.yaml"
AGENT_POLL = 5.0  # seconds that `wandb agent` waits between runs (Agent.POLL_INTERVAL)
PARAMETER_BYTES = 4 * 7  # an update reads w, g, m, v and writes w, m, v


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--points", type=int, default=64)
    parser.add_argument("--peer-points", type=int, default=8, help="points that peers train")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--smoke", action="store_true")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.points, arguments.peer_points = 4, 1
    result = measure(arguments.points, arguments.peer_points, smoke=arguments.smoke)
    print(table(result))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


def measure(points: int, peer_points: int, *, smoke: bool) -> dict[str, Any]:
    """Everything in one run: the machine, dlsweep, the peers."""
    result: dict[str, Any] = {"machine": describe()}
    result["gemm_flops"], result["bandwidth"] = gemm_peak(), bandwidth()
    seconds, configs = run_sweep(points, smoke=smoke)
    run_epochs = sum(config.epochs for config in configs)
    limit = arithmetic_limit(configs, result["gemm_flops"], result["bandwidth"])
    result["dlsweep"] = {
        "points": len(configs),
        "run_epochs": run_epochs,
        "seconds": seconds,
        "seconds_per_run_epoch": seconds / run_epochs,
        "fraction_of_arithmetic_limit": limit / seconds,
    }
    data = load(configs[0].dataset)
    sample = configs[:: max(1, len(configs) // peer_points)][:peer_points]
    result["peers"] = {}
    for name, peer in PEERS.items():
        print(f"measuring {name} …", file=sys.stderr)
        times = [peer(config, data, 1)[0] for config in sample]
        result["peers"][name] = {
            "points": len(sample),
            "seconds_per_run_epoch": statistics.mean(times),
            "spread": statistics.pstdev(times),
        }
    start = fastest(
        lambda: subprocess.run(
            [sys.executable, "-c", "import torch, torchvision, wandb"], check=True
        ),
        2,
    )
    script = result["peers"]["DataLoader script"]
    epochs_per_run = run_epochs / len(configs)
    result["peers"]["the same, a process for each run"] = {
        "points": len(sample),
        "seconds_per_run_epoch": script["seconds_per_run_epoch"]
        + (start + AGENT_POLL) / epochs_per_run,
        "spread": script["spread"],
    }
    for peer_result in result["peers"].values():
        peer_result["ratio"] = (
            peer_result["seconds_per_run_epoch"] / result["dlsweep"]["seconds_per_run_epoch"]
        )
    return result


def run_sweep(points: int, *, smoke: bool) -> tuple[float, list[RunConfig]]:
    """Seconds of the whole command, and the configurations that it trained."""
    with tempfile.TemporaryDirectory() as directory:
        sweep = yaml.safe_load(SWEEP.read_text())
        if smoke:
            sweep["parameters"]["dataset"] = {"value": "digits"}
            sweep["parameters"]["epochs"] = {"value": 1}
        (Path(directory) / "sweep.yaml").write_text(yaml.safe_dump(sweep))
        environment = {**os.environ, "WANDB_MODE": "offline"}
        command = [sys.executable, "-c", "from dlsweep.cli import main; raise SystemExit(main())"]

        def dlsweep(*words: str) -> str:
            done = subprocess.run(
                [*command, *words],
                cwd=directory,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            return done.stdout

        began = time.perf_counter()
        dlsweep("sweep", "sweep.yaml", "--count", str(points), "--device", "cpu")
        seconds = time.perf_counter() - began
        rows = json.loads(dlsweep("runs", "--format", "json"))
        configs = [
            RunConfig(**{k: v for k, v in row["config"].items() if k in SETTINGS}) for row in rows
        ]
    return seconds, sorted(configs, key=lambda config: (config.batch_size, config.hidden_sizes))


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


def table(result: dict[str, Any]) -> str:
    machine, ours = result["machine"], result["dlsweep"]
    lines = [
        ", ".join(f"{key} {value}" for key, value in machine.items() if value is not None),
        f"float32 matrix product {result['gemm_flops'] / 1e9:.0f} GFLOP/s, "
        f"memory {result['bandwidth'] / 1e9:.1f} GB/s, on all cores",
        f"{ours['points']} points of study S1, {ours['run_epochs']} run-epochs: "
        f"{ours['fraction_of_arithmetic_limit']:.2f} of the arithmetic limit",
        "",
        "| way | points | s per run-epoch | ± | dlsweep is faster by |",
        "|---|---|---|---|---|",
        f"| dlsweep sweep | {ours['points']} | {ours['seconds_per_run_epoch']:.2f} | | |",
    ]
    for name, peer in result["peers"].items():
        lines.append(
            f"| {name} | {peer['points']} | {peer['seconds_per_run_epoch']:.2f} "
            f"| {peer['spread']:.2f} | {peer['ratio']:.1f} × |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
