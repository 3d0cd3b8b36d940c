"""A matrix of autoencoders: its runs' own losses reach the study, W&B, the table and the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dlsweep
from dlsweep import run_sweep
from dlsweep.cli._table import table_lines
from dlsweep.config import ConfigError
from dlsweep.data import load
from dlsweep.report import read_runs, render_html, standard_report
from dlsweep.tracking._transaction_log import TransactionLog

SETTINGS = {
    "model": "autoencoder",
    "dataset": "digits",
    "train_size": 200,
    "epochs": 8,
    "learning_rate": 0.01,
    "pretrain_epochs": 6,
    "hidden_size": [16],
    "save_model": True,
}
METRIC = {"name": "reconstruction_loss", "goal": "minimize"}


def sweep(metric: dict[str, Any], settings: dict[str, Any], **varied: list[Any]) -> dict[str, Any]:
    parameters = {name: {"value": value} for name, value in settings.items()}
    parameters |= {name: {"values": values} for name, values in varied.items()}
    return {"method": "grid", "metric": metric, "parameters": parameters}


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")


def test_a_matrix_from_the_file_to_the_page():
    matrix = sweep(METRIC, SETTINGS, code_size=[1, 8], classifier_size=[None, [8]])
    table = run_sweep(matrix, workers=2, confirm=0)
    best, *_, last = table.ordered()
    assert (best.config["code_size"], last.config["code_size"]) == (8, 1)
    assert best.value == best.history[-1]["val_reconstruction"] < last.value
    assert {"train_reconstruction", "test_reconstruction", "silhouette"} <= {
        *best.history[0],
        *best.summary,
    }
    heading = "\n".join(table_lines(table)).split("\n# ")[-1]
    assert all(name in heading for name in ("classifier_size", "test_reconstruction", "silhouette"))

    [log] = Path().glob(f"**/offline-run-*-{best.run_id}/*.wandb")
    rows = TransactionLog(log).read()
    logged = [row.values["val_reconstruction"] for row in rows]
    assert logged == [epoch["val_reconstruction"] for epoch in best.history]

    runs = read_runs()
    assert "validation reconstruction" in render_html(standard_report(), runs)

    model = dlsweep.load(log.parent)
    images = load("digits").test.images
    made = model.reconstruct(images)
    assert made.shape == images.shape
    assert np.square(made - images.numpy()).mean() == pytest.approx(
        best.summary["test_reconstruction"], rel=1e-5
    )
    probabilities = model.predict(images)
    right = probabilities.argmax(1) == load("digits").test.labels.numpy()
    assert right.mean() == best.summary["test_accuracy"]


def test_only_autoencoders_are_judged_by_their_reconstruction():
    with pytest.raises(ConfigError) as error:
        run_sweep(sweep(METRIC, {"dataset": "digits"}, num_layers=[1, 2]))
    assert error.value.problems == (
        "metric.name: val_reconstruction is logged of model autoencoder alone; use val_accuracy",
    )
