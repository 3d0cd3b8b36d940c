"""`wandb agent` against `dlsweep agent`: the same runs of the same sweep, at the same server.

    python -m benchmarks.agents [--runs 16] [--smoke] [--json RESULT.json]

Both train the same points (Fashion-MNIST, 5,000 images, 2 epochs) with the repository's code and
the real wandb client, online, against the tests' protocol server on 127.0.0.1: no network, so what
is measured is what the agents themselves cost. `wandb agent` runs train.py once for each run; it is
used as it is, with its 5 s between questions to the server.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import describe
from tests.wandb_server import Sweep, WandbServer

ROOT = Path(__file__).resolve().parents[1]


def sweep_of(runs: int, smoke: bool) -> dict[str, Any]:
    """A sweep of so many runs; the seed tells them apart."""
    small = {"dataset": {"value": "digits"}, "epochs": {"value": 1}, "hidden_size": {"value": 8}}
    real = {
        "dataset": {"value": "fashion_mnist"},
        "train_size": {"value": 5000},
        "epochs": {"value": 2},
        "hidden_size": {"value": 64},
    }
    return {
        "method": "grid",
        "run_cap": runs,
        "program": str(ROOT / "train.py"),
        "command": ["${env}", sys.executable, "${program}", "${args}"],
        "parameters": {
            **(small if smoke else real),
            "seed": {"values": list(range(runs))},
            "optimizer": {"values": ["sgd", "momentum", "rmsprop", "adam"]},
        },
    }


def measure(command: list[str], config: dict[str, Any]) -> tuple[float, Sweep]:
    """The wall time in seconds of an agent that trains a whole sweep, and the sweep."""
    with WandbServer() as server, tempfile.TemporaryDirectory() as folder:
        sweep = server.add_sweep(config, entity="team", project="bench")
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        env = {**os.environ, **server.env(), "PYTHONPATH": os.pathsep.join(paths)}
        began = time.perf_counter()
        done = subprocess.run(
            [*command, f"team/bench/{sweep.id}"],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - began
        ended = [server.runs[run_id] for run_id in sweep.runs]
        epochs = config["parameters"]["epochs"]["value"]
        whole = all(run.state == "finished" and len(run.history) == epochs for run in ended)
        if done.returncode or not whole or len(ended) != config["run_cap"]:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        return seconds, sweep


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=16)
    parser.add_argument("--smoke", action="store_true", help="two tiny runs")
    parser.add_argument("--json", type=Path, help="also write the result there")
    arguments = parser.parse_args()
    runs = 2 if arguments.smoke else arguments.runs
    config = sweep_of(runs, arguments.smoke)
    machine = describe()
    print(", ".join(f"{key}: {value}" for key, value in machine.items()))
    agents = {
        "dlsweep agent": [sys.executable, "-m", "dlsweep", "agent"],
        "wandb agent": [sys.executable, "-m", "wandb", "agent"],
    }
    seconds = {name: measure(command, config)[0] for name, command in agents.items()}
    ratio = seconds["wandb agent"] / seconds["dlsweep agent"]
    print(f"\n{runs} runs, each agent once, the server and the data on this machine\n")
    print("| agent | seconds | seconds per run |\n|---|---|---|")
    for name, wall in seconds.items():
        print(f"| {name} | {wall:.1f} | {wall / runs:.2f} |")
    print(f"\n`wandb agent` took {ratio:.1f} times as long as `dlsweep agent`.")
    if arguments.json:
        result = {"machine": machine, "runs": runs, "seconds": seconds, "ratio": ratio}
        arguments.json.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
