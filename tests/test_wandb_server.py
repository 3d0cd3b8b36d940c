"""The server against the real client: what is logged arrives, and as it was logged."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
import yaml

from tests.wandb_server import WandbServer, wandb_cli

pytestmark = pytest.mark.process

wandb = pytest.importorskip("wandb")


def test_online_run(wandb_server: WandbServer):
    run = wandb.init(
        entity="team",
        project="plants",
        name="first",
        group="g",
        job_type="train",
        tags=["a", "b"],
        notes="a note",
        config={"lr": 0.1, "layers": [3, 4], "nested": {"x": None}},
    )
    for step in range(3):
        run.log({"loss": 1.0 / (step + 1), "epoch": step})
    run.summary["best"] = 0.5
    run.log(
        {"cm": wandb.plot.confusion_matrix(y_true=[0, 1], preds=[0, 0], class_names=["x", "y"])}
    )
    run.finish()

    got = wandb_server.runs[run.id]
    assert (got.entity, got.project, got.display_name) == ("team", "plants", "first")
    assert (got.group, got.job_type, got.notes) == ("g", "train", "a note")
    assert got.tags == ["a", "b"]
    assert got.config == {"lr": 0.1, "layers": [3, 4], "nested": {"x": None}}
    assert got.column("loss") == pytest.approx([1, 1 / 2, 1 / 3])
    assert got.column("_step") == [0, 1, 2, 3]
    assert got.summary["best"] == 0.5
    assert got.summary["epoch"] == 2
    assert (got.state, got.exit_code) == ("finished", 0)
    [artifact] = [a for a in got.artifacts if a.type == "run_table"]
    assert artifact.state == "COMMITTED"
    [table] = [json.loads(data) for name, data in artifact.files.items() if name.endswith(".json")]
    assert table["columns"] == ["Actual", "Predicted", "nPredictions"]
    assert sum(row[2] for row in table["data"]) == 2
    assert wandb_server.unknown == []


SWEEP = {
    "method": "grid",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"lr": {"values": [0.1, 0.2]}, "layers": {"values": [[8], [8, 8]]}},
    "run_cap": 2,
    "program": "program.py",
    "command": ["${env}", "${interpreter}", "${program}"],
}

PROGRAM = """
import wandb

with wandb.init() as run:
    run.log({"loss": run.config["lr"] * 10})
"""


def test_sweep_and_agent_commands(wandb_server: WandbServer, tmp_path: Path):
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(SWEEP))
    (tmp_path / "program.py").write_text(PROGRAM)

    made = wandb_cli("sweep", "--entity", "team", "--project", "plants", "sweep.yaml", cwd=tmp_path)
    assert made.returncode == 0, made.stdout
    [sweep] = wandb_server.sweeps.values()
    assert f"wandb agent team/plants/{sweep.id}" in made.stdout
    assert (sweep.entity, sweep.project, sweep.config) == ("team", "plants", SWEEP)

    ran = wandb_cli("agent", f"team/plants/{sweep.id}", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout
    assert sweep.state == "FINISHED"
    assert [agent.exited for agent in wandb_server.agents.values()] == [True]
    # The command writes the file anew with its keys sorted, and the product follows.
    assert list(sweep.handed_out.values()) == [
        {"layers": [8], "lr": 0.1},
        {"layers": [8], "lr": 0.2},
    ]
    assert list(wandb_server.runs) == sweep.runs
    for run, loss in zip(wandb_server.runs.values(), (1.0, 2.0), strict=True):
        assert (run.entity, run.project, run.sweep) == ("team", "plants", sweep.id)
        assert run.config == sweep.handed_out[run.id]
        assert run.column("loss") == [loss]
        assert run.state == "finished"
    assert wandb_server.unknown == []


@pytest.fixture
def quick_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the waiting of `wandb.agent(function=...)` between heartbeats short."""
    from wandb.agents import pyagent

    monkeypatch.setattr(pyagent.Agent, "HEARTBEAT_SLEEP_SECONDS", 0.1)


@pytest.mark.usefixtures("quick_agent")
def test_agent_function(wandb_server: WandbServer):
    sweep_id = wandb.sweep(
        {"method": "random", "parameters": {"lr": {"min": 0.0, "max": 1.0}}},
        entity="team",
        project="plants",
    )
    seen = []

    def train() -> None:
        with wandb.init() as run:
            seen.append(run.config["lr"])
            run.log({"loss": run.config["lr"] / 2})

    wandb.agent(sweep_id, function=train, entity="team", project="plants", count=2)

    sweep = wandb_server.sweeps[sweep_id]
    runs = [run for run in wandb_server.runs.values() if run.complete]
    assert len(set(seen)) == 2
    assert [run.config["lr"] for run in runs] == seen
    assert [sweep.handed_out[run.id]["lr"] for run in runs] == seen
    assert [run.summary["loss"] for run in runs] == [lr / 2 for lr in seen]
    assert {run.sweep for run in runs} == {sweep_id}
    assert wandb_server.unknown == []


@pytest.mark.usefixtures("quick_agent")
def test_stop_command_ends_a_run_of_an_agent(wandb_server: WandbServer):
    sweep_id = wandb.sweep(
        {"method": "grid", "parameters": {"lr": {"values": [1, 2]}}}, entity="team", project="p"
    )
    stopped = threading.Event()

    def train() -> None:
        with wandb.init() as run:
            run.log({"loss": 1})
            if run.config["lr"] == 1:
                wandb_server.stop_run(run.id)
                # The agent raises an exception in this thread; it shows between two bytecodes.
                while not stopped.wait(0.01):
                    pass

    # Without a count the agent waits 10 s more to see that there is nothing left.
    wandb.agent(sweep_id, function=train, entity="team", project="p", count=2)

    first, second = wandb_server.runs.values()
    assert (first.exit_code, second.exit_code) == (1, 0)
    assert (first.state, second.state) == ("failed", "finished")


def test_stop_in_the_stream_calls_the_stop_function(
    wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch
):
    from wandb.sdk.lib.run_stopping import RunStopChecker

    # The client looks every 15 s, too long for a test.
    monkeypatch.setitem(RunStopChecker.__init__.__kwdefaults__, "poll_interval", 0.1)
    stop = threading.Event()
    with wandb.init(project="p", settings=wandb.Settings(stop_fn=stop.set)) as run:
        assert not stop.wait(0.5)
        wandb_server.stop_run(run.id, by="stream")
        run.log({"loss": 1})
        assert stop.wait(30)
    assert wandb_server.runs[run.id].state == "finished"


def test_sync_of_an_offline_run(wandb_server: WandbServer, tmp_path: Path):
    sweep = wandb_server.add_sweep(SWEEP, project="plants")
    run = wandb.init(
        mode="offline",
        dir=tmp_path,
        project="plants",
        name="away",
        group="g",
        job_type="train",
        tags=["t"],
        config={"lr": 0.1},
        settings=wandb.Settings(sweep_id=sweep.id),
    )
    for step in range(3):
        run.log({"loss": step})
    folder = Path(run.dir).parent
    run.finish()
    assert wandb_server.runs == {}

    synced = wandb_cli("sync", "--yes", str(folder), cwd=tmp_path)

    assert synced.returncode == 0, synced.stdout
    got = wandb_server.runs[run.id]
    assert (got.project, got.display_name, got.group, got.job_type) == (
        "plants",
        "away",
        "g",
        "train",
    )
    assert (got.tags, got.config, got.sweep) == (["t"], {"lr": 0.1}, sweep.id)
    assert got.column("loss") == [0, 1, 2]
    assert got.state == "finished"
    assert wandb_server.unknown == []


def test_run_that_measures_its_machine(wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("WANDB_X_DISABLE_STATS")
    with wandb.init(project="p", settings=wandb.Settings(x_stats_sampling_interval=0.1)) as run:
        wandb_server.wait_for(lambda: run.id in wandb_server.runs)
        events = wandb_server.runs[run.id].events
        wandb_server.wait_for(lambda: any("system.cpu" in row for row in events))
    assert "OrganizationCoreWeaveOrganizationID" in wandb_server.requests
    assert wandb_server.unknown == []


def test_many_runs_of_a_sweep_in_one_process(wandb_server: WandbServer):
    sweep = wandb_server.add_sweep(SWEEP, entity="team", project="plants")
    runs = [
        wandb.init(
            id=f"member{k}",
            entity="team",
            project="plants",
            config={"k": k},
            reinit="create_new",
            settings=wandb.Settings(sweep_id=sweep.id, x_save_requirements=False),
        )
        for k in range(5)
    ]
    for step in range(2):
        for k, run in enumerate(runs):
            run.log({"loss": 10 * k + step})
    for run in runs:
        run.finish()

    for k in range(5):
        got = wandb_server.runs[f"member{k}"]
        assert (got.sweep, got.config, got.state) == (sweep.id, {"k": k}, "finished")
        assert got.column("loss") == [10 * k, 10 * k + 1]
    assert wandb_server.unknown == []
