"""Runs tables of programs, made by hand: any settings, any metrics, nothing of dlsweep's own."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

from dlsweep.report import RunsTable
from dlsweep.report._runs import varied
from dlsweep.sweep import Metric, Row
from tests.report.hand_made import MADE

HOSTILE = '<script>alert(1)</script>|`*&"'
LOSS = Metric("loss", "minimize")


def repeat(config: Mapping[str, Any]) -> str:
    """The command line of a made-up program."""
    words = [f"--{name}={value}" for name, value in config.items()]
    return shlex.join(["python", "mine.py", *words])


def program_run(
    number: int,
    config: Mapping[str, Any],
    value: float | None = None,
    metric: str = "loss",
    **changed: Any,
) -> Row:
    """A finished run of a program; a failed one without a value."""
    history = () if value is None else [{metric: value + 100 / 2**i, "epoch": i} for i in range(4)]
    ended = Row(
        number=number,
        run_id=f"id{number}",
        name=f"mine-{number}",
        status="failed" if value is None else "finished",
        config=config,
        history=history,
        summary={} if value is None else {metric: value, "epoch": 3, "val/acc": 93.25},
        value=value,
        reason="ValueError: no" if value is None else "",
        started=MADE + timedelta(minutes=number),
        finished=MADE + timedelta(minutes=number, seconds=30),
    )
    return replace(ended, **changed)


def program_table(runs: Sequence[Row], metric: Metric = LOSS, **changed: Any) -> RunsTable:
    """A table of these runs."""
    table = RunsTable(
        title="mine",
        source="the local study mine-1 in dlsweep.db",
        metric=metric,
        runs=tuple(runs),
        parameters=varied([run.config for run in runs], own=False),
        versions={"dlsweep": "0"},
        made=MADE,
        name="mine-1",
        own=False,
        repeat=repeat,
    )
    return replace(table, **changed)


def losses() -> RunsTable:
    """30 runs with losses about 1e3 to be minimized, which follow from the learning rate."""
    axes = {"lr": [1e-5, 1e-4, 1e-3, 1e-2, 1e-1], "width": [8, 16, 32], "loss": ["l1", "huber"]}
    points = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    runs = [
        program_run(i, point, 1234.5 + 7000 * point["lr"] + 10 * point["width"] + i % 3)
        for i, point in enumerate(points)
    ]
    return program_table(runs)


def rewards() -> RunsTable:
    """12 runs with negative rewards to be maximized; each configuration is run three times."""
    metric = Metric("eval.reward", "maximize")
    runs = []
    for i in range(12):
        config = {"agent.gamma": 0.9 + 0.02 * (i // 3), "agent.name": "ppo", "env.seed": i % 3}
        value = -30.25 + 2 * (i // 3) + 0.5 * (i % 3)
        runs.append(program_run(i, config, value, metric.name))
    return program_table(runs, metric)


def categories() -> RunsTable:
    """24 runs whose settings are mappings, lists, None, truth values and text that looks alike."""
    kinds = [{"name": "adam"}, {"name": "sgd", "momentum": 0.9}, None]
    flags = [True, "true", 1, "1"]
    runs = []
    for i, (kind, flag) in enumerate(product(kinds, flags)):
        for j in range(2):
            config = {"optimizer": kind, "flag": flag, "betas": [0.9, 0.99 + 0.001 * j]}
            runs.append(program_run(2 * i + j, config, 5.0 + i))
    return program_table(runs)


def hostile() -> RunsTable:
    """Names of runs, settings and metrics, and values, that would be markup."""
    metric = Metric(f"m{HOSTILE}", "minimize")
    runs = [
        program_run(
            i,
            {f"s{HOSTILE}": f"v{i}{HOSTILE}", "x": {"k": HOSTILE, "i": i}},
            1.0 + i,
            metric.name,
            name=f"{i}{HOSTILE}",
        )
        for i in range(12)
    ]
    failed = program_run(12, {f"s{HOSTILE}": HOSTILE}, reason=HOSTILE, name=HOSTILE)
    return program_table([*runs, failed], metric, title=HOSTILE, source=HOSTILE)


def unjudged() -> RunsTable:
    """Runs of a sweep that names no metric."""
    runs = [replace(run, value=None) for run in losses().runs]
    return program_table(runs, Metric("", "minimize"))


TABLES: dict[str, RunsTable] = {
    "losses": losses(),
    "rewards": rewards(),
    "categories": categories(),
    "hostile": hostile(),
    "no metric": unjudged(),
    "a single run": program_table([program_run(0, {"lr": 0.1}, 1234.5)]),
    "all failed": program_table([program_run(i, {"lr": 0.1 * i}) for i in range(3)]),
    "nothing logged": program_table(
        [program_run(i, {"lr": i}, status="finished", reason="") for i in range(3)]
    ),
    "no runs": program_table([]),
}
"""By name; with ``json.dumps`` a config is what a study would hold."""

assert all(json.dumps(dict(run.config)) for table in TABLES.values() for run in table.runs)
