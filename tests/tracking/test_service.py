"""W&B's sweep service, spoken to directly."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlsweep.config import ConfigError
from dlsweep.tracking import (
    Command,
    SweepGone,
    SweepService,
    TrackingError,
    Unreachable,
    parse_sweep_id,
)
from dlsweep.tracking import _server as server_module
from dlsweep.tracking import _service as service_module
from tests.wandb_server import ENTITY, WandbServer

GRID = {"method": "grid", "program": "train.py", "parameters": {"lr": {"values": [0.1, 0.2]}}}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("abc12345", (None, None, "abc12345")),
        ("plants/abc12345", (None, "plants", "abc12345")),
        ("team/plants/abc12345", ("team", "plants", "abc12345")),
        ("https://wandb.ai/team/plants/sweeps/abc12345", ("team", "plants", "abc12345")),
        ("http://127.0.0.1:8080/team/plants/sweeps/abc1?x=1", ("team", "plants", "abc1")),
    ],
)
def test_the_forms_of_a_sweep_id(text: str, parts: tuple[str | None, ...]):
    assert parse_sweep_id(text) == parts


@pytest.mark.parametrize(
    "text",
    ["", "a/b/c/d", "team//abc", "two words", "https://wandb.ai/team/plants/runs/abc", "https://x"],
)
def test_what_is_no_sweep_id(text: str):
    with pytest.raises(ConfigError) as caught:
        parse_sweep_id(text)
    assert caught.value.problems == (
        f"sweep id: got {text!r}, expected ID, PROJECT/ID or ENTITY/PROJECT/ID",
    )


def test_a_sweep_file_is_no_sweep_id(tmp_path: Path):
    for text in ("sweep.yaml", str(tmp_path / "space.yml")):
        with pytest.raises(ConfigError, match=f"`wandb sweep {text}` makes a sweep"):
            parse_sweep_id(text)


def test_a_sweep_and_its_agents(wandb_server: WandbServer):
    sweep = wandb_server.add_sweep(GRID, entity="team", project="plants")
    service = SweepService(f"team/plants/{sweep.id}")
    facts = service.describe()
    assert (facts.state, facts.expected, facts.runs) == ("RUNNING", 2, 0)
    assert facts.config == GRID
    one, two = service.register(), service.register()
    assert {one, two} == wandb_server.agents.keys()
    [first] = service.heartbeat(one)
    [second] = service.heartbeat(two)
    assert [first, second] == [
        Command("run", run_id, point) for run_id, point in sweep.handed_out.items()
    ]
    assert service.heartbeat(one, [first.run_id]) == []
    assert wandb_server.agents[one].heartbeats == [{}, {first.run_id: True}]
    assert service.heartbeat(two) == [Command("exit")]
    assert wandb_server.unknown == []


def test_what_the_id_does_not_say_comes_from_wandbs_settings(
    wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch
):
    assert SweepService("abc").path == f"{ENTITY}/uncategorized/abc"
    assert SweepService("abc", entity="team", project="beds").path == "team/beds/abc"
    assert SweepService("us/ours/abc", entity="team", project="beds").path == "us/ours/abc"
    import wandb

    wandb.teardown()
    monkeypatch.setenv("WANDB_ENTITY", "crowd")
    monkeypatch.setenv("WANDB_PROJECT", "meadow")
    assert SweepService("abc").path == "crowd/meadow/abc"


def test_a_sweep_that_is_not_there(wandb_server: WandbServer):
    with pytest.raises(ConfigError) as caught:
        SweepService("team/plants/nothing").describe()
    host = wandb_server.url.removeprefix("http://")
    [problem] = caught.value.problems
    assert problem == f"sweep id: there is no sweep team/plants/nothing at {host}"


def test_without_an_account(wandb_server: WandbServer):
    with pytest.MonkeyPatch.context() as patch:  # taken back before the server's own variables
        patch.delenv("WANDB_API_KEY")
        with pytest.raises(ConfigError, match="no W&B account is set up here; see `wandb login`"):
            SweepService("team/plants/abc")


@pytest.mark.parametrize("kind", [500, 503, 429, "refuse"])
def test_what_passes_is_unreachable(wandb_server: WandbServer, kind):
    sweep = wandb_server.add_sweep(GRID, entity="team", project="plants")
    service = SweepService(f"team/plants/{sweep.id}")
    with wandb_server.fail(kind), pytest.raises(Unreachable) as caught:
        service.register()
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("W&B: 127.0.0.1:")
    agent = service.register()
    assert wandb_server.agents.keys() == {agent}


def test_a_server_that_hangs_is_unreachable(
    wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server_module, "_TIMEOUT", 0.2)
    service = SweepService("team/plants/abc")
    with wandb_server.fail("hang"), pytest.raises(Unreachable, match="timeout"):
        service.register()


def test_a_sweep_that_was_deleted(wandb_server: WandbServer):
    sweep = wandb_server.add_sweep(GRID, entity="team", project="plants")
    service = SweepService(f"team/plants/{sweep.id}")
    agent = service.register()
    wandb_server.delete_sweep(sweep.id)
    with pytest.raises(SweepGone):
        service.heartbeat(agent)


def test_what_the_server_refuses_is_said(wandb_server: WandbServer, monkeypatch):
    monkeypatch.setattr(service_module, "_CREATE", "mutation Nonsense { nonsense }")
    with pytest.raises(TrackingError, match="refuses: the test server does not know") as caught:
        SweepService("team/plants/abc").register()
    assert not isinstance(caught.value, Unreachable | SweepGone)
