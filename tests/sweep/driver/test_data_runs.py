"""The runs that show a sweep's data sets."""

from __future__ import annotations

import json
from pathlib import Path

from dlsweep.sweep.file import datasets_of
from dlsweep.sweep.study import Study
from dlsweep.tracking import JOB_TYPE
from tests.sweep.driver.test_driver import GRID, run
from tests.sweep.helpers import sweep
from tests.wandb_server import WandbServer


def test_the_data_are_shown_once_in_a_run_of_their_own(tmp_path: Path, wandb_server: WandbServer):
    settings = {"wandb_project": "beds", "wandb_entity": "team"}
    first = sweep(GRID, "grid", run_cap=2)
    with Study.open(first, str(tmp_path / "study.db")) as study:
        run(study, mode="online", settings=settings)
        name, rows = study.name, study.rows()
    with Study.open(sweep(GRID, "grid"), str(tmp_path / "study.db")) as study:  # goes on
        run(study, mode="online", settings=settings)
        assert len(study.rows()) == 4

    assert len(rows) == 2
    assert len(wandb_server.runs) == 5
    [shown] = [got for got in wandb_server.runs.values() if got.job_type == JOB_TYPE]
    assert shown.id not in {row.run_id for row in rows}
    assert (shown.entity, shown.project, shown.group) == ("team", "beds", name)
    assert (shown.display_name, shown.state) == ("digits data", "finished")
    assert shown.config == {"dataset": "digits"}
    pictures = {Path(file).name.rpartition("_0_")[0] for file in shown.files if "images" in file}
    assert pictures == {"class_samples", "class_distribution", "data_pca"}
    [table] = [json.loads(data) for data in shown.artifacts[0].files.values()]
    assert table["columns"] == ["class", "train", "val", "test"]
    assert [sum(row[i] for row in table["data"]) for i in (1, 2, 3)] == [1293, 144, 360]
    assert wandb_server.unknown == []


def test_the_data_sets_of_a_sweep():
    assert datasets_of(sweep({"epochs": {"value": 1}}).parameters) == ["fashion_mnist"]
    assert datasets_of(sweep({"dataset": {"values": ["MNIST", "digits"]}}).parameters) == [
        "mnist",
        "digits",
    ]
    assert datasets_of(sweep({"dataset": {"value": "digits"}}).parameters) == ["digits"]
