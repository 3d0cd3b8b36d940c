"""The stacked agent at a server that fails: no metric is lost."""

from __future__ import annotations

import shlex
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from dlsweep.data import Dataset
from dlsweep.sweep import Point
from dlsweep.tracking import _server, sync_commands
from dlsweep.training import EpochMetrics
from tests.sweep.test_agent import (
    Notes,
    _soon,  # noqa: F401
    check_complete,
    digits,  # noqa: F401
    grid,
    make,
    runs_of,
)
from tests.tracking.facts import check_run
from tests.wandb_server import WandbServer, wandb_cli

FOUR = {"seed": {"values": [1, 2]}, "optimizer": {"values": ["sgd", "adam"]}}


class Once(Notes):
    """A watcher that does something at the first epoch."""

    def __init__(self, action: Any) -> None:
        super().__init__(lambda *_: self.act())
        self.action = action

    def act(self) -> None:
        action, self.action = self.action, lambda: None
        action()


@pytest.mark.parametrize("kind", [500, 429, "refuse"])
def test_failures_that_pass(wandb_server: WandbServer, digits: Dataset, kind: Any):  # noqa: F811
    sweep = grid(wandb_server, {**FOUR, "epochs": {"value": 40}})
    notes = Once(lambda: wandb_server.fail(kind, times=12))
    agent = make(sweep, digits, watcher=notes)
    agent.run()
    assert [fault.hits for fault in wandb_server.faults] == [12]
    assert agent.unsent == {}
    check_complete(wandb_server, sweep)


def test_a_sweep_service_that_hangs_keeps_nobody_from_training(
    wandb_server: WandbServer,
    digits: Dataset,  # noqa: F811
):
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
    make(sweep, digits, watcher=Notes(trained)).run()
    assert epochs == 4 * 40
    check_complete(wandb_server, sweep)


def test_heartbeats_that_nobody_answers_in_time_lose_nothing(
    wandb_server: WandbServer,
    digits: Dataset,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
):
    def hang() -> None:
        fault = wandb_server.fail("hang", only="Heartbeat", times=10)
        wandb_server.wait_for(lambda: fault.hits == 10)

    monkeypatch.setattr(_server, "_TIMEOUT", 0.2)
    sweep = grid(wandb_server, {**FOUR, "epochs": {"value": 40}})
    make(sweep, digits, watcher=Once(hang)).run()
    assert wandb_server.faults[0].hits == 10
    check_complete(wandb_server, sweep)


def test_runs_that_cannot_be_opened_online_are_kept_and_sync_into_the_sweep(
    wandb_server: WandbServer,
    digits: Dataset,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "2")
    sweep = grid(wandb_server, FOUR)
    with wandb_server.fail("hang", only="UpsertBucket"):
        agent = make(sweep, digits)
        agent.run()
    assert [row.status for row in agent.rows] == ["finished"] * 4
    assert len(agent.unsent) == 4
    assert not any(run.history for run in wandb_server.runs.values())
    for folder, run_id in agent.unsent.items():
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
    wandb_server: WandbServer,
    digits: Dataset,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    monkeypatch.setenv("WANDB_FINISH_TIMEOUT", "2")
    sweep = grid(wandb_server, FOUR)
    with wandb_server.fail("hang", only="file_stream"):
        agent = make(sweep, digits)
        agent.run()
    assert len(agent.unsent) == 4
    assert {run.state for run in runs_of(wandb_server, sweep)} == {"running"}
    [words] = sync_commands(agent.unsent)
    done = wandb_cli(*words[1:], cwd=Path.cwd())
    assert done.returncode == 0, done.stdout
    check_complete(wandb_server, sweep)


@pytest.mark.parametrize("only", ["file_stream"])
def test_an_interrupted_agent_leaves_every_epoch_on_the_disk(
    wandb_server: WandbServer,
    digits: Dataset,  # noqa: F811
    only: str,
):
    """Ctrl-C twice. wandb's service itself writes every 15 s, and dies with its process."""
    told: dict[str, list[int]] = {}

    def epoch(point: Point, metrics: EpochMetrics) -> None:
        told.setdefault(point.run_id, []).append(metrics.epoch)
        if metrics.epoch == 7 and len(told) == 4:
            raise KeyboardInterrupt

    sweep = grid(wandb_server, {**FOUR, "epochs": {"value": 40}})
    with wandb_server.fail("hang", only=only):
        agent = make(sweep, digits, watcher=Notes(epoch))
        with pytest.raises(KeyboardInterrupt):
            agent.run()
        logs = {
            folder: log.read_bytes() for folder in agent.unsent for log in folder.glob("*.wandb")
        }
    assert len(logs) == 4
    # What wandb writes from here on it would not write if the process ended, as a command's does.
    for folder, content in logs.items():
        copy = folder.with_name(f"copy-{folder.name}")
        copy.mkdir()
        [log] = folder.glob("*.wandb")
        (copy / log.name).write_bytes(content)
        run_id = agent.unsent[folder]
        wandb_server.runs.pop(run_id, None)
        done = wandb_cli("sync", "--include-online", "--id", run_id, str(copy), cwd=folder)
        assert done.returncode == 0, done.stdout
        assert wandb_server.runs[run_id].column("epoch") == told[run_id]
        assert wandb_server.runs[run_id].sweep == sweep.id


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["refuse", "hang", 500])
def test_a_server_that_is_gone_for_a_minute(
    wandb_server: WandbServer,
    digits: Dataset,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    kind: Any,
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

    agent = make(sweep, digits, watcher=Once(go), stack=2)
    agent.run()  # the second half is asked for while there is nobody
    back[0].join()
    assert wandb_server.faults[0].hits > 0
    assert agent.unsent == {}
    check_complete(wandb_server, sweep)
