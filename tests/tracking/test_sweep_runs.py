"""Runs of a W&B sweep, ended as W&B expects it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dlsweep.config import RunConfig, parse_settings
from dlsweep.data import Dataset
from dlsweep.tracking import (
    Background,
    BackgroundRun,
    Command,
    Outcome,
    SweepService,
    TrackedRun,
    conclude,
    end_untrained,
    sync_commands,
)
from dlsweep.training import RunResult, train_stack
from tests.tracking.facts import check_confusion, check_run
from tests.wandb_server import Sweep, WandbServer

pytestmark = pytest.mark.process

SETTINGS = {"dataset": "digits", "epochs": 2, "hidden_size": 8, "opt": "SGD"}


@pytest.fixture(scope="module")
def config() -> RunConfig:
    place = {"wandb_project": "beds", "wandb_entity": "team"}
    parsed, _, _ = parse_settings({**SETTINGS, **place})
    return parsed


@pytest.fixture(scope="module")
def result(config: RunConfig, digits: Dataset) -> RunResult:
    [result] = train_stack([config], digits)
    return result


@pytest.fixture(scope="module")
def outcome(result: RunResult, digits: Dataset) -> Outcome:
    return conclude(result, digits)


@pytest.fixture
def sweep(wandb_server: WandbServer) -> Sweep:
    return wandb_server.add_sweep(
        {"method": "random", "parameters": {}}, entity="team", project="beds"
    )


@pytest.fixture
def closed() -> list[str]:
    return []


@pytest.fixture
def background(closed: list[str]) -> Iterator[Background]:
    background = Background("online", on_closed=closed.append)
    yield background
    background.wait()


def train(
    background: Background, sweep: Sweep, run_id: str, result: RunResult, outcome: Outcome
) -> BackgroundRun:
    """A whole run but for its end."""
    run = background.open(run_id, result.config, sweep_id=sweep.id, swept=SETTINGS)
    run.log(result.history[0])
    run.log(result.history[1], outcome)
    return run


def test_a_run_keeps_the_settings_as_the_sweep_spells_them(
    wandb_server: WandbServer,
    sweep: Sweep,
    background: Background,
    result: RunResult,
    outcome: Outcome,
    closed: list[str],
):
    train(background, sweep, "whole", result, outcome).finish()
    background.wait()
    run = wandb_server.runs["whole"]
    assert (run.sweep, run.entity, run.project) == (sweep.id, "team", "beds")
    assert run.config.items() >= SETTINGS.items()
    assert check_run(run) == result.config
    check_confusion(run, "test")
    assert closed == ["whole"]
    assert background.unsent == {}
    assert wandb_server.unknown == []


def preempt(run: TrackedRun) -> None:
    run.preempt(130)


def kill(run: TrackedRun) -> None:
    run.finish(255)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (TrackedRun.finish, ("finished", 0)),
        (kill, ("failed", 255)),
        (preempt, ("preempted", 130)),
    ],
)
def test_how_a_run_ends(
    wandb_server: WandbServer,
    sweep: Sweep,
    background: Background,
    result: RunResult,
    outcome: Outcome,
    end: Callable[[TrackedRun], None],
    expected: tuple[str, int],
):
    train(background, sweep, "ends", result, outcome).close(end)
    background.wait()
    run = wandb_server.runs["ends"]
    assert (run.state, run.exit_code) == expected
    assert run.column("epoch") == [1, 2]


@pytest.mark.parametrize(
    ("exit_code", "reason", "expected"),
    [(2, "lr: got -1", ("failed", 2)), (143, None, ("preempted", 143))],
)
def test_a_run_that_is_not_trained(
    wandb_server: WandbServer,
    sweep: Sweep,
    exit_code: int,
    reason: str | None,
    expected: tuple[str, int],
):
    service = SweepService(f"team/beds/{sweep.id}")
    end_untrained(service, "online", Command("run", "wrong", {"lr": -1}), exit_code, reason)
    run = wandb_server.runs["wrong"]
    assert (run.sweep, run.config) == (sweep.id, {"lr": -1})
    assert (run.state, run.exit_code) == expected
    assert (run.summary.get("status"), run.summary.get("reason")) == (reason and "failed", reason)


def test_the_commands_that_send_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    own, other = tmp_path / "wandb" / "run-1-abc", tmp_path / "wandb" / "offline-run-2-def-offline"
    assert sync_commands({own: "abc", other: "def"}) == [
        ["wandb", "sync", "--include-online", str(Path("wandb") / "run-1-abc")],
        ["wandb", "sync", "--id", "def", str(Path("wandb") / "offline-run-2-def-offline")],
    ]
