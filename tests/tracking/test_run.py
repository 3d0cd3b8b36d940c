"""Runs beside each other in one process, and the confusion matrix made from counts."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
import wandb

from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.tracking import TrackingError, confusion_plot, open_run, train_tracked
from dlsweep.training import Evaluation
from tests.tracking.facts import check_confusion, check_run
from tests.wandb_server import WandbServer

TINY = {"dataset": "digits", "epochs": 2, "hidden_size": 8, "wandb_project": "beds"}


def test_the_members_of_a_stack_are_runs_of_their_own(
    wandb_server: WandbServer, digits: Dataset, tmp_path: Path
):
    configs = [RunConfig(**TINY, seed=0), RunConfig(**TINY | {"epochs": 1}, seed=1)]
    runs = [
        open_run(
            config,
            mode="online",
            run_id=f"member{k}",
            name=f"run {k}",
            group="stack",
            directory=tmp_path,
        )
        for k, config in enumerate(configs)
    ]
    for end in train_tracked(configs, digits, runs):
        for i in end.results:
            runs[i].finish()

    assert list(wandb_server.runs) == ["member0", "member1"]
    for k, (got, config) in enumerate(zip(wandb_server.runs.values(), configs, strict=True)):
        assert (got.project, got.display_name, got.group) == ("beds", f"run {k}", "stack")
        assert check_run(got) == config
        assert got.config == config.as_dict()
        check_confusion(got, "val")
        check_confusion(got, "test")
        assert not runs[k].offline
        assert runs[k].directory.parent == tmp_path / "wandb"
    assert wandb_server.unknown == []


def test_a_run_of_a_sweep_and_one_that_fails(wandb_server: WandbServer):
    sweep = wandb_server.add_sweep({"method": "random", "parameters": {}}, project="beds")
    run = open_run(RunConfig(**TINY), mode="online", sweep_id=sweep.id)
    run.fail("the reason")
    [got] = wandb_server.runs.values()
    assert (got.sweep, got.state, got.exit_code) == (sweep.id, "failed", 1)
    assert (got.summary["status"], got.summary["reason"]) == ("failed", "the reason")


def test_the_plot_is_what_wandb_makes_of_the_samples():
    rng = np.random.default_rng(0)
    labels, answers = rng.integers(0, 3, 40), rng.integers(0, 3, 40)
    evaluation = Evaluation(0.0, 0.0, np.eye(3, dtype=np.float32)[answers], labels, answers)
    ours = confusion_plot(evaluation.confusion(), ["a", "b", "c"], "Validation")
    theirs = wandb.plot.confusion_matrix(
        y_true=labels.tolist(),
        preds=answers.tolist(),
        class_names=["a", "b", "c"],
        title="Validation confusion matrix",
    )
    assert ours.table.columns == theirs.table.columns
    assert sorted(ours.table.data) == sorted(theirs.table.data)
    assert ours.spec == theirs.spec


def test_an_error_of_wandb_is_one_line(monkeypatch: pytest.MonkeyPatch):
    def refuse(**_: object) -> None:
        raise wandb.errors.AuthenticationError("the key\nis wrong")

    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.raises(TrackingError) as caught:
        open_run(RunConfig(**TINY), mode="online")
    assert str(caught.value) == "W&B: the key is wrong"


def test_without_the_tables_server_no_metric_is_lost(
    wandb_server: WandbServer, digits: Dataset, caplog: pytest.LogCaptureFixture
):
    config = RunConfig(**TINY)
    run = open_run(config, mode="online", run_id="tableless")
    with wandb_server.fail(404, only="Viewer"), caplog.at_level("WARNING", "dlsweep"):
        for _ in train_tracked([config], digits, [run]):
            pass
    run.finish()
    assert check_run(wandb_server.runs["tableless"]) == config
    [told] = [r.getMessage() for r in caplog.records if r.name == "dlsweep.tracking"]
    assert told.startswith("run tableless: no tables and pictures: ")
    assert "\n" not in told


def test_a_place_that_wandb_has_chosen_is_told_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    wanted = Path("/proc/dlsweep")
    for _ in range(2):
        run = open_run(RunConfig(**TINY), mode="offline", directory=wanted)
        run.finish()
        assert run.directory.parent == tmp_path / "wandb"
    said = f"the runs are kept in {tmp_path / 'wandb'}, for {wanted} cannot be written; "
    told = [r.getMessage() for r in caplog.records if r.name == "dlsweep.tracking"]
    assert told == [f"{said}WANDB_DIR names another folder"]
