"""What reaches W&B's server besides numbers: charts, tables, pictures, the model."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wandb
from PIL import Image

import dlsweep
from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.figures import analyse, analyse_run, per_class
from dlsweep.saved import FILE_NAME
from dlsweep.tracking import conclude, confusion_plot, open_run, per_class_table, roc_plot
from dlsweep.training import DIVERGED, EpochMetrics, Evaluation, RunResult
from tests.tracking.facts import HISTORY, SUMMARY, check_confusion, check_run, panel
from tests.wandb_server import Run, WandbServer, wandb_cli

TINY = {"dataset": "digits", "epochs": 2, "hidden_size": 8, "projection": "pca"}


@pytest.fixture(autouse=True)
def _digits_once(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlsweep.training._data.load_for", lambda *_, **__: digits)


def table(run: Run, key: str) -> dict[str, Any]:
    """A table as it has reached the server."""
    [artifact] = [a for a in run.artifacts if a.name == f"run-{run.id}-{key}"]
    assert (artifact.type, artifact.state) == ("run_table", "COMMITTED")
    [content] = [data for name, data in artifact.files.items() if name.endswith(".json")]
    found: dict[str, Any] = json.loads(content)
    return found


def pictures(run: Run) -> dict[str, Image.Image]:
    """The pictures that the history's last row shows, each from the file that it names."""
    shown = {}
    for key, value in run.history[-1].items():
        if isinstance(value, dict) and value.get("_type") == "image-file":
            shown[key] = Image.open(io.BytesIO(run.files[value["path"]]))
            assert shown[key].size == (value["width"], value["height"])
    return shown


def test_a_run_with_the_summary(wandb_server: WandbServer):
    result = dlsweep.train(TINY)
    [run] = wandb_server.runs.values()
    check_run(run)
    check_confusion(run, "val")
    check_confusion(run, "test")
    analysis = analyse_run(result)
    assert run.summary.items() >= json.loads(json.dumps(analysis.summary())).items()
    assert pictures(run).keys() == {"test_right", "test_wrong"}

    roc = table(run, "test_roc_curve_table")
    assert roc["columns"] == ["class", "fpr", "tpr"]
    for name, curve in zip("0123456789", analysis.test.roc, strict=True):
        rows = [row[1:] for row in roc["data"] if row[0] == name]
        assert rows == [list(point) for point in zip(curve.fpr, curve.tpr, strict=True)]
    assert panel(run, "test_roc_curve")["panelDefId"] == "wandb/area-under-curve/v0"

    scores = table(run, "per_class")
    assert scores["columns"] == ["split", "class", "precision", "recall", "f1", "support", "auc"]
    assert len(scores["data"]) == 20
    for split, found in (("val", analysis.val), ("test", analysis.test)):
        rows = [row[1:] for row in scores["data"] if row[0] == split]
        expected = zip(per_class(found.confusion), found.auc, strict=True)
        for i, (row, (of, auc)) in enumerate(zip(rows, expected, strict=True)):
            assert row == [str(i), of.precision, of.recall, of.f1, of.support, auc]
    assert wandb_server.unknown == []


def test_curves_are_plain_numbers_of_every_epoch(wandb_server: WandbServer):
    """W&B draws a line for a key whose values are numbers."""
    dlsweep.train(TINY)
    [run] = wandb_server.runs.values()
    for key in HISTORY:
        values = run.column(key)
        assert len(values) == 2
        assert all(isinstance(value, int | float) for value in values)


@pytest.mark.parametrize(
    ("settings", "more"),
    [
        ({}, set()),
        ({"model": "cnn", "conv_layers": "4x3x3", "num_layers": 1}, {"feature_maps"}),
        ({"backend": "numpy"}, set()),
    ],
)
def test_a_run_with_everything(settings: dict[str, Any], more: set[str], wandb_server: WandbServer):
    dlsweep.train({**TINY, "epochs": 1, "figures": "full", **settings})
    [run] = wandb_server.runs.values()
    of_the_data = {"class_samples", "class_distribution", "data_pca"}
    of_the_model = {"first_layer", "features"}
    examples = {"test_right", "test_wrong"}
    assert pictures(run).keys() == of_the_data | of_the_model | examples | more
    assert [len(row) for row in table(run, "class_counts")["data"]] == [4] * 10
    assert run.column("epoch") == [1]
    assert wandb_server.unknown == []


def test_offline_runs_hold_the_same(wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch):
    wandb.teardown()
    monkeypatch.setenv("WANDB_MODE", "offline")
    settings = {**TINY, "epochs": 1, "figures": "full", "save_model": True}
    result = dlsweep.train({**settings, "wandb_project": "beds"})
    [place] = Path(wandb.setup().settings.wandb_dir).glob("offline-run-*")
    assert wandb_server.runs == {}
    synced = wandb_cli("sync", "--yes", str(place), cwd=place)
    assert synced.returncode == 0, synced.stdout
    [run] = wandb_server.runs.values()
    assert {"features", "first_layer", "test_wrong", "data_pca"} <= pictures(run).keys()
    assert len(table(run, "per_class")["data"]) == 20
    assert run.summary["test_auc"] == analyse_run(result).summary()["test_auc"]
    check_model(run, result, place)
    assert wandb_server.unknown == []


def check_model(run: Run, result: RunResult, place: Path) -> None:
    """Hold the kept model, as a file and as an artifact, against the run's own answers."""
    [artifact] = [a for a in run.artifacts if a.type == "model"]
    assert (artifact.name, artifact.state) == (f"model-{run.id}", "COMMITTED")
    assert artifact.metadata["test_accuracy"] == result.test.accuracy
    content = artifact.files[FILE_NAME]
    assert run.files[FILE_NAME] == content
    fetched = place / "fetched"
    fetched.write_bytes(content)
    test = dlsweep.data.load("digits").test
    assert (dlsweep.load(fetched).predict(test.images) == result.test.probabilities).all()


def test_the_model_reaches_the_server(wandb_server: WandbServer, tmp_path: Path):
    result = dlsweep.train({**TINY, "save_model": True})
    [run] = wandb_server.runs.values()
    check_model(run, result, tmp_path)
    assert wandb_server.unknown == []


def test_without_being_asked_no_model_is_kept(wandb_server: WandbServer):
    dlsweep.train({**TINY, "epochs": 1})
    [run] = wandb_server.runs.values()
    assert FILE_NAME not in run.files
    assert {artifact.type for artifact in run.artifacts} == {"run_table"}


def test_without_figures_there_are_numbers_only(wandb_server: WandbServer):
    dlsweep.train({**TINY, "figures": "none"})
    [run] = wandb_server.runs.values()
    assert run.artifacts == []
    assert not [name for name in run.files if name.startswith("media")]
    assert {key for key in run.summary if not key.startswith("_")} == SUMMARY | HISTORY


def test_without_examples_there_are_no_grids(wandb_server: WandbServer):
    dlsweep.train({**TINY, "examples": 0})
    [run] = wandb_server.runs.values()
    assert pictures(run) == {}
    assert run.summary["test_examples"] == {"right": [], "wrong": []}


def test_more_examples_than_wrong_answers(wandb_server: WandbServer):
    result = dlsweep.train({**TINY, "examples": 355})
    [run] = wandb_server.runs.values()
    wrong = int((result.test.predictions != result.test.labels).sum())
    assert 0 < wrong < 355
    assert len(run.summary["test_examples"]["wrong"]) == wrong
    assert pictures(run).keys() == {"test_right", "test_wrong"}


def test_a_run_of_no_numbers(wandb_server: WandbServer, digits: Dataset):
    """Diverged before its first epoch was over: empty parts, and no model."""
    nothing = {
        split: Evaluation(
            float("nan"),
            0.1,
            np.full((len(getattr(digits, split)), 10), np.nan, np.float32),
            getattr(digits, split).labels.numpy(),
            np.zeros(len(getattr(digits, split)), np.int64),
        )
        for split in ("val", "test")
    }
    config = RunConfig(**TINY, figures="full", save_model=True, num_layers=1)
    weights = {
        "hidden.0.weights.weight": np.full((8, 64), np.nan, np.float32),
        "hidden.0.weights.bias": np.full(8, np.nan, np.float32),
        "output.weight": np.full((10, 8), np.nan, np.float32),
        "output.bias": np.full(10, np.nan, np.float32),
    }
    result = RunResult(config, DIVERGED, (), 0, 610, nothing["val"], nothing["test"], weights)
    tracked = open_run(config, mode="online")
    metrics = EpochMetrics(1, float("nan"), 0.1, float("nan"), 0.1, 1e3, 1.0)
    tracked.log(metrics, conclude(result, digits))
    tracked.finish()
    [run] = wandb_server.runs.values()
    assert (run.state, run.summary["status"]) == ("finished", "diverged")
    assert pictures(run) == {}
    assert run.summary["test_auc"] == [None] * 10
    assert run.summary["test_roc"] == [{"fpr": [], "tpr": []}] * 10
    assert np.sum(run.summary["test_confusion"]) == 0
    assert table(run, "test_roc_curve_table")["data"] == []
    assert {row[2] for row in table(run, "per_class")["data"]} == {None}
    assert tracked.model is None
    assert {artifact.type for artifact in run.artifacts} == {"run_table"}


def test_the_plot_is_what_wandb_makes_of_the_samples():
    pytest.importorskip("pandas", reason="wandb.plot.roc_curve needs pandas")
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(12) % 3)
    probabilities = rng.dirichlet(np.ones(3), 12).astype(np.float32)
    evaluation = Evaluation(0.0, 0.0, probabilities, labels, probabilities.argmax(1))
    ours = roc_plot(analyse(evaluation), ["a", "b", "c"], "Test")
    theirs = wandb.plot.roc_curve(labels, probabilities, labels=["a", "b", "c"])
    assert ours.table.columns == theirs.table.columns
    assert ours.spec.spec_name == theirs.spec.spec_name
    assert ours.spec.fields == theirs.spec.fields
    assert ours.spec.string_fields.keys() == theirs.spec.string_fields.keys()
    every = {(row[0], round(row[1], 3), round(row[2], 3)) for row in ours.table.data}
    assert {tuple(row) for row in theirs.table.data} <= every


def test_a_table_is_written_as_wandb_writes_it(tmp_path: Path):
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(12) % 3)
    probabilities = rng.dirichlet(np.ones(3), 12).astype(np.float32)
    evaluation = Evaluation(0.0, 0.0, probabilities, labels, probabilities.argmax(1))
    analysis = analyse(evaluation)
    ours = [
        per_class_table({"val": analysis}, ["a", "b", "c"]),
        roc_plot(analysis, ["a", "b", "c"], "Test").table,
        confusion_plot(analysis.confusion, ["a", "b", "c"], "Test").table,
    ]
    for table_ in ours:
        theirs = wandb.Table(columns=table_.columns, data=table_.data)
        theirs._column_types = table_._column_types
        written = []
        for each in (table_, theirs):
            artifact = wandb.Artifact("tables", type="run_table")
            artifact.add(each, "table")
            [entry] = artifact.manifest.entries.values()
            assert entry.local_path is not None
            written.append(json.loads(Path(entry.local_path).read_text()))
        assert written[0] == written[1]
        assert written[0]["data"] == table_.data
        assert len(table_.data) == written[0]["nrows"] > 1
