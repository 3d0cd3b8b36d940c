"""The run that shows a data set once: what it holds, and that nobody takes it for a training."""

from __future__ import annotations

from pathlib import Path

from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.tracking import fetch_runs, open_run, show_data
from tests.wandb_server import WandbServer


def test_it_is_no_training_to_whoever_reads_the_project(wandb_server: WandbServer, digits: Dataset):
    show_data(digits, mode="online", project="beds", entity="team")
    run = open_run(
        RunConfig(dataset="digits", wandb_project="beds", wandb_entity="team"),
        mode="online",
        run_id="trained",
    )
    run.finish()
    assert len(wandb_server.runs) == 2
    assert [run.id for run in fetch_runs("team", "beds").runs] == ["trained"]
    assert wandb_server.unknown == []


def test_it_is_kept_offline_where_asked(digits: Dataset, tmp_path: Path):
    place, sent = show_data(digits, mode="offline", directory=tmp_path)
    assert not sent
    assert place.parent == tmp_path / "wandb"
    assert list(place.glob("run-*.wandb"))
    names = {path.name.split("_0_")[0] for path in place.rglob("*.png")}
    assert names == {"class_samples", "class_distribution", "data_pca"}
