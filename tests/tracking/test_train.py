"""``train``: alone, and as the function of an agent in the same process."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import wandb

import dlsweep
from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import Dataset
from dlsweep.report import read_runs
from dlsweep.tracking import _train
from dlsweep.training import EpochMetrics
from tests.tracking.facts import check_confusion, check_run
from tests.wandb_server import WandbServer

TINY = {"dataset": "digits", "epochs": 1, "hidden_size": 8}


@pytest.fixture(autouse=True)
def _digits_once(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlsweep.training._data.load_for", lambda *_, **__: digits)


def test_a_run_from_settings(wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_PROJECT", "meadow")  # what is given goes before
    told: list[tuple[RunConfig, EpochMetrics]] = []
    result = dlsweep.train(
        {**TINY, "Hidden-Layers": 1, "wandb_project": "beds", "epochs": 2},
        on_epoch=lambda config, metrics: told.append((config, metrics)),
    )
    [run] = wandb_server.runs.values()
    assert check_run(run) == result.config
    check_confusion(run, "val")
    check_confusion(run, "test")
    assert (run.project, run.sweep) == ("beds", None)
    assert result.config.num_layers == 1
    assert [metrics for _, metrics in told] == list(result.history)
    assert run.summary["test_accuracy"] == result.test.accuracy
    assert {config for config, _ in told} == {result.config}
    assert wandb_server.unknown == []


def test_a_run_from_a_configuration_is_the_run_from_its_settings(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    one = dlsweep.train(RunConfig(**TINY, wandb_project="p"))
    other = dlsweep.train({**TINY, "project": "p"})
    assert one.config == other.config
    assert one.summary() == other.summary()


def test_wandb_project_stands_in_for_the_default(
    wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WANDB_PROJECT", "meadow")
    dlsweep.train(TINY)
    [run] = wandb_server.runs.values()
    assert (run.project, run.config["wandb_project"]) == ("meadow", "meadow")


def test_a_run_that_diverges_is_a_result(wandb_server: WandbServer):
    result = dlsweep.train(
        {**TINY, "epochs": 3, "optimizer": "sgd", "lr": 1e30, "weight_decay": 0.5}
    )
    assert result.status == "diverged"
    [run] = wandb_server.runs.values()
    check_run(run, status="diverged")
    assert run.exit_code == 0
    assert len(run.history) < 3


def test_wrong_settings_open_no_run(tmp_path: Path):
    with pytest.raises(ConfigError) as caught:
        dlsweep.train({"optimiser": "adamm", "hidden_sise": 3, "lr": -1})
    assert len(caught.value.problems) == 3
    with pytest.raises(ConfigError, match="device"):
        dlsweep.train({**TINY, "device": "cuda:99"})
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_breaks_is_failed(wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch):
    def break_down(*_: object, **__: object) -> None:
        raise MemoryError("too large")

    monkeypatch.setattr(_train, "Stack", break_down)
    with pytest.raises(MemoryError):
        dlsweep.train(TINY)
    [run] = wandb_server.runs.values()
    assert (run.state, run.exit_code) == ("failed", 1)
    assert (run.summary["status"], run.summary["reason"]) == ("failed", "too large")


@pytest.mark.parametrize("mode", [None, "offline"])
def test_one_line_says_how_to_upload_an_offline_run(
    mode: str | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    if mode is None:
        wandb.teardown()
        monkeypatch.delenv("WANDB_MODE")
    with caplog.at_level(logging.INFO, "dlsweep"):
        dlsweep.train(TINY)
    [line] = [r.getMessage() for r in caplog.records if r.name.startswith("dlsweep")]
    why, _, folder = line.partition("; upload it with: wandb sync ")
    assert why.startswith("no W&B account" if mode is None else "this run is kept offline")
    assert list(Path(folder).glob("*.wandb"))


def test_the_loss_within_epochs_is_rows_of_their_own(wandb_server: WandbServer):
    result = dlsweep.train({**TINY, "epochs": 2, "log_every": 8, "project": "p"})
    [run] = wandb_server.runs.values()
    steps = [pair for epoch in result.history for pair in epoch.steps]
    assert [*zip(run.column("step"), run.column("step_loss"), strict=True)] == steps
    assert run.column("epoch") == [1, 2]
    [read] = read_runs(f"{run.entity}/p").runs
    assert [len(row["step_loss"]) for row in read.history] == [len(e.steps) for e in result.history]
    assert [row["epoch"] for row in read.history] == [1, 2]


# As the function of an agent


SWEEP = {
    "method": "grid",
    "parameters": {
        "dataset": {"value": "digits"},
        "epochs": {"value": 2},
        "hidden_size": {"value": 8},
        "opt": {"values": ["SGD", "adamm", "nadam"]},
        "net": {"parameters": {"activation_function": {"value": "tanh"}}},
    },
}


def test_agent_function(wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch):
    from wandb.agents import pyagent

    monkeypatch.setattr(pyagent.Agent, "HEARTBEAT_SLEEP_SECONDS", 0.1)
    sweep_id = wandb.sweep(SWEEP, entity="team", project="plants")
    wandb.agent(sweep_id, function=dlsweep.train, entity="team", project="plants", count=3)

    sweep = wandb_server.sweeps[sweep_id]
    runs = [wandb_server.runs[run_id] for run_id in sweep.runs]
    assert {(run.project, run.sweep) for run in runs} == {("plants", sweep_id)}
    first, wrong, last = runs
    for run, optimizer in ((first, "sgd"), (last, "nadam")):
        assert check_run(run) == RunConfig(
            wandb_project="plants",
            wandb_entity="team",
            dataset="digits",
            epochs=2,
            hidden_size=8,
            optimizer=optimizer,
            activation="tanh",
        )
        assert run.config.items() >= sweep.handed_out[run.id].items()
        check_confusion(run, "val")
    assert (wrong.state, wrong.summary["status"]) == ("failed", "failed")
    assert "did you mean 'adam'" in wrong.summary["reason"]
    assert wandb_server.unknown == []


def test_a_variant_goes_before_what_the_sweep_fixes(
    wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch
):
    from wandb.agents import pyagent

    monkeypatch.setattr(pyagent.Agent, "HEARTBEAT_SLEEP_SECONDS", 0.1)
    variants = [{}, {"learning_rate": 0.25, "optimizer": "SGD"}]
    parameters = {
        **{name: {"value": value} for name, value in TINY.items()},
        "lr": {"value": 0.5},
        "variant": {"values": variants},
    }
    sweep_id = wandb.sweep(
        {"method": "grid", "parameters": parameters}, entity="team", project="plants"
    )
    wandb.agent(sweep_id, function=dlsweep.train, entity="team", project="plants", count=2)
    runs = [wandb_server.runs[run_id] for run_id in wandb_server.sweeps[sweep_id].runs]
    assert [run.config.get("variant", {}) for run in runs] == variants
    configs = [check_run(run) for run in runs]
    assert [config.learning_rate for config in configs] == [0.5, 0.25]
    assert [config.optimizer for config in configs] == ["adam", "sgd"]
    assert [run.config["lr"] for run in runs] == [0.5, 0.25]
    table = read_runs(f"team/plants/{sweep_id}")
    assert [run.config["learning_rate"] for run in table.runs] == [0.5, 0.25]
    assert set(table.parameters) == {"learning_rate", "optimizer"}


def test_a_sweeps_settings_go_before_those_given(
    wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch
):
    from wandb.agents import pyagent

    monkeypatch.setattr(pyagent.Agent, "HEARTBEAT_SLEEP_SECONDS", 0.1)
    given = {"method": "grid", "parameters": {"lr": {"values": [0.25]}}}
    sweep_id = wandb.sweep(given, entity="team", project="plants")

    def function() -> None:
        dlsweep.train({**TINY, "learning_rate": 0.5, "seed": 3})

    wandb.agent(sweep_id, function=function, entity="team", project="plants", count=1)
    [run] = wandb_server.runs.values()
    config = check_run(run)
    assert (config.learning_rate, config.seed, config.dataset) == (0.25, 3, "digits")


def test_a_network_that_fits_nowhere_is_refused_before_a_run_is_opened(wandb_server: WandbServer):
    with pytest.raises(ConfigError, match="hidden_size: a network of 2,000,"):
        dlsweep.train({**TINY, "hidden_size": 10**6, "num_layers": 3})
    assert not wandb_server.runs


def test_settings_for_nothing_are_told(caplog: pytest.LogCaptureFixture):
    dlsweep.train({**TINY, "conv_layers": "4x3", "momentum": 0.9, "beta": 0.5})
    said = [r.getMessage() for r in caplog.records if "no effect" in r.getMessage()]
    assert said == [
        "conv_layers: no effect without model cnn",
        "beta: no effect without optimizer adadelta or rmsprop",
    ]
