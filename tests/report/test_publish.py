"""A W&B report as it is saved: panels, run set and text, read from the protocol server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlsweep import ConfigError
from dlsweep.report import Online, Report, publish, standard_report, synced, text
from dlsweep.report.blocks import Comparison, Heading, Scatter, Text
from dlsweep.report.findings import contest, lead
from dlsweep.report.statistics import settings
from dlsweep.sweep import Row
from tests.report.tables import made_up_run, made_up_table, table_of
from tests.wandb_server import Run as OnlineRun
from tests.wandb_server import WandbServer

pytest.importorskip("wandb_workspaces")

PLACE = Online("team", "plants", "abc123")
PANELS = {
    "Run History Line Plot",
    "Scatter Plot",
    "Parallel Coordinates Plot",
    "Parameter Importance",
    "Bar Chart",
    "Run Comparer",
    "Media Browser",
    "Vega2",
}


@pytest.fixture
def project(
    wandb_server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> WandbServer:
    """A server that has the project, without which a run set is refused; in an empty folder."""
    monkeypatch.chdir(tmp_path)
    wandb_server.project("team", "plants")
    return wandb_server


def blocks_of(spec: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [block for block in spec["blocks"] if block["type"] == kind]


def grids(spec: dict[str, Any]) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """The panels and the run sets of every grid."""
    for block in blocks_of(spec, "panel-grid"):
        metadata = block["metadata"]
        yield metadata["panelBankSectionConfig"]["panels"], metadata["runSets"]


def test_a_whole_report(project: WandbServer):
    table = made_up_table(40, title="garden", online=PLACE)
    url = publish(standard_report(), table)
    [saved] = project.reports.values()
    assert url == f"{project.url}/team/plants/reports/garden--{saved.id}"
    assert (saved.entity, saved.project, saved.display_name) == ("team", "plants", "garden")
    assert saved.description == "40 runs of dlsweep.db, study digits"

    panels = [panel for shown, _ in grids(saved.spec) for panel in shown]
    assert {panel["viewType"] for panel in panels} == PANELS
    by_kind = {panel["viewType"]: panel["config"] for panel in panels}
    axes = by_kind["Parallel Coordinates Plot"]["columns"]
    assert [axis["accessor"] for axis in axes] == [
        *(f"config:{name}.value" for name in settings(table)),
        "summary:val_accuracy",
    ]
    assert by_kind["Parameter Importance"]["targetKey"] == "val_accuracy"
    for shown, _ in grids(saved.spec):  # no two panels lie on each other, none leaves the grid
        places = [panel["layout"] for panel in shown]
        assert len({(place["x"], place["y"]) for place in places}) == len(places)
        assert all(place["x"] + place["w"] <= 24 for place in places)

    best = lead(table)
    assert best is not None
    pair = contest(table, "loss", "cross_entropy", "mean_squared_error").pairs[0]
    read = []
    for _, runsets in grids(saved.spec):
        [runset] = runsets
        assert (runset["project"]["entityName"], runset["project"]["name"]) == ("team", "plants")
        [asked] = runset["filters"]["filters"]
        columns = runset["runFeed"]["columnOrder"]
        assert columns[1] == "summary:val_accuracy"
        assert columns[-2:] == ["summary:best_val_accuracy", "summary:test_accuracy"]
        read.append((asked["key"]["name"], asked["op"], json.dumps(asked["value"])))
    assert set(read) == {
        ("jobType", "=", '"data"'),
        ("sweep", "=", '"abc123"'),
        ("name", "IN", json.dumps([best.id])),
        ("name", "IN", json.dumps([run.id for run in pair])),
    }

    written = json.dumps(saved.spec)
    for heading in (b for b in standard_report().shown(table) if isinstance(b, Heading)):
        assert heading.text in written
    markdown = [block["content"] for block in blocks_of(saved.spec, "markdown-block")]
    for sentence in (*text.overview(table), *text.what_matters(table)):
        assert any(sentence in block for block in markdown)
    assert project.unknown == []


def test_a_confusion_matrix_is_read_from_the_best_runs_table(project: WandbServer):
    publish(standard_report(), made_up_table(5, online=PLACE))
    [saved] = project.reports.values()
    charts = [
        p["config"] for shown, _ in grids(saved.spec) for p in shown if p["viewType"] == "Vega2"
    ]
    keys = []
    for chart in charts:
        [runs] = chart["userQuery"]["queryFields"]
        fields = {field["name"]: field for field in runs["fields"]}
        assert {"id", "name", "summaryTable"} <= fields.keys()
        [argument] = fields["summaryTable"]["args"]
        keys.append((argument["value"], chart["panelDefId"]))
    assert keys == [
        ("val_confusion_matrix_table", "wandb/confusion_matrix/v1"),
        ("test_confusion_matrix_table", "wandb/confusion_matrix/v1"),
        ("test_roc_curve_table", "wandb/area-under-curve/v0"),
    ]


def test_a_comparison_shows_the_two_runs_and_no_others(project: WandbServer):
    one = made_up_run(1)
    first = replace(one, config={**one.config, "loss": "cross_entropy"})
    other = replace(one, run_id="other", config={**one.config, "loss": "mean_squared_error"})
    publish(Report("Losses", (Comparison(),)), table_of(first, other, online=PLACE))
    [saved] = project.reports.values()
    for _, [runset] in grids(saved.spec):
        filters = json.dumps(runset["filters"])
        assert one.id in filters
        assert "other" in filters


def test_drafts(project: WandbServer):
    publish(Report("A draft", (Text("words"),)), made_up_table(2, online=PLACE), draft=True)
    [saved] = project.reports.values()
    assert saved.display_name == "A draft"
    assert saved.type == "runs/draft"
    publish(Report("No draft", (Text("words"),)), made_up_table(2, online=PLACE))
    assert [report.type for report in project.reports.values()] == ["runs/draft", "runs"]


def test_publishing_again_updates_the_report(project: WandbServer, tmp_path: Path):
    report, table = Report("", (Text("words"),)), made_up_table(2, name="toy-1", online=PLACE)
    draft = publish(report, table, draft=True)
    assert publish(report, table, draft=True) == draft
    assert publish(report, table) == draft  # what was drafted is published
    assert publish(Report("", (Text("other words"),)), table) == draft
    [saved] = project.reports.values()
    assert (saved.type, saved.saves) == ("runs", 4)
    assert "other words" in json.dumps(saved.spec)
    assert (tmp_path / "dlsweep.db.reports.json").exists()

    second = publish(report, table, draft=True)  # it does not take back what is published
    assert second != draft
    assert [one.type for one in project.reports.values()] == ["runs", "runs/draft"]
    list(project.reports.values())[1].type = "runs"  # its author publishes it on its page
    assert publish(report, table, draft=True) not in (draft, second)

    publish(report, replace(table, name="toy-2"))  # other runs
    publish(Report("Another title", report.blocks), table)
    assert len(project.reports) == 5
    del project.reports[saved.id]  # somebody deletes it
    assert publish(report, table) not in (draft, second)


def test_what_cannot_be_remembered_is_said(
    project: WandbServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    kept = tmp_path / "dlsweep.db.reports.json"
    kept.write_text("no JSON")
    report, table = Report("", (Text("words"),)), made_up_table(2, online=PLACE)
    publish(report, table)
    assert "so a new report is made" in caplog.text
    assert json.loads(kept.read_text()) == {
        "team/plants: ": {"report": next(iter(project.reports))}
    }
    kept.unlink()
    kept.mkdir()
    publish(report, table)
    assert "the next --publish makes another report" in caplog.text


# A local study whose runs have been synced


def synced_run(
    server: WandbServer, run: Row, group: str = "toy-1", project: str = "plants"
) -> None:
    server.runs[run.id] = OnlineRun(run.id, "team", project, server.number(), group=group)


def test_a_local_study_is_a_group_at_wandb(project: WandbServer):
    table = made_up_table(3, name="toy-1")
    for run in table.runs[:2]:
        synced_run(project, run)
    synced_run(project, made_up_run(77), group="another")
    place, found = synced(table, "team/plants")
    assert (place, found) == (Online("team", "plants", group="toy-1"), 2)
    publish(Report("Local", (Scatter(),)), table, place)
    [saved] = project.reports.values()
    [(_, [runset])] = grids(saved.spec)
    filters = json.dumps(runset["filters"])
    assert '"group"' in filters
    assert "toy-1" in filters


def test_where_the_runs_say_they_are(project: WandbServer):
    run = made_up_run(1)
    run = replace(run, config={**run.config, "wandb_project": "plants", "wandb_entity": "team"})
    synced_run(project, run)
    assert synced(table_of(run, name="toy-1"))[0] == Online("team", "plants", group="toy-1")


def test_runs_that_were_never_synced(project: WandbServer):
    with pytest.raises(
        ConfigError, match=r"no run of the study toy-1 is in team/plants at W&B; .* `wandb sync"
    ):
        synced(made_up_table(2, name="toy-1"), "team/plants")
    with pytest.raises(ConfigError, match="the runs are not at W&B"):
        publish(Report("x", (Text("words"),)), made_up_table(2))
    assert project.reports == {}


@pytest.mark.process
def test_without_an_account(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="no W&B account is set up here"):
        publish(standard_report(), made_up_table(2, online=PLACE))
