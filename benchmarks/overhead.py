"""What a run costs beside its training: the study's point, the offline wandb run, the figures.

    python -m benchmarks overhead                   50 runs of each kind of figures
    python -m benchmarks.overhead summary 50        one kind, in the working directory; says JSON

The sweep without a server is real (study, planning, wandb, figures, Fashion-MNIST's 6,000
validation and 10,000 test images); only its trainer is a stand-in, which yields results that were
made before, pickled as a worker process sends them. Each run is a stack of its own, the dearest
case. What happens once for a sweep (imports, asking for the points, showing the data) falls to the
first run, which is left out of the median.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import describe, header, shown, spread
from dlsweep.config import RunConfig
from dlsweep.config.choices import FIGURES
from dlsweep.data import load
from dlsweep.data._cache import cache_root
from dlsweep.sweep import LocalSweep, Study, parse_sweep
from dlsweep.sweep._jobs import Done, Event, Trained
from dlsweep.training import EpochEnd, RunResult, train_stack

ROOT = Path(__file__).resolve().parents[1]
EPOCHS = 10
RESULTS = 4
"""So many different results there are, in turn."""
ONCE = 1
"""So many runs come before those that are measured."""
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


class _Ready:
    """A trainer that has trained already.

    Args:
        results: pickled, in turn one for each job.
        runs: how many there are: as many processes make each a stack of its own.
    """

    def __init__(self, results: Sequence[bytes], runs: int) -> None:
        self.processes = runs
        self._results = results
        self._events: list[Event] = []

    @property
    def idle(self) -> bool:
        return not self._events

    def start(self, job: int, configs: Sequence[RunConfig], **_: Any) -> None:
        result: RunResult = pickle.loads(self._results[job % len(self._results)])
        (config,) = configs
        result = dataclasses.replace(result, config=config)
        ends = [EpochEnd({0: metrics}, {}) for metrics in result.history[:-1]]
        ends.append(EpochEnd({0: result.history[-1]}, {0: result}))
        self._events = [*(Trained(job, end) for end in ends), Done(job)]

    def wait(self) -> Sequence[Event]:
        return [self._events.pop(0)]

    def leave(self) -> None:
        """Nothing is trained."""

    def close(self) -> None:
        """Nothing is trained."""


class _Clock:
    """Told of the end of each run."""

    def __init__(self) -> None:
        self.wall = [time.perf_counter()]
        self.cpu = [time.process_time()]

    def started(self, points: Any) -> None:
        """Nothing to be done."""

    def trained(self, point: Any, metrics: Any) -> None:
        """Nothing to be done."""

    def ended(self, row: Any) -> None:
        assert row.status == "finished", row
        self.wall.append(time.perf_counter())
        self.cpu.append(time.process_time())


def _one(figures: str, runs: int, *, smoke: bool) -> dict[str, Any]:
    """The seconds that each of so many runs takes here."""
    settings: dict[str, Any] = {"figures": figures, "device": "cpu", **(SMOKE if smoke else {})}
    results = [_result(RunConfig(**settings, seed=seed)) for seed in range(RESULTS)]
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
        service = _children_cpu()
        clock = _Clock()
        LocalSweep(
            study, _Ready(results, runs + ONCE), mode="offline", settings={}, watcher=clock
        ).run()
        service = _children_cpu() - service
    measured: dict[str, Any] = {"runs": runs, "service_cpu": service / (runs + ONCE)}
    for name, times in (("wall", clock.wall), ("cpu", clock.cpu)):
        each = [after - before for before, after in itertools.pairwise(times)]
        assert len(each) == runs + ONCE
        measured[name] = spread(each[ONCE:])
        measured[f"first_{name}"] = sum(each[:ONCE])
    return measured


def _result(config: RunConfig) -> bytes:
    """A result of training for a moment, with as many epochs as are to be logged."""
    data = load(config.dataset, train_size=200)
    (result,) = train_stack([dataclasses.replace(config, epochs=1, train_size=200)], data)
    history = tuple(dataclasses.replace(result.history[0], epoch=1 + i) for i in range(EPOCHS))
    return pickle.dumps(dataclasses.replace(result, history=history), pickle.HIGHEST_PROTOCOL)


def _children_cpu() -> float:
    """Seconds of processor time of the processes that this one has started, which are wandb's.

    Where there is no /proc, nothing is known of them.
    """
    seconds = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended just now
            continue
        if int(fields[1]) == os.getpid():
            seconds += sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
    return seconds


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
