"""`wandb sweep` and `wandb agent`, as a user types them, with the repository's train.py."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import yaml

from dlsweep.config import RunConfig
from tests.conftest import REPOSITORY
from tests.tracking.facts import check_confusion, check_run
from tests.wandb_server import Run, Sweep, WandbServer, wandb_cli

pytestmark = pytest.mark.process

COMMAND = ["${env}", "${interpreter}", "${program}", "${args}"]

CANONICAL = {
    "name": "names as in the README",
    "program": str(REPOSITORY / "train.py"),
    "method": "random",
    "run_cap": 1,
    "metric": {"name": "val_accuracy", "goal": "maximize"},
    "command": COMMAND,
    "parameters": {
        "dataset": {"value": "digits"},
        "epochs": {"value": 2},
        "num_layers": {"value": 1},
        "hidden_size": {"values": [8]},
        "learning_rate": {"distribution": "log_uniform_values", "min": 0.001, "max": 0.01},
        "activation": {"values": ["tanh"]},
    },
}

# As such files are found: other names and spellings, nested groups, a wrong word among the values.
FROM_THE_WILD = {
    "program": str(REPOSITORY / "train.py"),
    "method": "grid",
    "metric": {"name": "val_accuracy", "goal": "maximize"},
    "command": COMMAND,
    "parameters": {
        "data": {"value": "digits"},
        "num_epochs": {"value": 1},
        "hidden_layers": {"value": 2},
        "hidden_layer_size": {"value": 8},
        "weight_init": {"value": "Xavier"},
        "training": {
            "parameters": {
                "lr": {"value": 0.01},
                "optimizer": {"values": ["adamm", "nadam"]},
            }
        },
    },
}


@dataclass
class Swept:
    """What the server has after an agent has ended."""

    server: WandbServer
    sweep: Sweep
    agent: subprocess.CompletedProcess[str]

    @property
    def runs(self) -> list[Run]:
        """The runs in the order in which their points were handed out."""
        return [self.server.runs[run_id] for run_id in self.sweep.runs]


@pytest.fixture(scope="module")
def server() -> Iterator[WandbServer]:
    with WandbServer() as server:
        yield server


@pytest.fixture(scope="module")
def canonical(server: WandbServer, tmp_path_factory: pytest.TempPathFactory) -> Swept:
    folder = tmp_path_factory.mktemp("canonical")
    (folder / "sweep.yaml").write_text(yaml.safe_dump(CANONICAL, sort_keys=False))
    arguments = ("--entity", "team", "--project", "plants", "sweep.yaml")
    made = wandb_cli("sweep", *arguments, cwd=folder, env=server.env())
    assert made.returncode == 0, made.stdout
    [sweep] = server.sweeps.values()
    assert f"wandb agent team/plants/{sweep.id}" in made.stdout
    agent = wandb_cli("agent", f"team/plants/{sweep.id}", cwd=folder, env=server.env())
    return Swept(server, sweep, agent)


@pytest.fixture(scope="module")
def wild(server: WandbServer, tmp_path_factory: pytest.TempPathFactory) -> Swept:
    folder = tmp_path_factory.mktemp("wild")
    sweep = server.add_sweep(FROM_THE_WILD, entity="team", project="flowers")
    agent = wandb_cli("agent", f"team/flowers/{sweep.id}", cwd=folder, env=server.env())
    return Swept(server, sweep, agent)


def test_a_run_has_its_configuration_history_and_summary(canonical: Swept):
    assert canonical.agent.returncode == 0, canonical.agent.stdout
    assert canonical.sweep.state == "FINISHED"
    [run] = canonical.runs
    assert (run.entity, run.project, run.sweep) == ("team", "plants", canonical.sweep.id)
    config = check_run(run)
    point = canonical.sweep.handed_out[run.id]
    expected = RunConfig(**point, wandb_project="plants", wandb_entity="team")
    assert config == expected
    assert run.config == expected.as_dict()
    assert len(run.history) == 2


def test_a_run_has_its_confusion_matrices(canonical: Swept):
    [run] = canonical.runs
    check_confusion(run, "val")
    check_confusion(run, "test")


def test_nothing_was_asked_that_a_server_does_not_know(canonical: Swept, wild: Swept):
    assert canonical.server.unknown == []


def test_other_names_spellings_and_nested_groups_mean_the_same(wild: Swept):
    _, run = wild.runs
    config = check_run(run)
    assert (run.project, run.sweep) == ("flowers", wild.sweep.id)
    assert config == RunConfig(
        wandb_project="flowers",
        wandb_entity="team",
        dataset="digits",
        epochs=1,
        num_layers=2,
        hidden_size=8,
        weight_init="xavier",
        optimizer="nadam",
        learning_rate=0.01,
    )
    canonical = config.as_dict()
    # W&B's server knows a point by the values that it handed out: they stay as the file has them.
    point = wild.sweep.handed_out[run.id]
    assert run.config == {**canonical, **point}
    assert "was locked" not in wild.agent.stdout
    for notice in ("hidden_layers was taken for num_layers", "training.lr was taken for learning"):
        assert notice in wild.agent.stdout
    check_confusion(run, "val")


def test_a_wrong_value_fails_its_run_and_the_agent_goes_on(wild: Swept):
    wrong, right = wild.runs
    assert wild.sweep.handed_out[wrong.id]["training"]["optimizer"] == "adamm"
    assert (wrong.state, wrong.exit_code, wrong.sweep) == ("failed", 2, wild.sweep.id)
    assert wrong.summary["status"] == "failed"
    line = "optimizer: got 'adamm', not a known choice; did you mean 'adam'?"
    assert wrong.summary["reason"] == line
    assert f"error: {line}" in wild.agent.stdout
    assert "Traceback" not in wild.agent.stdout
    assert wrong.history == []
    assert right.state == "finished"
    assert wild.agent.returncode == 0
