"""Runs that are opened online, or kept offline where nobody answers."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dlsweep.tracking import Opener, TrackingError, synced_as
from tests.wandb_server import WandbServer


def opened(mode: str, run_id: str) -> tuple[str, str]:
    return mode, run_id


def refused(mode: str, run_id: str) -> tuple[str, str]:
    if mode == "online":
        raise TrackingError("W&B: no")
    return mode, run_id


def test_one_asks_for_all(wandb_server: WandbServer):
    opener = Opener("online")
    with ThreadPoolExecutor(8) as pool:
        modes = list(pool.map(lambda i: opener.open(opened, f"r{i}"), range(8)))
    assert modes == [("online", f"r{i}") for i in range(8)]
    assert wandb_server.requests == ["Viewer"]


@pytest.mark.parametrize("kind", [500, 429, "refuse", "hang"])
def test_where_nobody_answers_runs_are_offline_under_their_own_ids(
    wandb_server: WandbServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind,
):
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "0.2")
    monkeypatch.setattr("dlsweep.tracking._opening._AGAIN_SECONDS", 0.05)
    opener = Opener("online")
    with wandb_server.fail(kind), caplog.at_level(logging.WARNING, "dlsweep"):
        with ThreadPoolExecutor(8) as pool:
            modes = list(pool.map(lambda i: opener.open(opened, f"r{i}"), range(8)))
        assert modes == [("offline", f"r{i}") for i in range(8)]
        assert len(caplog.records) == 1
    monkeypatch.setattr("dlsweep.tracking._opening._FRESH_SECONDS", 0.0)
    assert opener.open(opened, "later")[0] == "online"


def test_a_server_that_comes_back_is_waited_for(
    wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("dlsweep.tracking._opening._AGAIN_SECONDS", 0.05)
    wandb_server.fail(503, times=3)
    assert Opener("online").open(opened, "r") == ("online", "r")
    assert len(wandb_server.requests) == 4


def test_what_wandb_could_not_open_says_which_run_it_is(wandb_server: WandbServer):
    mode, name = Opener("online").open(refused, "abc12345")
    assert mode == "offline"
    folder = Path(f"offline-run-20260101_101010-{name}")
    assert folder.name.removeprefix("offline-run-20260101_101010-") != "abc12345"
    assert synced_as(folder) == "abc12345"
    assert synced_as(Path("offline-run-20260101_101010-abc12345")) is None
    assert synced_as(Path("run-20260101_101010-abc12345")) is None


def test_offline_nobody_is_asked():
    assert Opener("offline").open(opened, "r") == ("offline", "r")
    Opener("offline").check()
