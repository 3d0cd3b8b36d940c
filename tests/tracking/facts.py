"""What every run must have brought to a W&B server, whoever started it."""

from __future__ import annotations

import json
from typing import Any

import yaml

from dlsweep.config import RunConfig, parse_config
from tests.wandb_server import Run

HISTORY = {
    "epoch",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "learning_rate",
    "seconds",
}
SUMMARY = {
    "best_val_accuracy",
    "best_epoch",
    "test_loss",
    "test_accuracy",
    *(f"{split}_{score}" for split in ("val", "test") for score in ("precision", "recall", "f1")),
    "parameters",
    "status",
    "training_seconds",
}
DIGITS = {"val": 144, "test": 360}  # images in the splits of the digits


def check_run(run: Run, *, status: str = "finished") -> RunConfig:
    """Hold a run against DESIGN.md: configuration, history, summary; returns the configuration."""
    assert (run.state, run.exit_code) == ("finished", 0)
    config, _ = parse_config(run.config)  # a sweep's own keys and spellings stand there too
    canonical = config.as_dict()
    assert canonical.keys() <= run.config.keys()

    rows = [{k for k in row if not k.startswith("_")} for row in run.history]
    assert all(row >= HISTORY for row in rows)
    assert all(row == HISTORY for row in rows[:-1])  # the last has the confusion matrices too
    epochs = run.column("epoch")
    assert epochs == list(range(1, len(epochs) + 1))
    assert len(epochs) == config.epochs or status != "finished"

    assert run.summary.keys() >= SUMMARY
    assert run.summary["status"] == status
    if status == "finished":
        best = max(run.column("val_accuracy"))
        assert run.summary["best_val_accuracy"] == best
        assert run.column("val_accuracy")[run.summary["best_epoch"] - 1] == best
        assert 0 <= run.summary["test_accuracy"] <= 1
        assert run.summary["parameters"] > 0
    return config


def check_confusion(run: Run, split: str) -> None:
    """Hold the confusion matrix of a run on the digits against what W&B's own plot consists of."""
    key = f"{split}_confusion_matrix"
    [artifact] = [a for a in run.artifacts if a.name == f"run-{run.id}-{key}_table"]
    assert (artifact.type, artifact.state) == ("run_table", "COMMITTED")
    [content] = [data for name, data in artifact.files.items() if name.endswith(".json")]
    table = json.loads(content)
    assert table["columns"] == ["Actual", "Predicted", "nPredictions"]
    assert len(table["data"]) == 100
    assert [row[:2] for row in table["data"][:2]] == [["0", "0"], ["0", "1"]]
    assert sum(row[2] for row in table["data"]) == DIGITS[split]
    right = sum(row[2] for row in table["data"] if row[0] == row[1])
    accuracy = run.summary["best_val_accuracy" if split == "val" else "test_accuracy"]
    assert right / DIGITS[split] == accuracy
    assert panel(run, key)["panelDefId"] == "wandb/confusion_matrix/v1"
    assert panel(run, key)["fieldSettings"] == {name: name for name in table["columns"]}


def panel(run: Run, key: str) -> dict[str, Any]:
    """The settings with which W&B's pages draw a logged plot."""
    stored = yaml.safe_load(run.files["config.yaml"])
    found: dict[str, Any] = stored["_wandb"]["value"]["visualize"][key]["panel_config"]
    return found
