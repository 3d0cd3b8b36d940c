"""One runs table from a local study, a W&B sweep, a group, a project, and other people's runs."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from dlsweep import ConfigError, RunConfig, train
from dlsweep.report import Online, read_runs
from dlsweep.report._online import from_online
from dlsweep.report._read import from_study, online_place
from dlsweep.sweep import Metric, Row, Study, StudyTable, SweepFile
from dlsweep.sweep.file import Command
from tests.sweep.helpers import history, sweep
from tests.wandb_server import Run, WandbServer, _runs

SPACE = {"optimizer": {"values": ["sgd", "adam"]}, "hidden_size": {"values": [8, [8, 4]]}}


@pytest.fixture
def storage(tmp_path: Path) -> str:
    """A study of a grid of four: two finished, one diverged, one failed."""
    path = str(tmp_path / "studies.db")
    toy = sweep({**SPACE, "num_layers": {"value": 2}}, method="grid", name="toy")
    with Study.open(toy, path) as study:
        points = study.take(4)
        info = {"directory": "somewhere"}
        study.finish(points[0], "finished", history(0.5, 0.75), {"test_accuracy": 0.7}, info)
        study.finish(points[1], "early_stopped", history(0.5), {"val_confusion": [[1]]}, info)
        study.finish(points[2], "diverged", history(0.5))
        study.fail(points[3], "no room left")
    return path


def test_a_local_study(storage: str):
    table = read_runs("toy", storage)
    assert (table.title, table.online) == ("toy", None)
    assert table.source == f"the local study {table.name} in {storage}"
    assert table.parameters == ("optimizer", "hidden_size")
    assert [r.status for r in table.runs] == ["finished", "early_stopped", "diverged", "failed"]
    assert [r.value for r in table.runs] == [0.75, 0.5, None, None]
    first = table.runs[0]
    assert first.config["hidden_size"] == 8
    assert [row["val_accuracy"] for row in first.history] == [0.5, 0.75]
    assert (first.id, first.folder, first.beside) == (first.run_id, "", False)
    assert first.summary == {"test_accuracy": 0.7}
    assert table.runs[1].summary["val_confusion"] == [[1]]
    assert table.runs[3].reason == "no room left"
    assert first.started is not None
    assert first.finished >= first.started


def test_the_file_itself_or_its_url_is_a_source(storage: str):
    by_name = read_runs("toy", storage)
    for source in (storage, f"sqlite:///{storage}"):
        assert read_runs(source).runs == by_name.runs
    assert read_runs(None, storage).runs == by_name.runs
    with pytest.raises(ConfigError, match="give the study file once"):
        read_runs(storage, storage)


def test_the_newest_of_several_studies_is_taken_and_the_others_are_named(storage: str):
    with Study.open(sweep(SPACE, name="later"), storage):
        pass
    table = read_runs(storage)
    assert (table.title, table.runs, table.parameters) == ("later", (), ())
    [notice] = table.notices
    assert notice.startswith("the newest of 2 studies; the others: toy-")


def test_a_wrong_name_gets_the_nearest_one(storage: str, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"got 'toi-7eb6', no such study; did you mean 'toy-"):
        read_runs("toi-7eb6", storage)
    with pytest.raises(ConfigError, match="no such file"):
        read_runs(str(tmp_path / "other.db"))


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("team/plants", Online("team", "plants")),
        ("team/plants/abc123", Online("team", "plants", "abc123")),
        ("team/plants/sweeps/abc123", Online("team", "plants", "abc123")),
        ("https://wandb.ai/team/plants/sweeps/abc123?nw=x", Online("team", "plants", "abc123")),
        ("https://wandb.ai/team/plants/", Online("team", "plants")),
        ("toy", None),
        ("folder/file.db", None),
        ("sqlite:///folder/file", None),
    ],
)
def test_what_a_source_means(source: str, place: Online | None):
    assert online_place(source) == place


def test_a_local_study_of_a_program():
    command = Command(program="mine.py")
    metric = Metric("val.loss", "minimize", summary_first=True)
    file = SweepFile("mine", "grid", metric, {}, command=command)
    configs = [{"seed": 1, "net.width": width, "device": "x"} for width in (8, 16)]
    rows = [
        Row(i, f"id{i}", f"mine-{i}", "finished", config, {"val.loss": 5.5}, [{"loss": 1}], 5.5)
        for i, config in enumerate(configs)
    ]
    table = from_study(StudyTable("mine-1", metric, tuple(rows), file))
    assert (table.own, table.metric, table.parameters) == (False, metric, ("net.width",))
    assert [run.config for run in table.runs] == configs
    assert table.runs[0].history == [{"loss": 1}]
    assert table.command(configs[0]) == file.command_line(configs[0])
    assert "mine.py --seed=1 --net.width=8 --device=x" in str(table.command(configs[0]))


# W&B


def add_run(server: WandbServer, number: int, **given: Any) -> Run:
    run = Run(f"r{number}", "team", "plants", server.number(), f"run {number}", **given)
    server.project("team", "plants")
    server.runs[run.id] = run
    return run


def logged(*accuracies: float) -> list[dict[str, Any]]:
    return [
        {"_step": i, "epoch": i + 1, "val_accuracy": a, "val_loss": 1 - a, "_runtime": 3}
        for i, a in enumerate(accuracies)
    ]


@pytest.mark.usefixtures("five_hours_west")
@pytest.mark.parametrize("zone", ["Z", "", "+00:00"])
def test_times_at_wandb_are_in_utc(
    wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch, zone: str
):
    monkeypatch.setattr(_runs, "created_at", lambda number: f"2025-01-01T00:00:0{number}{zone}")
    run = add_run(wandb_server, 0, state="finished", history=logged(0.5))
    table = read_runs("team/plants")
    created = datetime(2025, 1, 1, second=run.number, tzinfo=timezone.utc)
    assert [(r.started, r.finished) for r in table.runs] == [(created, created)]
    assert table.runs[0].started.tzinfo is table.made.tzinfo is timezone.utc


def test_a_wandb_sweep(wandb_server: WandbServer):
    toy = wandb_server.add_sweep(
        {
            "name": "garden",
            "method": "grid",
            "metric": {"name": "val_acc", "goal": "maximize"},
            "parameters": {"lr": {"values": [0.1, 0.2]}},
        },
        entity="team",
        project="plants",
    )
    table_ref = {"_type": "table-file", "path": "x"}
    config = {"lr": 0.1, **RunConfig(learning_rate=0.1).as_dict(), "_wandb": {"x": 1}}
    config |= {"activation": "Tanh"}  # as a sweep file may spell it
    summary = {"status": "early_stopped", "test_accuracy": 0.6, "val_confusion": [[1, 2], [3, 4]]}
    add_run(
        wandb_server,
        0,
        sweep=toy.id,
        state="finished",
        config=config,
        history=[*logged(0.5, 0.75), {"_step": 9, "confusion": table_ref}],
        summary={**summary, "confusion": table_ref},
    )
    add_run(wandb_server, 1, sweep=toy.id, state="crashed", config={"lr": 0.2})
    add_run(
        wandb_server,
        2,
        sweep=toy.id,
        state="failed",
        config={"lr": 0.2},
        summary={"status": "failed", "reason": "bad"},
    )
    nan = [{"_step": 0, "epoch": 1, "val_accuracy": 0.1, "val_loss": "NaN"}]
    add_run(wandb_server, 3, sweep=toy.id, state="finished", config=config, history=nan)
    add_run(wandb_server, 4, sweep=toy.id, state="running", config={"lr": 0.2})
    add_run(wandb_server, 5, state="finished")

    table = read_runs(f"team/plants/{toy.id}")
    assert table.online == Online("team", "plants", toy.id)
    assert (table.title, table.source) == ("garden", f"the W&B sweep team/plants/{toy.id}")
    assert (table.metric.name, table.metric.goal) == ("val_accuracy", "maximize")
    assert table.parameters == ("learning_rate",)
    assert [(r.id, r.status, r.reason, r.value) for r in table.runs] == [
        ("r0", "early_stopped", "", 0.75),
        ("r1", "failed", "crashed", None),
        ("r2", "failed", "bad", None),
        ("r3", "diverged", "", None),
        ("r4", "running", "", None),
    ]
    first = table.runs[0]
    assert table.own
    own = RunConfig(learning_rate=0.1, activation="tanh").as_dict()
    assert dict(first.config) == own
    assert [dict(row) for row in first.history] == [
        {"epoch": 1, "val_accuracy": 0.5, "val_loss": 0.5},
        {"epoch": 2, "val_accuracy": 0.75, "val_loss": 0.25},
    ]
    assert first.summary == summary
    assert first.url.endswith("/team/plants/runs/r0")
    assert first.started is not None
    assert table.notices == ()
    assert wandb_server.unknown == []


def test_a_group_is_a_local_study_that_was_synced(wandb_server: WandbServer):
    for number, group in enumerate(["toy-1", "other", "toy-1"]):
        add_run(wandb_server, number, group=group, state="finished", history=logged(0.5))
    table = from_online(Online("team", "plants", group="toy-1"))
    assert [run.id for run in table.runs] == ["r0", "r2"]
    assert table.source == "the W&B group team/plants, group toy-1"
    assert wandb_server.unknown == []


def test_a_project_of_somebody_else_is_taken_as_it_is(wandb_server: WandbServer):
    for number, layers in enumerate([[64, 32], [128]]):
        add_run(
            wandb_server,
            number,
            state="finished",
            config={"layers": layers, "optim": {"name": "Adagrad"}, "lr": 3},
            history=[{"_step": 4, "val": {"acc": 81.5 + number}, "picture": {"_type": 1}}],
            summary={"val": {"acc": 81.5 + number}, "_runtime": 3},
        )
    table = read_runs("team/plants")
    assert (table.title, table.own) == ("plants", False)
    assert (table.metric.name, table.metric.goal) == ("val.acc", "maximize")
    assert [run.value for run in table.runs] == [81.5, 82.5]
    assert table.parameters == ("layers",)
    first = table.runs[0]
    assert first.config == {"layers": [64, 32], "optim.name": "Adagrad", "lr": 3}
    assert first.history == ({"_step": 4, "val.acc": 81.5},)
    assert first.summary == {"val.acc": 81.5}
    assert table.notices == (
        "no sweep says what the runs are judged by; taken to be: maximize val.acc",
    )
    assert table.command(first.config) is None


def test_runs_that_log_nothing_familiar_are_not_ranked(wandb_server: WandbServer):
    add_run(wandb_server, 0, state="finished", config={"lr": 1}, summary={"perplexity": 3.5})
    table = read_runs("team/plants")
    assert not table.judged
    assert table.runs[0].value is None
    assert table.runs[0].summary == {"perplexity": 3.5}


def test_a_wandb_sweep_of_a_program(wandb_server: WandbServer):
    """Names that dlsweep has too are the program's own: nothing is renamed or left out."""
    toy = wandb_server.add_sweep(
        {
            "method": "random",
            "program": "train.py",
            "metric": {"name": "loss"},
            "parameters": {
                "lr": {"values": [0.1, 0.2]},
                "width": {"values": [8, 16]},
                "device": {"values": ["a", "b"]},
                "opt": {"parameters": {"beta": {"values": [0.9, 0.99]}}},
                "aug": {"values": [{"flip": True}, {"flip": False}]},
            },
        },
        entity="team",
        project="plants",
    )
    for number in range(2):
        config = {
            "lr": 0.1 * (1 + number),
            "width": 8,
            "device": "ab"[number],
            "opt": {"beta": 0.9},
            "aug": {"flip": not number},
            "started": f"at {number}",
        }
        add_run(
            wandb_server,
            number,
            sweep=toy.id,
            state="finished",
            config=config,
            history=[{"_step": 10 * i, "loss": 1000 / (i + 1), "epoch": 0.5 * i} for i in range(3)],
            summary={"loss": 1000 + number, "accuracy": 93.5, "status": "fine"},
        )
    add_run(wandb_server, 2, sweep=toy.id, state="crashed", config={"lr": 0.2})
    table = read_runs(f"team/plants/{toy.id}")
    assert not table.own
    assert (table.metric.name, table.metric.goal) == ("loss", "minimize")
    assert table.parameters == ("aug", "device", "lr")
    first, second, crashed = table.runs
    assert first.config == {
        "lr": 0.1,
        "width": 8,
        "device": "a",
        "opt.beta": 0.9,
        "aug": {"flip": True},
        "started": "at 0",
    }
    assert [row["_step"] for row in first.history] == [0, 10, 20]
    assert first.history[1] == {"_step": 10, "loss": 500, "epoch": 0.5}
    # The summary goes before the last of the history, as W&B has it.
    assert [first.value, second.value] == [1000.0, 1001.0]
    assert first.summary == {"loss": 1000, "accuracy": 93.5, "status": "fine"}
    assert (crashed.status, crashed.reason, crashed.value) == ("failed", "crashed", None)
    assert table.notices == ()
    # What the program itself wrote into its configuration is none of its flags.
    command = str(table.command(first.config))
    assert "train.py" in command
    assert "--lr=0.1" in command
    assert "started" not in command


def test_many_runs_cost_a_page_for_200_and_one_request_each(wandb_server: WandbServer):
    for number in range(450):
        add_run(wandb_server, number, state="finished", history=logged(number / 1000))
    table = read_runs("team/plants")
    assert [run.value for run in table.runs] == [number / 1000 for number in range(450)]
    asked = Counter(wandb_server.requests)
    assert asked["Runs"] == 3
    assert asked["RunFullHistory"] == 450
    assert asked.total() <= 460


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("team/plants/zzz", "no sweep team/plants/zzz"),
        ("team/nowhere", "there are no runs in the project team/nowhere"),
    ],
)
def test_what_is_not_at_wandb(wandb_server: WandbServer, source: str, message: str):
    wandb_server.project("team", "plants")
    with pytest.raises(ConfigError, match=message):
        read_runs(source)


@pytest.mark.process
def test_without_an_account(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="no account is set up here; see `wandb login`"):
        read_runs("team/plants")


def test_runs_of_dlsweep_itself_as_the_real_client_sends_them(
    wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WANDB_MODE", "online")
    settings = {"dataset": "digits", "epochs": 2, "hidden_size": 8, "train_size": 200}
    place = {"wandb_project": "plants", "wandb_entity": "team"}
    results = [train({**settings, **place, "optimizer": o}) for o in ("sgd", "adam")]
    table = read_runs("team/plants")
    assert table.parameters == ("optimizer",)
    for read, result in zip(table.runs, results, strict=True):
        assert (read.status, read.config["hidden_size"]) == ("finished", 8)
        assert read.value == pytest.approx(result.history[-1].val_accuracy)
        assert [row["epoch"] for row in read.history] == [1, 2]
        assert read.summary["test_accuracy"] == pytest.approx(result.test.accuracy)
        assert read.summary["val_confusion"] == result.val.confusion().tolist()
        assert len(read.summary["test_roc"]) == len(read.summary["test_auc"]) == 10
        assert {"fpr", "tpr"} == read.summary["test_roc"][0].keys()
        assert read.summary["test_examples"]["right"][0].keys() >= {"index", "label", "predicted"}
    assert table.notices == ()
    assert wandb_server.unknown == []
