"""The reading side of the server: `wandb.Api()` and reports find again what the client logged."""

from __future__ import annotations

import json

import pytest

from tests.wandb_server import Run, WandbServer

wandb = pytest.importorskip("wandb")


@pytest.fixture
def api(wandb_server: WandbServer) -> wandb.Api:
    """Return an Api whose server holds a sweep of three runs, logged without a client."""
    sweep = wandb_server.add_sweep(
        {
            "method": "grid",
            "metric": {"name": "loss", "goal": "minimize"},
            "parameters": {"lr": {"values": [1, 2, 3]}},
        },
        entity="team",
        project="plants",
    )
    for k, loss in enumerate([0.5, 0.25, 0.75]):
        wandb_server.project("team", "plants")
        wandb_server.runs[f"r{k}"] = Run(
            f"r{k}",
            "team",
            "plants",
            wandb_server.number(),
            display_name=f"run {k}",
            group="g",
            tags=["odd"] if k % 2 else [],
            sweep=sweep.id,
            config={"lr": k + 1, "nested": {"x": k}},
            summary={"loss": loss},
            history=[{"_step": step, "loss": loss + 1 - step} for step in range(2)],
            state="failed" if k == 2 else "finished",
            exit_code=int(k == 2),
            files={"notes.txt": b"hello"},
        )
    return wandb.Api(overrides={"entity": "team", "project": "plants"})


def test_sweep_is_read_back(api: wandb.Api, wandb_server: WandbServer):
    [sweep_id] = wandb_server.sweeps
    sweep = api.sweep(f"team/plants/{sweep_id}")
    assert sweep.config["parameters"] == {"lr": {"values": [1, 2, 3]}}
    assert sweep.expected_run_count == 3
    assert [run.id for run in sweep.runs] == ["r0", "r1", "r2"]
    assert sweep.best_run().id == "r1"
    assert wandb_server.unknown == []


@pytest.mark.parametrize(
    ("filters", "order", "expected"),
    [
        ({}, "+created_at", ["r0", "r1", "r2"]),
        ({}, "-summary_metrics.loss", ["r2", "r0", "r1"]),
        ({"state": "finished"}, "-created_at", ["r1", "r0"]),
        ({"config.lr": {"$gte": 2}}, "+config.lr", ["r1", "r2"]),
        ({"$or": [{"tags": "odd"}, {"config.nested.x": 2}]}, None, ["r1", "r2"]),
        ({"summary_metrics.loss": {"$lt": 0.3}}, None, ["r1"]),
        ({"summary_metrics.nothing": {"$exists": True}}, None, []),
    ],
)
def test_runs_are_filtered_and_ordered(api: wandb.Api, filters, order, expected):
    runs = api.runs("team/plants", filters=filters, order=order, per_page=2, lazy=False)
    assert [run.id for run in runs] == expected


def test_run_is_read_back(api: wandb.Api, wandb_server: WandbServer):
    run = api.run("team/plants/r1")
    assert (run.name, run.state, run.group, run.tags) == ("run 1", "finished", "g", ["odd"])
    assert dict(run.config) == {"lr": 2, "nested": {"x": 1}}
    assert run.summary["loss"] == 0.25
    expected = [{"_step": 0, "loss": 1.25}, {"_step": 1, "loss": 0.25}]
    assert run.history(pandas=False) == expected
    assert run.history(keys=["loss"], pandas=False) == expected
    assert list(run.scan_history()) == expected
    assert wandb_server.unknown == []


def test_files_are_read_back(api: wandb.Api, tmp_path):
    [file] = api.run("team/plants/r0").files()
    assert (file.name, file.size) == ("notes.txt", 5)
    with file.download(root=str(tmp_path)) as stream:
        assert stream.read() == "hello"


def test_unknown_run_is_an_error_of_the_client(api: wandb.Api):
    with pytest.raises(wandb.errors.CommError, match="Could not find run"):
        api.run("team/plants/nowhere")


def test_report_is_saved_and_read_back(api: wandb.Api, wandb_server: WandbServer):
    reports = pytest.importorskip("wandb_workspaces.reports.v2")
    report = reports.Report(entity="team", project="plants", title="A report")
    report.blocks = [reports.H1("Heading"), reports.MarkdownBlock("text")]
    report.save()
    [saved] = wandb_server.reports.values()
    assert (saved.entity, saved.project, saved.display_name) == ("team", "plants", "A report")
    assert "Heading" in json.dumps(saved.spec)
    again = reports.Report.from_url(report.url)
    assert again.title == "A report"
    assert again.blocks[0].text == "Heading"
    assert wandb_server.unknown == []
