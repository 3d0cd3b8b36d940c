"""`dlsweep sweep` and the files that it reads and writes: studies, old ones, mirrors."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from dlsweep.cli import main
from dlsweep.cli._progress import LiveProgress
from dlsweep.sweep import Row, list_studies, read_study
from tests.cli.conftest import dlsweep

Refused = Callable[..., list[str]]

SWEEP = """
name: toy
method: random
metric: {name: val_accuracy, goal: maximize}
parameters:
  dataset: {value: digits}
  epochs: {value: 1}
  figures: {value: none}
  hidden_size: {value: 8}
  learning_rate: {values: [0.01, 0.001]}
  optimizer: {values: [adam, sgd]}
"""
TRAIN = ("sweep", "s.yaml", "--workers", "1")
WHAT = "dlsweep: training dlsweep's built-in networks, many at a time"


@pytest.fixture(autouse=True)
def _sweep_file(folder: Path) -> None:
    (folder / "s.yaml").write_text(SWEEP)


# Studies


def test_an_old_study_file_is_refused_and_stays_as_it_is(refused: Refused):
    storage = RDBStorage("sqlite:///dlsweep.db")
    optuna.create_study(storage=storage, study_name="toy-80b9d5bc")
    storage.engine.dispose()
    before = Path("dlsweep.db").read_bytes()
    [line] = refused(main, *TRAIN)
    assert line == (
        "storage: dlsweep.db cannot be opened: it holds Optuna's tables, the format of dlsweep "
        "0.1, which still reads it; rename it to keep it, or name another file with --storage"
    )
    assert Path("dlsweep.db").read_bytes() == before


def test_of_a_changed_sweep_file_it_is_said_what_differs(capsys: pytest.CaptureFixture[str]):
    assert main([*TRAIN, "--count", "1"]) == 0
    [first] = list_studies()
    Path("s.yaml").write_text(SWEEP.replace("0.001]", "0.002]"))
    capsys.readouterr()
    assert main([*TRAIN, "--count", "1"]) == 0
    second = read_study()
    what, notice, run = capsys.readouterr().err.splitlines()
    assert what == WHAT
    assert notice == (
        "dlsweep: sweep: learning_rate was {values: [0.01, 0.001]}, is {values: [0.01, 0.002]} "
        f"(compared with study {first.name}), so a new study begins, {second.name}; "
        f"`--continue-from {first.name}` takes over its finished runs that still fit"
    )
    assert run.startswith("1/1 ")
    assert main([*TRAIN, "--count", "1"]) == 0
    assert capsys.readouterr().err == f"{WHAT}\n"  # it is known now


def test_a_changed_sweep_continues_from_the_runs_of_another(
    capsys: pytest.CaptureFixture[str], refused: Refused
):
    assert main(list(TRAIN)) == 0
    [old] = list_studies()
    assert len(old.rows) == 4
    Path("s.yaml").write_text(SWEEP.replace("0.001]", "0.002]"))
    capsys.readouterr()
    [line] = refused(main, *TRAIN, "--continue-from", "toi")
    assert line == "--continue-from: got 'toi', no such study; did you mean 'toy'?"
    assert main([*TRAIN, "--continue-from", "toy"]) == 0
    new = read_study()
    notices, runs = capsys.readouterr().err.splitlines()[:3], new.rows
    assert notices[2] == (
        f"dlsweep: continue-from: 2 runs of study {old.name} were taken over, 2 do not belong to "
        "the new space"
    )
    assert len(runs) == 4
    taken = [run for run in old.rows if run.config["learning_rate"] == 0.01]
    found = {run.run_id: run for run in runs}
    for run in taken:
        assert found[run.run_id].value == run.value
        assert found[run.run_id].config == run.config
    assert main([*TRAIN, "--continue-from", "toy"]) == 0  # once more changes nothing
    assert read_study().rows == runs


# Optuna's files


def trials(file: str) -> list[float | None]:
    """The values of the trials in a file of Optuna's; it must hold one study."""
    storage = JournalStorage(JournalFileBackend(file))
    [name] = optuna.get_all_study_names(storage)
    return [trial.value for trial in optuna.load_study(study_name=name, storage=storage).trials]


def test_a_mirror_is_up_to_date_while_the_sweep_runs(monkeypatch: pytest.MonkeyPatch):
    mirrored: list[list[float | None]] = []
    real = LiveProgress.ended

    def ended(progress: LiveProgress, row: Row) -> None:
        real(progress, row)
        mirrored.append(trials("optuna.log"))

    assert main([*TRAIN, "--count", "2"]) == 0  # without it
    monkeypatch.setattr(LiveProgress, "ended", ended)
    assert main([*TRAIN, "--mirror", "optuna.log"]) == 0
    rows = read_study().rows
    assert [len(values) for values in mirrored] == [3, 4]
    assert sorted(trials("optuna.log")) == sorted(row.value for row in rows)
    assert main([*TRAIN, "--mirror", "a/new/optuna.log"]) == 0
    assert len(trials("a/new/optuna.log")) == 4


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (".", "--mirror: . is a folder; name a file in it, such as ./optuna.log"),
        ("", "--mirror: got nothing; name a file"),
        ("s.yaml/a.log", "--mirror: {folder}/s.yaml is a file, so there can be no s.yaml/a.log"),
    ],
)
def test_a_mirror_that_cannot_be_written(file: str, line: str, refused: Refused, folder: Path):
    code = 1 if "/" in file else 2  # a file where a folder must be
    assert refused(main, *TRAIN, "--mirror", file, code=code) == [line.format(folder=folder)]


def test_a_mirror_never_touches_another_file(capsys: pytest.CaptureFixture[str]):
    assert main([*TRAIN, "--mirror", "s.yaml"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"error: --mirror: s.yaml cannot be used: .*; name a new file", line)
    assert Path("s.yaml").read_text() == SWEEP
    assert read_study().rows == ()


def test_an_export_for_optuna(capsys: pytest.CaptureFixture[str]):
    assert main(list(TRAIN)) == 0
    capsys.readouterr()
    assert main(["export", "toy", "--format", "optuna", "--output", "f.db"]) == 0
    study = read_study()
    assert capsys.readouterr().out == f"f.db: 4 runs of study {study.name}\n"
    assert trials("f.db") == [row.value for row in study.rows]


# Workers


def test_a_cluster_that_is_not_there_leaves_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    pytest.importorskip("ray", reason="no ray here")
    assert main([*TRAIN, "--cluster", "localhost:1"]) == 1
    said = "error: there is no Ray cluster at localhost:1: Connection refused\n"
    assert capsys.readouterr().err == said
    assert [path.name for path in folder.iterdir()] == ["s.yaml"]


def test_a_worker_that_cannot_start_is_one_line_and_takes_no_run(folder: Path):
    # Workers have the driver's path, and find torch where the driver's program has put another.
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "if any('execution._worker' in argument for argument in sys.orig_argv):\n"
        "    sys.modules['torch'] = None\n"
    )
    done = dlsweep("sweep", "s.yaml", "--workers", "2", cwd=folder, PYTHONPATH=str(folder))
    assert done.returncode == 1
    assert done.stdout == ""
    what, line = done.stderr.splitlines()
    assert what == WHAT
    assert line.startswith("error: a worker cannot start: its process ended with exit code 1: ")
    assert line.endswith("import of torch halted; None in sys.modules")
    assert read_study().rows == ()
