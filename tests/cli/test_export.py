"""`dlsweep export`: a study as a file."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dlsweep.cli import main
from dlsweep.sweep import Study
from tests.sweep.helpers import history, sweep

SPACE = {
    "hidden_size": {"values": [[8, 4], 16]},
    "early_stopping": {"values": [None, 3]},
    "optimizer": {"values": ["sgd", "adam"]},
}


@pytest.fixture
def study(folder: Path) -> Path:
    with Study.open(sweep(SPACE, "grid")) as opened:
        runs = opened.take(4)
        for run in runs[:2]:
            summary = {"parameters": 7, "test_confusion": [[1, 2]]}
            opened.finish(run, "finished", history(0.1, run.number / 10), summary)
        opened.fail(runs[2], "no luck")
    return folder


def exported(*arguments: str) -> bytes:
    assert main(["export", *arguments]) == 0
    return Path(arguments[-1]).read_bytes()


def test_csv(study: Path, capsys: pytest.CaptureFixture[str]):
    content = exported("toy", "--output", "runs.csv")
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert [(r["number"], r["status"], r["val_accuracy"], r["reason"]) for r in rows] == [
        ("1", "finished", "0.1", ""),
        ("0", "finished", "0.0", ""),
        ("2", "failed", "", "no luck"),
        ("3", "waiting", "", ""),
    ]
    assert (rows[0]["hidden_size"], rows[0]["parameters"]) == ("[8, 4]", "7")
    assert "test_confusion" not in rows[0]  # a matrix is not a cell
    assert "runs.csv: 4 runs of study toy-" in capsys.readouterr().out
    assert main(["export"]) == 0
    out = capsys.readouterr().out
    assert out.replace("\r\n", "\n") == content.decode().replace("\r\n", "\n")
    assert sorted(path.name for path in study.iterdir()) == ["dlsweep.db", "runs.csv"]


def test_json(study: Path, capsys: pytest.CaptureFixture[str]):
    records = json.loads(exported("--output", "runs.json"))
    assert [record["number"] for record in records] == [1, 0, 2, 3]
    assert records[0]["history"] == history(0.1, 0.1)
    capsys.readouterr()
    assert main(["runs", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == records


def test_parquet(study: Path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="no pyarrow here")
    exported("--output", "runs.parquet")
    table = parquet.read_table("runs.parquet")
    rows = table.to_pylist()
    assert [row["number"] for row in rows] == [1, 0, 2, 3]
    assert [row["val_accuracy"] for row in rows] == [0.1, 0.0, None, None]
    assert {row["hidden_size"] for row in rows} <= {"[8, 4]", "16"}
    assert (rows[0]["parameters"], rows[2]["parameters"]) == (7, None)
    assert str(table.schema.field("learning_rate").type) == "double"


def test_optuna(study: Path):
    optuna = pytest.importorskip("optuna")
    exported("--format", "optuna", "--output", "runs.log")
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend("runs.log"))
    [name] = optuna.get_all_study_names(storage)
    trials = optuna.load_study(study_name=name, storage=storage).trials
    assert [trial.state.name for trial in trials] == ["COMPLETE", "COMPLETE", "FAIL", "WAITING"]
    assert [trial.value for trial in trials] == [0.0, 0.1, None, None]


def test_a_file_in_a_new_folder(study: Path):
    assert exported("--output", "new/er/runs.csv")
    assert [path.name for path in Path("new/er").iterdir()] == ["runs.csv"]


def test_a_file_that_cannot_be_replaced_stays(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def full(path: Path, *_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    Path("runs.csv").write_text("mine")
    monkeypatch.setattr(Path, "replace", full)
    monkeypatch.setattr(Path, "unlink", full)  # nor can what was written of it be removed
    assert main(["export", "--output", "runs.csv"]) == 1
    said = "error: --output: runs.csv cannot be written: No space left on device\n"
    assert capsys.readouterr().err == said
    assert Path("runs.csv").read_text() == "mine"


def test_parquet_needs_its_library(
    study: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., list[str]]
):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    line = "--format: parquet needs pyarrow; pip install 'dlsweep[parquet]'"
    assert refused(main, "export", "--output", "runs.parquet") == [line]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            "--output runs.xls",
            "--output: got runs.xls, not a known ending; give --format",
        ),
        ("--output . --format csv", "--output: . is a folder; name a file in it, such as ./runs"),
        ("--output= --format csv", "--output: got nothing; name a file"),
        ("--output dlsweep.db/runs.csv", "--output: {folder}/dlsweep.db is a file, so there can"),
        ("--output /proc/runs.csv", "--output: /proc/runs.csv cannot be written: "),
        ("--format parquet", "--format: parquet is written to a file; give --output FILE"),
        ("--format optuna", "--format: optuna is written to a file; give --output FILE"),
        ("toi", "study: got 'toi', no such study; did you mean 'toy'?"),
        ("--format cvs", "argument --format: got 'cvs'; did you mean 'csv'?"),
        ("--watch", "--watch: no such flag"),
    ],
)
def test_bad_input(study: Path, arguments: str, line: str, capsys: pytest.CaptureFixture[str]):
    before = sorted(study.iterdir())
    unwritable = "cannot be written" in line or "there can" in line
    assert main(["export", *arguments.split()]) == (1 if unwritable else 2)
    assert capsys.readouterr().err.startswith(f"error: {line.format(folder=study)}")
    assert sorted(study.iterdir()) == before


def test_watching_shows_a_table(study: Path, refused: Callable[..., list[str]]):
    assert refused(main, "runs", "--watch", "--format", "csv") == [
        "--watch: shows the table; --format csv does not go with it"
    ]
