"""Runs tables for the tests: made up, deterministic, as large as asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np

from dlsweep.config import RunConfig
from dlsweep.report import RunsTable
from dlsweep.sweep import Metric, Row

START = datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc)
SWEPT: dict[str, tuple[Any, ...]] = {
    "optimizer": ("sgd", "adam", "nadam"),
    "activation": ("relu", "tanh"),
    "num_layers": (1, 3),
    "learning_rate": (0.001, 0.0001),
    "loss": ("cross_entropy", "mean_squared_error"),
}
CLASSES = 10


def matrix(generator: np.random.Generator, accuracy: float, images: int = 500) -> list[list[int]]:
    """A confusion matrix of about this accuracy; rows are true classes."""
    wrong = (1 - accuracy) / (CLASSES - 1)
    rows = []
    for true in range(CLASSES):
        shares = np.full(CLASSES, wrong)
        shares[true] = accuracy
        rows.append(generator.multinomial(images // CLASSES, shares / shares.sum()).tolist())
    return rows


def made_up_run(number: int, epochs: int = 5) -> Row:
    """A finished run whose settings and results follow from its number."""
    generator = np.random.default_rng(number)
    config = RunConfig(dataset="digits", epochs=epochs, hidden_size=64).as_dict()
    for name, values in SWEPT.items():
        config[name] = values[generator.integers(len(values))]
    top = {"sgd": 0.5, "adam": 0.9, "nadam": 0.92}[str(config["optimizer"])]
    top += 0.05 * float(generator.uniform()) - 0.1 * (config["learning_rate"] < 0.001)
    history = [
        {
            "epoch": epoch,
            "train_loss": 2.3 * (1 - top) + 1 / epoch,
            "train_accuracy": top * (1 - 0.5 / epoch) + 0.01,
            "val_loss": 2.4 * (1 - top) + 1 / epoch,
            "val_accuracy": top * (1 - 0.5 / epoch),
            "learning_rate": config["learning_rate"],
            "seconds": 0.1,
        }
        for epoch in range(1, epochs + 1)
    ]
    value = history[-1]["val_accuracy"]
    rates = [round(x / 10, 1) for x in range(11)]
    example = {"index": 3, "label": 1, "predicted": 1, "probability": 0.99}
    summary = {
        "best_val_accuracy": value,
        "best_epoch": epochs,
        "test_loss": 0.3,
        "test_accuracy": value - 0.01,
        "parameters": 12345,
        "status": "finished",
        "val_confusion": matrix(generator, value),
        "test_confusion": matrix(generator, value - 0.01),
        "val_auc": [0.9 + 0.01 * c for c in range(CLASSES)],
        "test_auc": [0.9 + 0.01 * c for c in range(CLASSES - 1)] + [None],
        "test_roc": [{"fpr": rates, "tpr": [r**0.2 for r in rates]} for _ in range(CLASSES)],
        "test_examples": {
            "right": [{**example, "index": i} for i in range(4)],
            "wrong": [{**example, "index": i, "predicted": 7} for i in range(4, 8)],
        },
    }
    return Row(
        number=number,
        run_id=f"run{number:05d}",
        name=f"{config['optimizer']}-{config['activation']}-{number}",
        status="finished",
        config=config,
        history=tuple(history),
        summary=summary,
        value=value,
        started=START + timedelta(seconds=10 * number),
        finished=START + timedelta(seconds=10 * number + 8),
    )


def made_up_table(runs: int = 40, **changes: Any) -> RunsTable:
    """A table of made-up runs."""
    return table_of(*(made_up_run(number) for number in range(runs)), **changes)


def table_of(*runs: Row, **changes: Any) -> RunsTable:
    """A table of these runs."""
    table = RunsTable(
        title="digits",
        source="dlsweep.db, study digits",
        metric=Metric("val_accuracy", "maximize"),
        runs=runs,
        parameters=tuple(SWEPT),
        versions={"dlsweep": "0", "torch": "2"},
        made=START + timedelta(days=1),
    )
    return replace(table, **changes)


def failed_run(number: int, reason: str = "ValueError: no", status: str = "failed") -> Row:
    """A run that came to nothing."""
    run = made_up_run(number)
    return replace(run, status=status, reason=reason, value=None, history=(), summary={})


def diverged_run(number: int) -> Row:
    """A run whose loss became NaN in the second epoch."""
    run = made_up_run(number)
    history = (run.history[0], {**run.history[1], "train_loss": float("nan"), "val_loss": None})
    return replace(
        run,
        status="diverged",
        reason="the loss was no longer finite in epoch 2",
        value=None,
        history=history,
        summary={"status": "diverged", "test_loss": float("inf")},
    )
