"""Small sweeps, and a stand-in for training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dlsweep import RunConfig
from dlsweep.sweep import Point, Study, SweepFile, parse_sweep

METRIC = {"name": "val_accuracy", "goal": "maximize"}


def sweep(parameters: dict[str, Any], method: str = "random", **more: Any) -> SweepFile:
    given = {"method": method, "metric": METRIC, "parameters": parameters, "name": "toy", **more}
    return parse_sweep(given)


def history(*accuracies: float) -> list[dict[str, float]]:
    return [{"epoch": i, "val_accuracy": a} for i, a in enumerate(accuracies, start=1)]


def train(
    study: Study, n: int, batch: int = 1, score: Callable[[RunConfig], float] = lambda c: 0.5
) -> list[Point]:
    """Ask for up to ``n`` points in batches, and finish each with its score."""
    points: list[Point] = []
    while len(points) < n:
        asked = study.ask(min(batch, n - len(points)))
        if not asked:
            break
        for point in asked:
            study.finish(point, "finished", history(score(point.config)))
        points += asked
    return points
