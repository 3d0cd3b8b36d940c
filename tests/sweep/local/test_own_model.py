"""A sweep over the settings of a model of the user's own, in processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlsweep import run_sweep
from tests.training import nets


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")


def test_its_settings_are_swept():
    settings = {"dataset": "digits", "epochs": 1, "train_size": 100, "figures": "none"}
    settings["model"] = f"{nets.__file__}:Branches"
    parameters = {name: {"value": value} for name, value in settings.items()}
    parameters["width"] = {"values": [4, 5]}
    metric = {"name": "val_accuracy", "goal": "maximize"}
    table = run_sweep(
        {"method": "grid", "metric": metric, "parameters": parameters}, workers=2, confirm=0
    )
    rows = sorted(table.rows, key=lambda row: row.config["width"])
    assert [run.status for run in rows] == ["finished"] * 2
    assert [run.config["width"] for run in rows] == [4, 5]
    inputs = 64 * 4 + 4  # of the linear map of the images, for a width of 4
    parameters_of = [run.summary["parameters"] for run in rows]
    assert parameters_of[0] > inputs
    assert parameters_of[0] < parameters_of[1]
