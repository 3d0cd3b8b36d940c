"""What asking for many points at once costs a ``bayes`` search.

Bayes learns from results, so points that are asked for together are chosen with less knowledge; but
together they fill stacks. Every point of study S1's space (two of three widths) is trained once, on
2,000 images of Fashion-MNIST, and kept on disk. Then the study is replayed from that table, many
times for each number of points asked for at once: processes take stacks as `dlsweep sweep` gives
them out, and what is finished is told before more is asked for.
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.machine import describe
from benchmarks.studies import S1
from dlsweep.config import RunConfig
from dlsweep.sweep import Run, Study, choose_executor, parse_sweep
from dlsweep.sweep.execution import Broken, Done, Epoch, StackJob
from dlsweep.training import DIVERGED, FINISHED, most_members, plan, steps

AT_ONCE = (1, 2, 4, 8, 16, 32, 64)
AFTER = (16, 32, 64)
SUBSET = {"dataset": "fashion_mnist", "train_size": 2000, "val_fraction": 0.02}
WIDTHS = [32, 64]  # of S1's three: it takes minutes to train what is left
SMOKE = {"dataset": "digits", "train_size": 100, "val_fraction": 0.1}


def measure(repetitions: int, processes: int, *, smoke: bool) -> dict[str, Any]:
    space, runs, at_once = s1_space(smoke=smoke), max(AFTER), AT_ONCE
    if smoke:
        repetitions, runs, at_once = 2, 16, (1, 8)
    after = [count for count in AFTER if count <= runs]
    curves = learned(space)
    best = max(value for curve in curves.values() for value in curve if value is not None)
    result: dict[str, Any] = {
        "machine": describe(),
        "points": len(curves) * len(values_of(space, "epochs")),
        "best": best,
        "repetitions": repetitions,
        "processes": processes,
        "after": after,
        "rows": [],
    }
    ways = [("random", 1), *(("bayes", n) for n in at_once)]
    for method, n in ways:
        found, members = [], []
        for seed in range(repetitions):
            values, sizes = replay(space, method, n, runs, seed, processes, curves)
            found.append(np.maximum.accumulate(values))
            members.append(statistics.mean(sizes))
        print(f"replayed {method}, {n} at once", file=sys.stderr)
        result["rows"].append(
            {
                "method": method,
                "at_once": n,
                "members": statistics.mean(members),
                "best": {str(a): [float(f[a - 1]) for f in found] for a in after},
            }
        )
    return result


# --- The table of results ------------------------------------------------------------------------


def s1_space(*, smoke: bool) -> dict[str, Any]:
    """Study S1's sweep file, on a small part of the data."""
    sweep: dict[str, Any] = yaml.safe_load(S1.sweep.read_text())
    for name, value in (SMOKE if smoke else SUBSET).items():
        sweep["parameters"][name] = {"value": value}
    sweep["parameters"]["hidden_size"] = {"values": WIDTHS}
    if smoke:
        sweep["parameters"]["epochs"] = {"values": [1, 2]}
        for name in ("num_layers", "hidden_size", "batch_size", "optimizer"):
            sweep["parameters"][name] = {"values": values_of(sweep, name)[-2:]}
        for name in ("weight_decay", "weight_init", "activation"):
            sweep["parameters"][name] = {"value": values_of(sweep, name)[-1]}
    return sweep


def values_of(sweep: dict[str, Any], name: str) -> list[Any]:
    given = sweep["parameters"][name]
    return list(given["values"]) if "values" in given else [given["value"]]


def learned(sweep: dict[str, Any]) -> dict[str, list[float | None]]:
    """Validation accuracy after every epoch of every configuration; trained where not yet known.

    The learning rate is constant, so a run of 5 epochs is the first half of one of 10: only the
    longest are trained.
    """
    names = list(sweep["parameters"])
    configs = []
    for values in itertools.product(*(values_of(sweep, name) for name in names)):
        settings = dict(zip(names, values, strict=True))
        settings["epochs"] = max(values_of(sweep, "epochs"))
        settings |= {"device": "cpu", "figures": "none"}
        configs.append(RunConfig(**settings))
    configs = list(dict.fromkeys(configs))
    path = cache_path(configs)
    curves: dict[str, list[float | None]] = json.loads(path.read_text()) if path.exists() else {}
    waiting = [config for config in configs if key(config) not in curves]
    if waiting:
        print(f"training {len(waiting)} runs once; kept in {path}", file=sys.stderr)
    for done, (config, curve) in enumerate(train_all(waiting), start=1):
        curves[key(config)] = curve
        if done % 500 == 0 or done == len(waiting):
            print(f"{done} of {len(waiting)}", file=sys.stderr)
            aside = path.with_suffix(".part")
            aside.write_text(json.dumps(curves))
            os.replace(aside, path)
    return {key(config): curves[key(config)] for config in configs}


def cache_path(configs: Sequence[RunConfig]) -> Path:
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    directory = root / "dlsweep" / "benchmarks"
    directory.mkdir(parents=True, exist_ok=True)
    first = configs[0]
    return directory / f"s1-{first.dataset}-{first.train_size}-{first.epochs}.json"


def key(config: RunConfig) -> str:
    """What distinguishes points, but for the number of epochs."""
    values = dataclasses.replace(config, epochs=1, device="cpu").as_dict()
    varied = ("num_layers", "hidden_size", "weight_decay", "learning_rate", "optimizer")
    varied += ("batch_size", "weight_init", "activation")
    return "/".join(str(values[name]) for name in varied)


def train_all(configs: Sequence[RunConfig]) -> Iterator[tuple[RunConfig, list[float | None]]]:
    if not configs:
        return
    stacks = plan(configs)
    curves: dict[int, list[float | None]] = {i: [] for i in range(len(configs))}
    executor = choose_executor("cpu")
    try:
        executor.start()
        left, jobs = list(enumerate(stacks)), 0
        while left or jobs:
            while left and executor.free:
                number, stack = left.pop(0)
                executor.submit(StackJob(number, [configs[i] for i in stack]))
                jobs += 1
            for event in executor.events():
                stack = stacks[event.job]
                if isinstance(event, Broken):
                    raise RuntimeError(event.reason)
                jobs -= isinstance(event, Done)
                if not isinstance(event, Epoch):
                    continue
                for place, metrics in event.metrics.items():
                    curves[stack[place]].append(metrics.val_accuracy)
                for place, outcome in event.ended.items():
                    curve, config = curves[stack[place]], configs[stack[place]]
                    if outcome.status == DIVERGED:  # without a value from that epoch on
                        curve[-1] = None
                    yield config, curve + [None] * (config.epochs - len(curve))
    finally:
        executor.close()


# --- Replaying a study ---------------------------------------------------------------------------


def replay(
    sweep: dict[str, Any],
    method: str,
    at_once: int,
    runs: int,
    seed: int,
    processes: int,
    curves: dict[str, list[float | None]],
) -> tuple[list[float], list[int]]:
    """Replay a sweep: the values of its runs in the order of their ends, and the stacks' sizes.

    A stack takes as long as its longest member has steps, times one and an eighth for each member.
    """
    file = parse_sweep({**sweep, "method": method, "run_cap": runs})
    values, sizes, clock = [], [], 0.0
    queue: list[list[Run]] = []
    training: list[tuple[float, int, list[Run]]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Study.open(file, str(Path(folder) / "study.db"), seed=seed) as study,
    ):
        while True:
            while len(training) < processes:
                if not queue:
                    taken = study.take(at_once)
                    configs = [run.config for run in taken]
                    stacks = plan(configs, most_members(len(configs), processes))
                    stacks.sort(key=lambda stack: -sum(steps(configs[i]) for i in stack))
                    queue = [[taken[i] for i in stack] for stack in stacks]
                if not queue:
                    break
                stack = queue.pop(0)
                sizes.append(len(stack))
                longest = max(steps(run.config) for run in stack)
                end = clock + longest * (1 + len(stack) / 8)
                heapq.heappush(training, (end, len(sizes), stack))
            if not training:
                return values, sizes
            clock, _, stack = heapq.heappop(training)
            for run in stack:
                value = curves[key(run.config)][run.config.epochs - 1]
                status = DIVERGED if value is None else FINISHED
                history = [] if value is None else [{"val_accuracy": value}]
                study.finish(run, status, history)
                values.append(0.0 if value is None else value)


def table(result: dict[str, Any]) -> str:
    after = result["after"]
    lines = [
        f"Study S1's space, of widths {' and '.join(map(str, WIDTHS))}, on "
        f"{SUBSET['train_size']:,} images of Fashion-MNIST, "
        f"{result['points']:,} points, the best {result['best']:.4f}; "
        f"{result['repetitions']} repetitions, {result['processes']} processes.",
        "Best validation accuracy after so many runs: median (quartiles).",
        "",
        "| search | asked at once | members of a stack | "
        + " | ".join(f"{a} runs" for a in after)
        + " |",
        "|---" * (3 + len(after)) + "|",
    ]
    for row in result["rows"]:
        cells = []
        for a in after:
            low, middle, high = np.quantile(row["best"][str(a)], [0.25, 0.5, 0.75])
            cells.append(f"{middle:.4f} ({low:.4f}–{high:.4f})")
        at_once = row["at_once"] if row["method"] == "bayes" else ""
        lines.append(
            f"| {row['method']} | {at_once} | {row['members']:.1f} | " + " | ".join(cells) + " |"
        )
    return "\n".join(lines)
