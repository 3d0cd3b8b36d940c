"""Small sweeps, and a stand-in for training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dlsweep import RunConfig
from dlsweep.sweep.file import SweepFile, parse_sweep
from dlsweep.sweep.study import Run, Study

METRIC = {"name": "val_accuracy", "goal": "maximize"}


def sweep(parameters: dict[str, Any], method: str = "random", **more: Any) -> SweepFile:
    given = {"method": method, "metric": METRIC, "parameters": parameters, "name": "toy", **more}
    return parse_sweep(given)


def history(*accuracies: float) -> list[dict[str, float]]:
    return [{"epoch": i, "val_accuracy": a} for i, a in enumerate(accuracies, start=1)]


def train(
    study: Study, n: int, batch: int = 1, score: Callable[[RunConfig], float] = lambda c: 0.5
) -> list[Run]:
    """Take up to ``n`` runs in batches, and finish each with its score."""
    runs: list[Run] = []
    while len(runs) < n:
        taken = study.take(min(batch, n - len(runs)))
        if not taken:
            break
        for run in taken:
            study.finish(run, "finished", history(score(run.config)))
        runs += taken
    return runs
