"""Runs in the background: offline, and online with a server that is late, fails or goes away."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.saved import load_model
from dlsweep.tracking import (
    Background,
    BackgroundRun,
    Outcome,
    TrackedRun,
    conclude,
    is_synced,
    sync_folders,
)
from dlsweep.training import STOPPED, EpochMetrics, RunResult, train_stack
from tests.tracking.facts import check_confusion, check_run
from tests.wandb_server import WandbServer, wandb_cli

CONFIG = RunConfig(
    dataset="digits",
    epochs=4,
    hidden_size=8,
    save_model=True,
    wandb_project="beds",
    wandb_entity="team",
)
IDS = ("run0", "run1", "run2")


@pytest.fixture(scope="module")
def result(digits: Dataset) -> RunResult:
    [result] = train_stack([CONFIG], digits)
    return result


@pytest.fixture(scope="module")
def outcome(result: RunResult, digits: Dataset) -> Outcome:
    return conclude(result, digits)


@pytest.fixture
def stop_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let wandb ask its service ten times a second whether a run is to stop: else each 15 s."""
    from wandb.sdk.lib.run_stopping import RunStopChecker

    monkeypatch.setitem(RunStopChecker.__init__.__kwdefaults__, "poll_interval", 0.1)


def opened(background: Background, run_id: str, **more: Any) -> BackgroundRun:
    return background.open(run_id, CONFIG, name="a name", **more)


def log_epochs(run: BackgroundRun, history: tuple[EpochMetrics, ...]) -> None:
    for metrics in history:
        run.log(metrics)


def record(background: Background, result: RunResult, outcome: Outcome) -> list[BackgroundRun]:
    """Record three runs, as a driver does with the members of a stack."""
    runs = [opened(background, run_id) for run_id in IDS]
    for run in runs:
        log_epochs(run, result.history[:-1])
    for run in runs:
        run.log(result.history[-1], outcome)
    for run in runs:
        run.finish()
    return runs


def check_all(server: WandbServer, result: RunResult, outcome: Outcome) -> None:
    """All three runs are at the server, whole."""
    assert sorted(server.runs) == sorted(IDS)
    for run in server.runs.values():
        check_run(run)
        assert (run.entity, run.project, run.display_name) == ("team", "beds", "a name")
        assert run.column("val_loss") == [metrics.val_loss for metrics in result.history]
        assert run.summary.items() >= json.loads(json.dumps(dict(outcome.summary))).items()
        assert {"model.safetensors", "config.yaml"} <= run.files.keys()
    assert server.unknown == []


def check_tables(server: WandbServer) -> None:
    for run in server.runs.values():
        check_confusion(run, "val")
        check_confusion(run, "test")
        assert any(name.startswith("media/images/test_right") for name in run.files)


# Offline


def test_offline_a_run_is_whole_on_the_disk_once_it_is_finished(
    wandb_server: WandbServer, result: RunResult, outcome: Outcome
):
    background = Background("offline")
    runs = record(background, result, outcome)
    for run in runs:
        run.wait()
        assert run.opened.result().offline
        assert run.closed is not None
        assert run.closed.done()
        assert run.model == run.directory / "files" / "model.safetensors"
        assert load_model(run.directory).config == CONFIG
        assert run.name == "a name"
    assert wandb_server.runs == {}
    synced = wandb_cli(
        "sync", "--yes", *(str(run.directory) for run in runs), cwd=runs[0].directory.parent
    )
    assert synced.returncode == 0, synced.stdout
    check_all(wandb_server, result, outcome)
    check_tables(wandb_server)
    assert background.unsent == {}


def test_a_run_that_is_opened_again_replaces_what_was_left_of_it(result: RunResult):
    background = Background("offline")
    first = opened(background, "again")
    log_epochs(first, result.history[:2])
    first.leave("interrupted")
    second = opened(background, "again", again=True)
    second.leave("interrupted")
    second.wait()
    assert not first.directory.exists()
    assert second.directory.is_dir()


def test_what_cannot_be_closed_is_logged_and_closed_for_the_others(
    caplog: pytest.LogCaptureFixture,
):
    closed: list[str] = []
    background = Background("offline", on_closed=closed.append)

    def end(_: TrackedRun) -> None:
        raise OSError("the disk is full")

    run = opened(background, "broken")
    run.close(end)
    run.wait()
    assert closed == ["broken"]
    assert "run broken could not be closed: the disk is full" in caplog.messages
    run.opened.result().finish()


def test_a_run_that_cannot_be_opened_says_so_where_it_is_used(monkeypatch: pytest.MonkeyPatch):
    def fail(*_: Any, **__: Any) -> TrackedRun:
        raise OSError("the disk is full")

    monkeypatch.setattr("dlsweep.tracking._background.open_run", fail)
    run = opened(Background("offline"), "broken")
    with pytest.raises(OSError, match="the disk is full"):
        _ = run.directory


# Online


def test_training_does_not_wait_for_a_late_server(
    wandb_server: WandbServer, result: RunResult, outcome: Outcome
):
    """It answers nothing about runs until all of their epochs are logged."""
    background = Background("online")
    with wandb_server.fail("hang", only="UpsertBucket") as fault:
        runs = [opened(background, run_id) for run_id in IDS]
        wandb_server.wait_for(lambda: fault.hits > 1)  # several are opened at a time
        for run in runs:
            log_epochs(run, result.history[:-1])
            run.log(result.history[-1], outcome)
            assert run.name == run.id  # W&B could still choose another
    for run in runs:
        run.finish()
    background.wait()
    assert [run.name for run in runs] == ["a name"] * 3
    check_all(wandb_server, result, outcome)
    check_tables(wandb_server)
    assert background.unsent == {}
    assert all(is_synced(run.directory) for run in runs)


@pytest.mark.parametrize("kind", [500, 429, "refuse"])
def test_failures_that_pass(
    wandb_server: WandbServer, result: RunResult, outcome: Outcome, kind: Any
):
    background = Background("online")
    runs = [opened(background, run_id) for run_id in IDS]
    for run in runs:
        run.opened.result()
        log_epochs(run, result.history[:-1])
    fault = wandb_server.fail(kind, times=12)
    for run in runs:
        run.log(result.history[-1], outcome)
        run.finish()
    background.wait()
    assert fault.hits == 12
    assert background.unsent == {}
    check_all(wandb_server, result, outcome)
    check_tables(wandb_server)


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_FINISH_TIMEOUT", "2")
    for what in ("FILE_STREAM", "FILE_TRANSFER", "GRAPHQL"):  # else for a minute and a half
        monkeypatch.setenv(f"WANDB_X_{what}_RETRY_MAX", "3")
    monkeypatch.setattr("dlsweep.tracking._background._PATIENCE", 0.5)


@pytest.mark.parametrize("kind", [500, "hang"])
def test_a_server_that_does_not_come_back_loses_nothing(
    wandb_server: WandbServer,
    result: RunResult,
    outcome: Outcome,
    kind: Any,
    monkeypatch: pytest.MonkeyPatch,
):
    impatient(monkeypatch)
    background = Background("online")
    runs = [opened(background, run_id) for run_id in IDS]
    for run in runs:
        run.opened.result()
    # Of what hangs nothing else than the file stream is given up soon.
    with wandb_server.fail(kind, only="file_stream" if kind == "hang" else None):
        for run in runs:
            log_epochs(run, result.history[:-1])
            run.log(result.history[-1], outcome)
            run.finish()
        background.wait()
    assert background.unsent == {run.directory: run.id for run in runs}
    assert sync_folders(list(background.unsent)) == ""
    check_all(wandb_server, result, outcome)


def test_with_no_server_at_the_start_runs_are_offline_under_their_own_ids(
    wandb_server: WandbServer,
    result: RunResult,
    outcome: Outcome,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "1")
    background = Background("online")
    with wandb_server.fail("refuse"):
        runs = record(background, result, outcome)
        background.wait()
    assert wandb_server.runs == {}
    assert background.unsent == {run.directory: run.id for run in runs}
    for run in runs:
        assert run.opened.result().offline
        assert run.directory.name.endswith(f"-{run.id}")
    assert sync_folders(list(background.unsent)) == ""
    check_all(wandb_server, result, outcome)
    check_tables(wandb_server)


def test_an_id_is_opened_again_only_when_it_is_closed(
    wandb_server: WandbServer, result: RunResult, outcome: Outcome
):
    """wandb's service does not open an id twice at a time."""
    background = Background("online")
    first = opened(background, "again")
    log_epochs(first, result.history[:2])
    first.leave("interrupted")
    second = opened(background, "again")
    log_epochs(second, result.history[:-1])
    second.log(result.history[-1], outcome)
    second.finish()
    background.wait()
    assert not second.opened.result().offline
    assert wandb_server.runs["again"].column("epoch") == [1, 2, 3, 4]
    check_run(wandb_server.runs["again"])


@pytest.mark.parametrize("obeyed", [True, False])
def test_a_click_on_stop(
    wandb_server: WandbServer,
    stop_checks: None,
    result: RunResult,
    outcome: Outcome,
    obeyed: bool,
):
    """A run that was stopped ends as killed; one that had ended by itself is finished."""
    stops: list[str] = []
    background = Background("online", on_stop=stops.append)
    run, other = (opened(background, run_id) for run_id in IDS[:2])
    for each in (run, other):
        each.opened.result()
        log_epochs(each, result.history[:-2])
    wandb_server.wait_for(lambda: bool(wandb_server.runs[run.id].history))
    wandb_server.stop_run(run.id, by="stream")
    for each in (run, other):
        each.log(result.history[-2])
    wandb_server.wait_for(lambda: bool(stops))
    assert (run.stop_asked, other.stop_asked) == (True, False)
    status = STOPPED if obeyed else outcome.status
    run.log(result.history[-1], dataclasses.replace(outcome, status=status))
    run.finish()
    other.log(result.history[-1], outcome)
    other.finish()
    background.wait()
    assert set(stops) == {run.id}
    assert wandb_server.runs[run.id].exit_code == (255 if obeyed else 0)
    check_run(wandb_server.runs[other.id])


def test_an_immediate_exit_leaves_all_that_was_logged_on_the_disk(
    wandb_server: WandbServer,
    result: RunResult,
    outcome: Outcome,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("dlsweep.tracking._background._GRACE", 0.2)
    background = Background("online")
    begun, ended = (opened(background, run_id) for run_id in IDS[:2])
    begun.opened.result()
    ended.opened.result()
    with wandb_server.fail("hang"):
        log_epochs(begun, result.history[:2])
        log_epochs(ended, result.history[:-1])
        ended.log(result.history[-1], outcome)
        unopened = opened(background, IDS[2])
        log_epochs(unopened, result.history[:1])
        ended.finish()
        background.keep()
        folders = dict(background.unsent)
        wandb_server.clear_faults()
    assert sorted(folders.values()) == list(IDS)
    background.wait()
    copies = [folder for folder, run_id in folders.items() if run_id == IDS[2]]
    assert sync_folders(copies) == ""
    assert wandb_server.runs[IDS[2]].column("epoch") == [1]
    for folder, run_id in folders.items():
        log = next(Path(folder).glob("*.wandb")).read_bytes()
        wanted = {IDS[0]: 2, IDS[1]: 4, IDS[2]: 1}[run_id]
        assert log.count(b"val_loss") >= wanted
    for run in (begun, unopened):
        if run.opened.done() and not run.opened.exception():
            run.opened.result().finish()
