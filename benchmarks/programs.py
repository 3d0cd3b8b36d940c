"""`dlsweep sweep` against `wandb agent`: the same program and points, one or two at a time.

    python -m benchmarks programs [--runs 16]

The program is a script with flags and `wandb.init()`, which fits a logistic regression in NumPy: it
takes hardly longer than its imports, so what is measured is what the tools themselves cost.
`dlsweep sweep` is offline. `wandb agent` cannot be: it asks the tests' protocol server on
127.0.0.1, without a network, and is used as it is, with its 5 s between questions to the server;
two at a time are two agents. Both must have run the program with the same arguments and the same
`wandb.config`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from benchmarks.machine import describe, header
from tests.wandb_server import WandbServer

ROOT = Path(__file__).resolve().parents[1]
DLSWEEP = [sys.executable, "-m", "dlsweep"]
WANDB = [sys.executable, "-m", "wandb"]
WORKERS = (1, 2)
PROGRAM = """
import argparse
import json
import os
import sys

import numpy as np
import wandb

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--decay", type=float, default=0.0)
args = parser.parse_args()

run = wandb.init(config=vars(args))
rng = np.random.default_rng(0)
x = rng.normal(size=(500, 20))
y = (x @ rng.normal(size=20) > 0).astype(float)
w = np.zeros(20)
for epoch in range(10):
    p = 1 / (1 + np.exp(-x @ w))
    w -= args.lr * (x.T @ (p - y) / len(y) + args.decay * w)
    run.log({"loss": float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))})
with open(os.path.join(os.environ["SEEN"], run.id), "w") as file:
    json.dump([sys.argv[1:], dict(run.config)], file)
"""

Seen = list[tuple[list[str], dict[str, Any]]]
"""The arguments and the configuration of each execution, sorted."""


def sweep_of(runs: int) -> dict[str, Any]:
    """A sweep of so many runs."""
    return {
        "program": "train.py",
        "method": "grid",
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {
            "decay": {"value": 1e-05},  # sorted by name, as dlsweep passes them
            "lr": {"values": [round(0.05 * (i + 1), 2) for i in range(runs)]},
        },
    }


def measure(runs: int) -> dict[str, Any]:
    """Seconds of both, by how many run at a time.

    Raises:
        SystemExit: if one fails, or if they have not run the same.
    """
    ways: dict[str, Callable[[Path, dict[str, Any], int], None]] = {
        "dlsweep sweep": _dlsweep_sweep,
        "wandb agent": _wandb_agents,
    }
    sweep = sweep_of(runs)
    seconds: dict[str, dict[str, float]] = {name: {} for name in ways}
    for workers in WORKERS:
        seen: list[Seen] = []
        for name, way in ways.items():
            print(f"{name}, {workers} at a time: {runs} runs", file=sys.stderr)
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "train.py").write_text(PROGRAM)
                (Path(folder) / "seen").mkdir()
                began = time.perf_counter()
                way(Path(folder), sweep, workers)
                seconds[name][str(workers)] = time.perf_counter() - began
                seen.append(_seen(Path(folder) / "seen"))
        if len(seen[0]) != runs or seen[0] != seen[1]:
            raise SystemExit(f"{' and '.join(ways)} have not run the same:\n{seen[0]}\n{seen[1]}")
    machine = describe() | {"wandb": metadata.version("wandb")}
    ratio = {w: seconds["wandb agent"][w] / s for w, s in seconds["dlsweep sweep"].items()}
    return {"machine": machine, "runs": runs, "seconds": seconds, "ratio": ratio}


def _dlsweep_sweep(folder: Path, sweep: dict[str, Any], workers: int) -> None:
    (folder / "sweep.yaml").write_text(yaml.safe_dump(sweep, sort_keys=False))
    words = [*DLSWEEP, "sweep", "sweep.yaml", "--workers", str(workers)]
    _wait(words, [_start(words, folder, WANDB_MODE="offline")])


def _wandb_agents(folder: Path, sweep: dict[str, Any], workers: int) -> None:
    with WandbServer() as server:
        made = server.add_sweep(sweep, entity="team", project="bench")
        words = [*WANDB, "agent", f"team/bench/{made.id}"]
        _wait(words, [_start(words, folder, **server.env()) for _ in range(workers)])
        if any(server.runs[run_id].state != "finished" for run_id in made.runs):
            raise SystemExit("wandb agent: not every run has finished")


def _start(words: list[str], folder: Path, **variables: str) -> subprocess.Popen[str]:
    """Start a command of this environment's in a folder."""
    environment = {n: v for n, v in os.environ.items() if n not in ("WANDB_MODE", "WANDB_DIR")}
    for name, first in (("PATH", Path(sys.executable).parent), ("PYTHONPATH", ROOT)):
        environment[name] = os.pathsep.join(filter(None, [str(first), os.environ.get(name)]))
    environment |= {"SEEN": str(folder / "seen"), **variables}
    return subprocess.Popen(
        words,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _wait(words: list[str], processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        out, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"{' '.join(words)} failed:\n{out}")


def _seen(folder: Path) -> Seen:
    return sorted(map(json.loads, (path.read_text() for path in folder.iterdir())), key=str)


def table(result: dict[str, Any]) -> str:
    """The result as a table in Markdown, with the machine above it."""
    runs, ratio = result["runs"], result["ratio"]
    lines = [
        header(result["machine"]),
        f"{runs} runs of one program, once each; same arguments and same `wandb.config` in both",
        "",
        "| at a time | `wandb agent`, s | `dlsweep sweep`, s | per run | dlsweep is faster by |",
        "|---|---|---|---|---|",
    ]
    for workers, theirs in result["seconds"]["wandb agent"].items():
        ours = result["seconds"]["dlsweep sweep"][workers]
        lines.append(
            f"| {workers} | {theirs:.1f} | {ours:.1f} | {ours / runs:.2f} | "
            f"{ratio[workers]:.1f} × |"
        )
    return "\n".join(lines)
