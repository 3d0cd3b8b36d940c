"""Runs of a W&B sweep, ended as W&B expects it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dlsweep.config import ConfigError, RunConfig, parse_settings
from dlsweep.data import Dataset
from dlsweep.tracking import INTERRUPTED, Outcome, SweepPlace, SweepRuns, conclude, sync_commands
from dlsweep.training import STOPPED, RunResult, train_stack
from tests.tracking.facts import check_confusion, check_run
from tests.wandb_server import Sweep, WandbServer

GIVEN = {"dataset": "digits", "epochs": 2, "hidden_size": 8, "opt": "SGD"}


@pytest.fixture(scope="module")
def config() -> RunConfig:
    place = {"wandb_project": "beds", "wandb_entity": "team"}
    parsed, _, _ = parse_settings({**GIVEN, **place})
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
def runs(sweep: Sweep, closed: list[str]) -> Iterator[SweepRuns]:
    place = SweepPlace("team", "beds", sweep.id, "online")
    runs = SweepRuns(place, on_stop=lambda _: None, on_closed=closed.append)
    yield runs
    runs.wait()


def train(runs: SweepRuns, run_id: str, result: RunResult, outcome: Outcome) -> str:
    """A whole run but for its end."""
    runs.open(run_id, result.config, GIVEN)
    runs.log(run_id, result.history[0])
    return runs.log(run_id, result.history[1], outcome)


def test_a_run_keeps_the_settings_as_the_sweep_spells_them(
    wandb_server: WandbServer,
    sweep: Sweep,
    runs: SweepRuns,
    result: RunResult,
    outcome: Outcome,
    closed: list[str],
):
    train(runs, "whole", result, outcome)
    runs.close("whole", outcome.status)
    runs.wait()
    run = wandb_server.runs["whole"]
    assert (run.sweep, run.entity, run.project) == (sweep.id, "team", "beds")
    assert run.config.items() >= GIVEN.items()
    assert check_run(run) == result.config
    check_confusion(run, "test")
    assert closed == ["whole"]
    assert runs.unsent == {}
    assert wandb_server.unknown == []


@pytest.mark.parametrize(
    ("status", "exit_code", "expected"),
    [
        ("finished", 0, ("finished", 0)),
        ("diverged", 0, ("finished", 0)),
        (STOPPED, 0, ("failed", 255)),
        (INTERRUPTED, 0, ("preempted", 255)),
        (INTERRUPTED, 130, ("preempted", 130)),
    ],
)
def test_how_a_run_ends(
    wandb_server: WandbServer,
    runs: SweepRuns,
    result: RunResult,
    outcome: Outcome,
    status: str,
    exit_code: int,
    expected: tuple[str, int],
):
    train(runs, "ends", result, outcome)
    runs.close("ends", status, exit_code)
    runs.wait()
    run = wandb_server.runs["ends"]
    assert (run.state, run.exit_code) == expected
    assert run.column("epoch") == [1, 2]


def test_runs_that_fail(wandb_server: WandbServer, runs: SweepRuns, config: RunConfig):
    for run_id in ("one", "two", "three"):
        runs.open(run_id, config, GIVEN)
    runs.fail("one", "its worker died")
    runs.fail_all("the agent ended")
    runs.wait()
    found = {run.id: (run.state, run.summary["reason"]) for run in wandb_server.runs.values()}
    assert found == {
        "one": ("failed", "its worker died"),
        "two": ("failed", "the agent ended"),
        "three": ("failed", "the agent ended"),
    }


@pytest.mark.parametrize(
    ("error", "exit_code"), [(ConfigError(["lr: got -1"]), 2), (MemoryError(), 1)]
)
def test_a_run_that_is_refused(
    wandb_server: WandbServer,
    sweep: Sweep,
    runs: SweepRuns,
    closed: list[str],
    error: Exception,
    exit_code: int,
):
    runs.refuse("wrong", {"lr": -1}, error)
    runs.wait()
    run = wandb_server.runs["wrong"]
    assert (run.sweep, run.state, run.exit_code) == (sweep.id, "failed", exit_code)
    assert (run.config, run.summary["status"]) == ({"lr": -1}, "failed")
    assert run.summary["reason"] == (str(error) or "MemoryError")
    assert closed == ["wrong"]


def test_a_run_that_is_given_back(wandb_server: WandbServer, sweep: Sweep, runs: SweepRuns):
    runs.give_back("back", GIVEN, 143)
    runs.wait()
    run = wandb_server.runs["back"]
    assert (run.sweep, run.state, run.exit_code) == (sweep.id, "preempted", 143)


def test_the_commands_that_send_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    own, other = tmp_path / "wandb" / "run-1-abc", tmp_path / "wandb" / "offline-run-2-def-offline"
    assert sync_commands({own: "abc", other: "def"}) == [
        ["wandb", "sync", "--include-online", str(Path("wandb") / "run-1-abc")],
        ["wandb", "sync", "--id", "def", str(Path("wandb") / "offline-run-2-def-offline")],
    ]
