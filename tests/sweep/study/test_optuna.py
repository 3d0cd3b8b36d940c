"""A study as Optuna's tools have it: Optuna itself and optuna-dashboard, the real program."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from dlsweep import ConfigError
from dlsweep.sweep.study import OptunaMirror, Study, StudyTable, export_optuna, read_study
from tests.conftest import REPOSITORY
from tests.sweep.helpers import history, sweep, train

SPACE = {
    "learning_rate": {"min": 0.001, "max": 1.0, "distribution": "log_uniform_values"},
    "hidden_size": {"values": [[64, 32], 128]},
    "dropout": {"distribution": "beta", "a": 2, "b": 5},
    "early_stopping": {"values": [None, 3]},
    "batch_size": {"distribution": "q_uniform", "min": 16, "max": 64, "q": 16},
    "epochs": {"min": 2, "max": 9},
}
PROGRAM = shutil.which("optuna-dashboard", path=str(Path(sys.executable).parent))


@pytest.fixture
def table(tmp_path: Path) -> StudyTable:
    """A study with a run of every status."""
    storage = str(tmp_path / "study.db")
    with Study.open(sweep(SPACE), storage) as study:
        study.take(1)
    with Study.open(sweep(SPACE), storage) as study:
        runs = study.take(6)
        study.finish(runs[0], "finished", history(0.5, 0.75), {"parameters": 7})
        study.finish(runs[1], "early_stopped", history(0.5, 0.25))
        study.finish(runs[2], "stopped", history(0.25))
        study.finish(runs[3], "diverged", history(float("nan")), {"test_loss": float("inf")})
        study.fail(runs[4], "no luck")
        return study.table()


READ = """
import json, sys
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
optuna.logging.set_verbosity(optuna.logging.ERROR)
storage = JournalStorage(JournalFileBackend(sys.argv[1]))
[name] = optuna.get_all_study_names(storage)
study = optuna.load_study(study_name=name, storage=storage)
seconds = lambda time: None if time is None else time.timestamp()  # as Optuna means it: local
fresh = optuna.create_study().ask()
print(json.dumps({
    "name": name,
    "direction": study.direction.name,
    "best": study.best_trial.number,
    "aware": fresh.datetime_start.tzinfo is not None,
    "trials": [
        {
            "state": t.state.name, "value": t.value, "params": t.params, "user": t.user_attrs,
            "steps": list(t.intermediate_values.values()),
            "aware": t.datetime_start.tzinfo is not None,
            "distributions": list(t.distributions),
            "started": seconds(t.datetime_start), "finished": seconds(t.datetime_complete),
        }
        for t in study.trials
    ],
}))
"""


@pytest.mark.process
@pytest.mark.parametrize(("written", "read"), [("UTC", "UTC"), ("Asia/Kolkata", "Asia/Kolkata"),
                                               ("Asia/Kolkata", "America/St_Johns")])  # fmt: skip
def test_optuna_reads_an_export(table: StudyTable, tmp_path: Path, written: str, read: str) -> None:
    export = "import sys; from dlsweep.cli import main; sys.exit(main(sys.argv[1:]))"
    words = ["export", "--storage", "study.db", "--format", "optuna", "--output", "out.log"]

    def python(program: str, zone: str, *arguments: str) -> str:
        environment = {**os.environ, "TZ": zone, "PYTHONPATH": str(REPOSITORY)}
        command = [sys.executable, "-W", "ignore", "-c", program, *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    assert "out.log: 7 runs of study toy-" in python(export, written, *words)
    found = json.loads(python(READ, read, "out.log"))
    assert (found["name"], found["direction"], found["best"]) == (table.name, "MAXIMIZE", 1)
    trials = found["trials"]
    states = ["WAITING", "COMPLETE", "COMPLETE", "PRUNED", "PRUNED", "FAIL", "WAITING"]
    assert [trial["state"] for trial in trials] == states  # nobody trains the last any more
    assert [trial["value"] for trial in trials] == [None, 0.75, 0.25, None, None, None, None]
    assert [trial["steps"] for trial in trials] == [
        [],
        [0.5, 0.75],
        [0.5, 0.25],
        [0.25],
        [],
        [],
        [],
    ]
    for trial, row in zip(trials, table.rows, strict=True):
        assert trial["params"] == row.coordinates
        assert trial["params"].keys() >= {"learning_rate", "dropout.quantile", "early_stopping"}
        assert trial["distributions"] == list(row.coordinates)
        assert (trial["user"]["run_id"], trial["user"]["config"]) == (row.run_id, row.config)
        assert trial["aware"] == found["aware"]
        times = [None if t is None else t.timestamp() for t in (row.started, row.finished)]
        assert [trial["started"], trial["finished"]] == pytest.approx(times, abs=1e-5)
    assert trials[1]["user"]["parameters"] == 7
    assert "test_loss" not in trials[4]["user"]  # infinity: no JSON
    assert trials[5]["user"]["reason"] == "no luck"


@pytest.mark.process
@pytest.mark.skipif(PROGRAM is None, reason="no optuna-dashboard here: pip install it")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_the_dashboard_shows_a_mirror_that_grows(tmp_path: Path, zone: str) -> None:
    environment = {**os.environ, "TZ": zone}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Study.open(sweep(SPACE), str(tmp_path / "study.db")) as study:
        runs = study.take(2)
        rows = [study.finish(runs[0], "finished", history(0.5, 0.75))]
        mirror = OptunaMirror(tmp_path / "mirror.log", study.table())
        assert PROGRAM is not None
        words = [PROGRAM, "mirror.log", "--host", "127.0.0.1", "--port", str(port)]
        program = subprocess.Popen(
            words,
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def get(path: str) -> Any:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            while True:
                try:
                    with opener.open(f"http://127.0.0.1:{port}/api/{path}", timeout=60) as answer:
                        return json.load(answer)
                except OSError:
                    assert program.poll() is None
                    time.sleep(0.2)

        try:
            [listed] = get("studies")["study_summaries"]
            first = get(f"studies/{listed['study_id']}")
            rows.append(study.finish(runs[1], "finished", history(0.25, 0.875)))
            mirror.add(rows[1])
            while len((shown := get(f"studies/{listed['study_id']}"))["trials"]) < 2:
                time.sleep(0.2)
        finally:
            program.terminate()
            program.wait()
    assert (listed["study_name"], shown["directions"]) == (study.name, ["maximize"])
    assert [trial["values"] for trial in first["trials"]] == [[0.75]]
    trials = shown["trials"]
    assert [trial["state"] for trial in trials] == ["Complete", "Complete"]
    assert [trial["number"] for trial in shown["best_trials"]] == [1]
    steps = [(v["step"], v["value"]) for v in trials[0]["intermediate_values"]]
    assert steps == [(1, 0.5), (2, 0.75)]
    for trial, row in zip(trials, rows, strict=True):
        assert {p["name"] for p in trial["params"]} == row.coordinates.keys()
        assert row.finished is not None
        # The dashboard gives times as Optuna has them, local to where it runs.
        told = datetime.fromisoformat(trial["datetime_complete"]).replace(tzinfo=timezone.utc)
        offset = 5.5 * 3600 if zone == "Asia/Kolkata" else 0
        assert told.timestamp() - offset == pytest.approx(row.finished.timestamp(), abs=1e-5)


def count(path: Path) -> int:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(path)))
    [name] = optuna.get_all_study_names(storage)
    return len(optuna.load_study(study_name=name, storage=storage).trials)


def test_a_mirror_goes_on_where_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    storage, path = str(tmp_path / "study.db"), tmp_path / "mirror.log"
    with Study.open(sweep(SPACE), storage) as study:
        train(study, 3)
        OptunaMirror(path, study.table())
        train(study, 2)  # by a command without a mirror
        study.take(1)
    with Study.open(sweep(SPACE), storage) as study:
        mirror = OptunaMirror(path, study.table())
        assert count(path) == 5
        [(_, [run])] = study.left_over()
        row = study.finish(run, "finished", history(0.5))
        mirror.add(row)
        mirror.add(row)
    assert count(path) == 6
    assert capsys.readouterr() == ("", "")  # Optuna says nothing of it


@pytest.mark.parametrize("kind", ["folder", "text", "study", "nowhere"])
def test_a_mirror_needs_a_file_of_its_own(table: StudyTable, tmp_path: Path, kind: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("notes of mine\nand more\n")
    shutil.copy(tmp_path / "study.db", tmp_path / "study")
    before = {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    path = tmp_path / ("no/such/file" if kind == "nowhere" else kind)
    with pytest.raises(ConfigError) as caught:
        OptunaMirror(path, table)
    [line] = caught.value.problems
    assert line.startswith(f"--mirror: {path} cannot be used: ")
    assert "\n" not in line
    assert {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before


def test_invalid_points_are_exported_as_failed(tmp_path: Path) -> None:
    space = {"hidden_size": {"values": [[64, 32], 128]}, "num_layers": {"values": [2, 3]}}
    with Study.open(sweep(space, "grid"), str(tmp_path / "study.db")) as study:
        train(study, 9)
    export_optuna(read_study(str(tmp_path / "study.db")), tmp_path / "out.log")
    assert count(tmp_path / "out.log") == 4
