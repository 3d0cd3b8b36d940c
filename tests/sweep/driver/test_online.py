"""A local sweep whose runs go to W&B while they train: clicks, latency, a server that fails."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from wandb.sdk.lib.run_stopping import RunStopChecker

from dlsweep.data import load
from dlsweep.sweep.driver import Driver, StudySource
from dlsweep.sweep.execution import Broken, Cause, Executor, StackJob
from dlsweep.sweep.study import Row, Study, StudyFolders, read_study, study_folders
from dlsweep.tracking import Opener, TrackingError, is_synced, sync_folders
from dlsweep.training import train_stack
from tests.sweep.driver.faulty import Notes, SteppedExecutor, once
from tests.sweep.helpers import sweep
from tests.tracking.facts import check_confusion, check_run
from tests.wandb_server import Run, WandbServer

FOUR = {
    "dataset": {"value": "digits"},
    "epochs": {"value": 20},
    "hidden_size": {"value": 8},
    "seed": {"values": [1, 2, 3, 4]},
}


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    with Study.open(sweep(FOUR, "grid"), str(tmp_path / "study.db")) as study:
        yield study


@pytest.fixture
def folders(study: Study, tmp_path: Path) -> Callable[[], StudyFolders]:
    """What the study has on the disk, as `dlsweep sync` finds it."""
    return lambda: study_folders(read_study(str(tmp_path / "study.db")))


def train(study: Study, notes: Notes | None = None, executor: Executor | None = None) -> int:
    """Train a study online; how many runs W&B does not have everything of."""
    settings = {"wandb_project": "beds", "wandb_entity": "team"}
    source = StudySource(study, mode="online", at_once=256, settings=settings)
    Driver(source, executor or SteppedExecutor(), progress=notes).run()
    return source.unsent


def check_all(server: WandbServer, rows: Sequence[Row]) -> None:
    """Every run of the study is at the server, whole, with the run that shows the data."""
    assert len(rows) == 4
    for row in rows:
        run = server.runs[row.run_id]
        check_run(run)
        assert (run.entity, run.project, run.display_name) == ("team", "beds", row.name)
        assert run.column("val_loss") == [epoch["val_loss"] for epoch in row.history]
        assert run.summary["test_accuracy"] == row.summary["test_accuracy"]
    assert [run.group for run in server.runs.values()] == [server.runs[rows[0].run_id].group] * 5
    assert server.unknown == []


def check_pictures(server: WandbServer, rows: Sequence[Row]) -> None:
    for row in rows:
        check_confusion(server.runs[row.run_id], "val")
        check_confusion(server.runs[row.run_id], "test")


# A user's click


@pytest.fixture
def stop_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """wandb asks its own service every 15 s whether a run is to stop."""
    monkeypatch.setitem(RunStopChecker.__init__.__kwdefaults__, "poll_interval", 0.1)


def test_a_click_on_stop_ends_that_run_alone(
    wandb_server: WandbServer, stop_checks: None, tmp_path: Path
):
    most = 10**6
    executor = SteppedExecutor()

    def click() -> None:
        """At one run, when it has logged something; the others when W&B knows of its end."""
        runs: dict[int, Run] = {}

        def there() -> bool:
            training = (r for r in wandb_server.runs.values() if r.history and "seed" in r.config)
            runs.update((run.config["seed"], run) for run in training)
            return len(runs) == 4

        wandb_server.wait_for(there, 90)
        wandb_server.stop_run(runs[2].id, by="stream")
        wandb_server.wait_for(lambda: runs[2].complete, 90)
        for seed in (1, 3, 4):
            wandb_server.stop_run(runs[seed].id, by="stream")

    user = threading.Thread(target=click)
    endless = sweep({**FOUR, "epochs": {"value": most}}, "grid")
    with Study.open(endless, str(tmp_path / "study.db")) as study:
        user.start()
        assert train(study, executor=executor) == 0
        user.join()
        rows = study.rows()
    by_seed = {row.config["seed"]: row for row in rows}
    for row in rows:
        run = wandb_server.runs[row.run_id]
        assert (row.status, run.summary["status"]) == ("stopped", "stopped")
        assert (run.state, run.exit_code) == ("failed", 255)
        assert 0 < len(row.history) < most
        assert run.column("val_loss") == [epoch["val_loss"] for epoch in row.history]
        assert row.value == row.history[-1]["val_accuracy"]
    check_pictures(wandb_server, rows)
    # The neighbours are what they are in a stack that no run leaves, to the last bit.
    longest = max(len(row.history) for row in rows)
    assert len(by_seed[2].history) < longest
    [job] = executor.jobs
    assert not job.asks
    configs = [dataclasses.replace(config, epochs=longest) for config in job.configs]
    for result in train_stack(configs, load("digits")):
        row = by_seed[result.config.seed]
        undisturbed = [metrics.val_loss for metrics in result.history]
        assert [e["val_loss"] for e in row.history] == undisturbed[: len(row.history)]


# The network


def test_training_does_not_wait_for_a_slow_server(wandb_server: WandbServer, study: Study):
    """It answers nothing about runs until the last epoch of the first of them is trained."""
    fault = wandb_server.fail("hang", only="UpsertBucket")
    assert train(study, Notes(once("epoch 20", fault.clear))) == 0
    assert fault.hits > 1  # several runs were being opened at a time
    check_all(wandb_server, study.rows())
    check_pictures(wandb_server, study.rows())


@pytest.mark.parametrize("kind", [500, 429, "refuse"])
def test_failures_that_pass(wandb_server: WandbServer, study: Study, kind: Any):
    fail = once("epoch 3", lambda: wandb_server.fail(kind, times=12))
    assert train(study, Notes(fail)) == 0
    assert [fault.hits for fault in wandb_server.faults] == [12]
    check_all(wandb_server, study.rows())
    check_pictures(wandb_server, study.rows())


@pytest.mark.parametrize("kind", [500, 429, "hang", "refuse"])
def test_a_server_that_does_not_come_back_loses_nothing(
    wandb_server: WandbServer,
    study: Study,
    folders: Callable[[], StudyFolders],
    kind: Any,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("WANDB_FINISH_TIMEOUT", "2")
    for what in ("FILE_STREAM", "FILE_TRANSFER", "GRAPHQL"):  # else for a minute and a half
        monkeypatch.setenv(f"WANDB_X_{what}_RETRY_MAX", "3")
    monkeypatch.setattr("dlsweep.tracking._background._PATIENCE", 0.5)
    file_stream = "file_stream" if kind == "hang" else None  # nothing else is given up so soon

    def fail() -> None:
        wandb_server.wait_for(lambda: len(wandb_server.runs) == 5, 90)  # they are open
        wandb_server.fail(kind, only=file_stream)

    unsent = train(study, Notes(once("epoch 3", fail)))
    assert [row.status for row in study.rows()] == ["finished"] * 4
    assert unsent >= 4
    wandb_server.clear_faults()
    waiting = folders().waiting
    assert len(waiting) == unsent
    assert sync_folders(waiting) == ""
    check_all(wandb_server, study.rows())
    assert (folders().waiting, folders().missing) == ((), ())


@pytest.mark.parametrize("kind", [503, "refuse"])
def test_runs_that_begin_while_the_server_is_away_are_offline_runs_with_their_own_ids(
    wandb_server: WandbServer,
    study: Study,
    folders: Callable[[], StudyFolders],
    kind: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "2")
    wandb_server.fail(kind)
    assert train(study) == 5
    assert sum("it is asked again for 2 s" in r.getMessage() for r in caplog.records) == 1
    rows = study.rows()
    assert [row.status for row in rows] == ["finished"] * 4
    assert wandb_server.runs == {}
    for row in rows:
        folder = Path(row.info["directory"])
        assert folder.name.startswith("offline-run-")
        assert folder.name.endswith(f"-{row.run_id}")
    wandb_server.clear_faults()
    assert sync_folders(folders().waiting) == ""
    check_all(wandb_server, rows)
    check_pictures(wandb_server, rows)


def test_runs_that_wandb_could_not_open_are_sent_to_their_own_ids(
    wandb_server: WandbServer,
    study: Study,
    folders: Callable[[], StudyFolders],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "2")
    with wandb_server.fail("hang", only="UpsertBucket"):
        assert train(study) == 5
    wandb_server.runs.clear()  # it may have heard of some after all
    waiting = folders().waiting
    assert len(waiting) == 5
    assert not any(is_synced(folder) for folder in waiting)
    assert sync_folders(waiting) == ""
    check_all(wandb_server, study.rows())


def test_what_was_sent_while_training_is_not_sent_again(
    wandb_server: WandbServer,
    study: Study,
    folders: Callable[[], StudyFolders],
):
    train(study)
    found = folders()
    assert (found.waiting, found.sent, found.online) == ((), (), 5)


def test_an_address_without_a_server_is_refused_at_once(wandb_server: WandbServer):
    Opener("online").check()
    with wandb_server.fail("refuse"), pytest.raises(TrackingError, match="cannot be reached"):
        Opener("online").check()
    Opener("offline").check()


def test_a_run_whose_stack_broke_goes_on_in_the_same_run(wandb_server: WandbServer, study: Study):
    """What it had logged is not logged again, though it is trained again from the start."""
    hits = [Broken(0, "it broke", cause=Cause.DEATH)]

    def fault(job: StackJob) -> Broken | None:
        return hits.pop() if hits else None

    notes, executor = Notes(), SteppedExecutor(fault, epochs=5)
    assert train(study, notes, executor) == 0
    assert [len(job.configs) for job in executor.jobs] == [4, 4]
    check_all(wandb_server, study.rows())
    epochs = [entry for entry, number in notes.entries if number == 0 and "epoch" in entry]
    assert epochs == [f"epoch {n}" for n in range(1, 21)]
