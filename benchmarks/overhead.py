"""What a run costs beside its training: the study's point, the offline wandb run, the figures.

    python -m benchmarks overhead                   50 runs of each kind of figures
    python -m benchmarks.overhead summary 50        one kind, in the working directory; says JSON

The sweep is real (study, driver, wandb, figures of Fashion-MNIST's 6,000 validation and 10,000 test
images); only its executor is a stand-in, whose runs were trained before. Their figures are computed
here, as a worker computes them. Each run is a stack of its own, the dearest case. What happens once
for a sweep (imports, taking the runs, showing the data) falls to the first run, which is left out
of the median.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import describe, header, shown, spread
from benchmarks.ready import EPOCHS, Clock, ReadyExecutor, service_cpu, train_briefly
from dlsweep.config import RunConfig
from dlsweep.config.choices import FIGURES
from dlsweep.data import load
from dlsweep.data._cache import cache_root
from dlsweep.sweep import Driver, Study, StudySource, parse_sweep
from dlsweep.tracking import Outcome, conclude

ROOT = Path(__file__).resolve().parents[1]
RESULTS = 4
"""How many different results there are, in turn."""
ONCE = 1
"""How many runs come before those that are measured."""
SMOKE = {"dataset": "digits", "hidden_size": 8, "projection": "pca"}


def measure(runs: int, *, smoke: bool) -> dict[str, Any]:
    """Seconds for each run, by the kind of figures; each kind in a process of its own."""
    result: dict[str, Any] = {"machine": describe(), "epochs": EPOCHS, "figures": {}}
    for figures in FIGURES:
        # t-SNE takes seconds for each.
        count = runs if figures != "full" else max(2, runs // 10)
        print(f"figures {figures}: {count} runs", file=sys.stderr)
        command = [sys.executable, "-m", "benchmarks.overhead", figures, str(count)]
        environment: dict[str, str] = {
            **os.environ,
            "WANDB_MODE": "offline",
            "DLSWEEP_DATA": str(cache_root()),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        with tempfile.TemporaryDirectory() as folder:
            environment["WANDB_DIR"] = folder
            done = subprocess.run(
                command + ["--smoke"] * smoke,
                cwd=folder,
                env=environment,
                check=True,
                stdout=subprocess.PIPE,
            )
            files = [path for path in Path(folder, "wandb").rglob("*") if path.is_file()]
            size = sum(path.stat().st_size for path in files) / (count + ONCE)
        result["figures"][figures] = {**json.loads(done.stdout), "bytes_per_run": size}
    return result


def _one(figures: str, runs: int, *, smoke: bool) -> dict[str, Any]:
    """The seconds that each of so many runs takes here."""
    settings: dict[str, Any] = {"figures": figures, "device": "cpu", **(SMOKE if smoke else {})}
    data = load(RunConfig(**settings).dataset)
    results = [train_briefly(RunConfig(**settings, seed=seed)) for seed in range(RESULTS)]

    def outcome(config: RunConfig) -> Outcome:
        result = results[config.seed % RESULTS]
        return conclude(dataclasses.replace(result, config=config), data)

    sweep = parse_sweep(
        {
            "method": "grid",
            "metric": {"name": "val_accuracy", "goal": "maximize"},
            "parameters": {
                **{name: {"value": value} for name, value in settings.items()},
                "epochs": {"value": EPOCHS},
                "seed": {"values": list(range(runs + ONCE))},
            },
        }
    )
    with Study.open(sweep, "overhead.db") as study:
        source = StudySource(study, mode="offline", at_once=runs + ONCE)
        executor = ReadyExecutor(results[0].history, outcome, slots=runs + ONCE, at_once=1)
        service, clock = service_cpu(), Clock()
        Driver(source, executor, progress=clock).run()
        service = service_cpu() - service
    measured: dict[str, Any] = {"runs": runs, "service_cpu": service / (runs + ONCE)}
    for name, times in (("wall", clock.wall), ("cpu", clock.cpu)):
        each = [after - before for before, after in itertools.pairwise(times)]
        assert len(each) == runs + ONCE
        measured[name] = spread(each[ONCE:])
        measured[f"first_{name}"] = sum(each[:ONCE])
    return measured


def table(result: dict[str, Any]) -> str:
    lines = [
        header(result["machine"]),
        f"one run of {result['epochs']} epochs, offline, milliseconds; median (lowest–highest)",
        "",
        "| `figures` | runs | wall time | processor time | that of wandb's service | KB on disk |",
        "|---|---|---|---|---|---|",
    ]
    for figures, times in result["figures"].items():
        wall, cpu = (shown(_milliseconds(times[name]), 0) for name in ("wall", "cpu"))
        service, size = 1000 * times["service_cpu"], times["bytes_per_run"] / 1000
        lines.append(
            f"| {figures} | {times['runs']} | {wall} | {cpu} | {service:.0f} | {size:.0f} |"
        )
    return "\n".join(lines)


def _milliseconds(times: dict[str, Any]) -> dict[str, Any]:
    return spread([1000 * seconds for seconds in times["repetitions"]])


if __name__ == "__main__":
    kind, number = sys.argv[1:3]
    print(json.dumps(_one(kind, int(number), smoke="--smoke" in sys.argv)))
