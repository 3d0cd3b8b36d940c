"""Reading a study beside its owner: which one, how much of it, in which times."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from dlsweep import ConfigError
from dlsweep.sweep.file import Metric
from dlsweep.sweep.study import (
    Row,
    Study,
    StudyTable,
    _contents,
    _reading,
    list_studies,
    read_study,
    resume_study,
    stop_study,
    study_names,
)
from tests.conftest import REPOSITORY
from tests.sweep.helpers import history, sweep, train

SPACE = {"learning_rate": {"min": 0.0, "max": 1.0}}


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return str(tmp_path / "study.db")


def test_one_study_is_read_and_no_other(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for epochs in (1, 2, 3):
        with Study.open(sweep({**SPACE, "epochs": {"value": epochs}}), storage) as study:
            train(study, epochs)
    read = []
    row_of = _reading.row_of

    def counted(run: sqlite3.Row, *arguments: object, **named: object) -> Row:
        read.append(run["study"])
        return row_of(run, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(_reading, "row_of", counted)
    assert len(read_study(storage).rows) == 3
    assert read == [3] * 3
    assert len(read_study(storage, study_names(storage)[1]).rows) == 2
    assert read[3:] == [2] * 2
    assert len(study_names(storage)) == 3
    assert len(read) == 5
    assert [len(table.rows) for table in list_studies(storage)] == [1, 2, 3]


def test_the_last_epochs_of_ten_thousand_runs(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of the runs, but of their epochs only the last of each."""
    with Study.open(sweep(SPACE), storage) as study:
        for run in study.take(10_000):
            if run.number % 100 == 0:
                study.finish(run, "finished", history(0.1, 0.2, run.config.learning_rate))
    parsed = []
    from_json = _reading.from_json
    monkeypatch.setattr(
        _reading, "from_json", lambda text, what: parsed.append(what) or from_json(text, what)
    )
    table = read_study(storage, epochs="last")
    assert table.counts() == {"waiting": 9900, "finished": 100}
    assert sum(what.startswith("an epoch") for what in parsed) == 100
    for row in table.ranked():
        assert row.history == [{"epoch": 3, "val_accuracy": row.value}]
    assert all(row.history == [] for row in read_study(storage, epochs="none").rows)
    assert read_study(storage).rows[100].history[:2] == history(0.1, 0.2)
    best = table.best
    assert best is not None
    assert best.value == max(row.value for row in table.rows if row.value is not None)


def test_epochs_are_seen_while_they_are_trained(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_contents, "_WRITE_SECONDS", 0.0)
    with Study.open(sweep(SPACE), storage) as study:
        one, other = study.take(2)
        study.epoch(one, 1, {"epoch": 1, "val_accuracy": 0.5, "train_loss": 2.0})
        study.epoch(other, 1, {"epoch": 1, "val_accuracy": 0.25, "train_loss": 1.0})
        study.epoch(one, 2, {"epoch": 2, "val_accuracy": 0.75, "train_loss": 1.0})
        first, second = read_study(storage).rows
        assert [epoch["val_accuracy"] for epoch in first.history] == [0.5, 0.75]
        assert second.history == [{"epoch": 1, "val_accuracy": 0.25, "train_loss": 1.0}]
        assert (first.status, first.value) == ("running", None)
        [last, _] = read_study(storage, epochs="last").rows
        assert [epoch["epoch"] for epoch in last.history] == [2]


PRINT_TIMES = """
import sys
from dlsweep.sweep.study import read_study
row = read_study(sys.argv[1]).rows[0]
print(row.started.isoformat(), row.finished.isoformat())
"""


@pytest.mark.process
def test_times_are_in_utc_wherever_they_are_read(storage: str) -> None:
    before = datetime.now(timezone.utc)
    with Study.open(sweep(SPACE), storage) as study:
        train(study, 1)
    after = datetime.now(timezone.utc)
    found = set()
    for zone in ("UTC", "Asia/Kolkata", "America/St_Johns"):
        printed = subprocess.run(
            [sys.executable, "-c", PRINT_TIMES, storage],
            env={**os.environ, "TZ": zone},
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        found.add(printed)
        started, finished = map(datetime.fromisoformat, printed.split())
        assert started.utcoffset() == timedelta(0)
        assert before <= started <= finished <= after
    assert len(found) == 1


def test_a_study_is_stopped_and_resumed(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_contents, "_STOP_SECONDS", 0.0)
    with Study.open(sweep(SPACE), storage) as study:
        study.take(2)
        assert not study.stop_asked()
        told = stop_study(storage)
        assert told.counts() == {"running": 2}
        assert not told.stopped
        assert study.stop_asked()
        assert read_study(storage).stopped
    hint = f"`dlsweep resume {study.name} --storage {storage}` lets it go on"
    with pytest.raises(ConfigError, match=f"was stopped with `dlsweep stop`; {hint}"):
        Study.open(sweep(SPACE), storage)
    assert resume_study(storage, "toy").stopped
    with Study.open(sweep(SPACE), storage) as study:
        assert not study.stop_asked()


def test_a_table_ranks_its_rows() -> None:
    rows = tuple(
        Row(i, f"id{i}", f"run-{i}", status, {}, value=value)
        for i, (status, value) in enumerate(
            [("running", None), ("finished", 0.5), ("stopped", 0.2), ("finished", 0.5)]
        )
    )
    table = StudyTable("toy", Metric("val_loss", "minimize"), rows)
    assert [row.number for row in table.ordered()] == [2, 1, 3, 0]
    assert [row.number for row in table.ranked()] == [2, 1, 3]
    assert table.counts() == {"running": 1, "finished": 2, "stopped": 1}
    assert table.best == rows[2]


@pytest.mark.process
def test_reading_imports_neither_torch_nor_optuna_nor_wandb() -> None:
    program = "import sys; from dlsweep.sweep.study import read_study; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    loaded = set(done.stdout.split())
    assert "dlsweep.sweep.study._reading" in loaded
    assert not loaded & {"torch", "optuna", "sqlalchemy", "wandb"}
