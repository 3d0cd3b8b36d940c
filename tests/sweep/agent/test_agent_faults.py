"""The agent of a W&B sweep at a server that fails: no metric is lost."""

from __future__ import annotations

import shlex
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from dlsweep.sweep.study import Run
from dlsweep.tracking import _server, sync_commands
from dlsweep.training import EpochMetrics
from tests.sweep.agent.helpers import Notes, check_complete, grid, once, runs_of, train
from tests.tracking.facts import check_run
from tests.wandb_server import WandbServer, wandb_cli

FOUR = {"seed": {"values": [1, 2]}, "optimizer": {"values": ["sgd", "adam"]}}


@pytest.mark.parametrize("kind", [500, 429, "refuse"])
def test_failures_that_pass(wandb_server: WandbServer, kind: Any):
    sweep = grid(wandb_server, {**FOUR, "epochs": {"value": 40}})
    notes = once(lambda: wandb_server.fail(kind, times=12))
    report = train(sweep, notes)
    assert [fault.hits for fault in wandb_server.faults] == [12]
    assert report.unsent == {}
    check_complete(wandb_server, sweep)


def test_a_sweep_service_that_hangs_does_not_hold_up_training(wandb_server: WandbServer):
    epochs = 0

    def trained(*_: object) -> None:
        nonlocal epochs
        epochs += 1
        if epochs == 1:
            wandb_server.fail("hang", only="Heartbeat")
            wandb_server.wait_for(lambda: wandb_server.faults[0].hits > 0)
        assert 1 <= wandb_server.faults[0].hits <= 4  # of four runs, none was answered yet
        if epochs == 4 * 40:
            wandb_server.clear_faults()

    sweep = grid(wandb_server, {**FOUR, "epochs": {"value": 40}})
    train(sweep, Notes(trained))
    assert epochs == 4 * 40
    check_complete(wandb_server, sweep)


def test_heartbeats_that_nobody_answers_in_time_lose_nothing(
    wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch
):
    def hang() -> None:
        fault = wandb_server.fail("hang", only="Heartbeat", times=10)
        wandb_server.wait_for(lambda: fault.hits == 10)

    monkeypatch.setattr(_server, "_TIMEOUT", 0.2)
    sweep = grid(wandb_server, {**FOUR, "epochs": {"value": 40}})
    train(sweep, once(hang))
    assert wandb_server.faults[0].hits == 10
    check_complete(wandb_server, sweep)


def test_runs_that_cannot_be_opened_online_are_kept_and_sync_into_the_sweep(
    wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "2")
    sweep = grid(wandb_server, FOUR)
    with wandb_server.fail("hang", only="UpsertBucket"):
        report = train(sweep)
    assert [row.status for row in report.table.rows] == ["finished"] * 4
    assert len(report.unsent) == 4
    assert not any(run.history for run in wandb_server.runs.values())
    for folder, run_id in report.unsent.items():
        wandb_server.runs.pop(run_id, None)  # it may have heard of it after all
        [words] = sync_commands({folder: run_id})
        assert words[:4] == ["wandb", "sync", "--id", run_id]
        done = subprocess.run(  # the command as it is printed
            shlex.join(words), shell=True, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    for run in runs_of(wandb_server, sweep):
        config = check_run(run)  # every epoch, the summary
        assert (run.entity, run.project, run.sweep) == ("team", "plants", sweep.id)
        assert run.config == {**config.as_dict(), **sweep.handed_out[run.id]}


def test_what_was_not_sent_in_time_is_kept_and_syncs(
    wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("WANDB_FINISH_TIMEOUT", "2")
    sweep = grid(wandb_server, FOUR)
    with wandb_server.fail("hang", only="file_stream"):
        report = train(sweep)
    assert len(report.unsent) == 4
    assert {run.state for run in runs_of(wandb_server, sweep)} == {"running"}
    [words] = sync_commands(report.unsent)
    done = wandb_cli(*words[1:], cwd=Path.cwd())
    assert done.returncode == 0, done.stdout
    check_complete(wandb_server, sweep)


def test_an_interrupted_agent_leaves_every_epoch_on_the_disk(
    wandb_server: WandbServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """Ctrl-C twice. wandb's service itself writes every 15 s, and dies with its process."""
    logged: dict[str, list[int]] = {}

    def epoch(run: Run, metrics: EpochMetrics) -> None:
        logged.setdefault(run.run_id, []).append(metrics.epoch)
        if metrics.epoch == 7 and len(logged) == 4:
            raise KeyboardInterrupt

    sweep = grid(wandb_server, {**FOUR, "epochs": {"value": 40}})
    with wandb_server.fail("hang", only="file_stream"):
        with pytest.raises(KeyboardInterrupt):
            train(sweep, Notes(epoch))
        folders = tmp_path.glob("wandb/run-*")
        logs = {folder: log.read_bytes() for folder in folders for log in folder.glob("*.wandb")}
    assert len(logs) == 4
    [line] = [line for line in caplog.messages if line.startswith("what W&B does not have yet")]
    assert all(folder.name in line for folder in logs)
    # What wandb writes from here on it would not write if the process ended, as a command's does.
    for folder, content in logs.items():
        copy = folder.with_name(f"copy-{folder.name}")
        copy.mkdir()
        [log] = folder.glob("*.wandb")
        (copy / log.name).write_bytes(content)
        run_id = folder.name.rpartition("-")[2]
        wandb_server.runs.pop(run_id, None)
        done = wandb_cli("sync", "--include-online", "--id", run_id, str(copy), cwd=folder)
        assert done.returncode == 0, done.stdout
        assert wandb_server.runs[run_id].column("epoch") == logged[run_id]
        assert wandb_server.runs[run_id].sweep == sweep.id


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["refuse", "hang", 500])
def test_a_server_that_is_gone_for_a_minute(
    wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch, kind: Any
):
    # As users have it: the tests' server is otherwise asked again sooner.
    for name in list(wandb_server.env()):
        if "RETRY" in name or "TRANSMIT" in name:
            monkeypatch.delenv(name)
    sweep = grid(wandb_server, {**FOUR, "epochs": {"value": 200}})
    back: list[threading.Timer] = []

    def go() -> None:
        fault = wandb_server.fail(kind)
        back.append(threading.Timer(60, fault.clear))
        back[0].start()

    report = train(sweep, once(go), stack=2)  # the second half is asked for while there is nobody
    back[0].join()
    assert wandb_server.faults[0].hits > 0
    assert report.unsent == {}
    check_complete(wandb_server, sweep)
