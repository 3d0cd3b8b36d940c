"""The study: what is kept, what is handed out again, who may open it, who may read it."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from dlsweep import ConfigError, RunConfig
from dlsweep.sweep.file import load_sweep, parse_sweep
from dlsweep.sweep.study import (
    PlannedStack,
    Run,
    Study,
    _contents,
    list_studies,
    read_study,
    study_names,
)
from tests.sweep.helpers import history, sweep, train

REPOSITORY = Path(__file__).resolve().parents[3]
SPACE = {
    "learning_rate": {"min": 0.0, "max": 1.0},
    "hidden_size": {"values": [[64, 32], 128]},
    "dropout": {"distribution": "beta", "a": 2, "b": 5},
    "early_stopping": {"values": [None, 3]},
    "batch_norm": {"values": [True, False]},
    "batch_size": {"distribution": "q_uniform", "min": 16, "max": 64, "q": 16},
    "epochs": {"min": 2, "max": 9},
}


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return str(tmp_path / "study.db")


def test_a_point(storage: str) -> None:
    with Study.open(sweep(SPACE), storage) as study:
        runs = study.take(20)
    assert [p.number for p in runs] == list(range(20))
    assert len({p.run_id for p in runs}) == 20
    for run in runs:
        assert len(run.run_id) == 8
        assert run.run_id.isalnum()
        assert run.run_id.islower() or run.run_id.isdigit()
        assert run.attempt == 1
        assert run.name.endswith(f"-{run.number}")
    sizes = {p.config.hidden_size: p.name.partition("-hs")[2] for p in runs}
    assert {size: name[:3] for size, name in sizes.items()} == {(64, 32): "64-", 128: "128"}


def test_rows_are_what_was_stored(storage: str) -> None:
    epochs = [
        {"epoch": 1, "val_accuracy": np.float32(0.5), "train_loss": math.inf},
        {"epoch": 2, "val_accuracy": np.float64(0.75), "train_loss": np.float32(0.25)},
    ]
    with Study.open(sweep(SPACE), storage) as study:
        runs = study.take(5)
        study.finish(runs[0], "finished", epochs, {"parameters": 7}, {"dir": "offline-run-1"})
        study.finish(runs[1], "early_stopped", history(0.9, 0.6))
        study.finish(runs[2], "diverged", history(0.1, math.inf))
        row = study.fail(runs[3], "out of memory")
        assert (row.status, row.reason, row.value) == ("failed", "out of memory", None)
        live = study.table()
        read = read_study(storage)
    assert read == live
    assert [r.status for r in read.rows] == [
        "finished",
        "early_stopped",
        "diverged",
        "failed",
        "running",
    ]
    first = read.rows[0]
    assert first.history[0] == {"epoch": 1, "val_accuracy": 0.5, "train_loss": math.inf}
    assert (first.value, first.summary, first.info) == (
        0.75,
        {"parameters": 7},
        {"dir": "offline-run-1"},
    )
    assert first.started is not None
    assert first.finished is not None
    assert first.started <= first.finished
    assert read.rows[4].finished is None
    for run, row in zip(runs, read.rows, strict=True):
        assert RunConfig(**row.config) == run.config
        assert (row.run_id, row.name) == (run.run_id, run.name)
    # The last value decides, as in W&B, not the best one.
    assert [row.value for row in read.ranked()] == [0.75, 0.6]
    assert read.best == first
    assert read.counts() == {
        "running": 1,
        "finished": 1,
        "early_stopped": 1,
        "diverged": 1,
        "failed": 1,
    }


def test_a_metric_of_the_summary(storage: str) -> None:
    given = sweep(SPACE, metric={"name": "best_val_accuracy", "goal": "maximize"})
    with Study.open(given, storage) as study:
        one, other = study.take(2)
        assert study.finish(one, "finished", history(0.5), {"best_val_accuracy": 0.5}).value == 0.5
        row = study.finish(other, "finished", history(0.5))
        assert (row.status, row.value) == ("finished", None)


def test_an_end_is_told_once(storage: str) -> None:
    with Study.open(sweep(SPACE), storage) as study:
        (run,) = study.take(1)
        with pytest.raises(ValueError, match="choose from finished, early_stopped, stopped"):
            study.finish(run, "crashed")
        study.finish(run, "finished", history(0.5))
        with pytest.raises(ValueError, match="has ended before"):
            study.fail(run, "late")
        assert study.rows()[0].status == "finished"


def open_runs(study: Study) -> list[Run]:
    """Take up what is left over."""
    return [run for _, runs in study.left_over() for run in runs]


def test_the_same_command_goes_on(storage: str) -> None:
    given = sweep(SPACE, run_cap=10)
    with Study.open(given, storage) as study:
        first = train(study, 4)
        lost = study.take(2)
        name = study.name
    assert read_study(storage).counts() == {"waiting": 2, "finished": 4}
    with Study.open(given, storage) as study:
        assert (study.name, study.taken, study.notices) == (name, 6, ())
        assert study.table().counts() == {"waiting": 2, "finished": 4}
        again = open_runs(study)
        assert [(r.number, r.config, r.run_id, r.name, r.attempt) for r in again] == [
            (r.number, r.config, r.run_id, r.name, 2) for r in lost
        ]
        assert study.left_over() == []
        assert study.table().counts() == {"running": 2, "finished": 4}
        study.finish(again[1], "finished", history(0.5))
    with Study.open(given, storage) as study:
        more = study.take(100)  # without what is left over
        left = open_runs(study)
        assert [(r.number, r.attempt) for r in left] == [(4, 3)]
        assert [r.number for r in more] == [6, 7, 8, 9]
        assert study.taken == 10
        assert study.exhausted
        configs = {r.config for r in [*first, *again, *more]}
        assert len(configs) == 10
        assert study.take(1) == []


def test_stacks_are_formed_again(storage: str) -> None:
    with Study.open(sweep(SPACE), storage) as study:
        runs = study.take(6)
        one, other = study.plan([runs[:3], runs[3:5]])
        assert (one.members, one.begun) == ((0, 1, 2), False)
        begun = study.begin(one)
        assert begun == PlannedStack(one.id, (0, 1, 2), begun=True)
        assert study.checkpoint(one) != study.checkpoint(other)
        study.finish(runs[1], "finished", history(0.5, 0.6))
        study.finish(runs[5], "finished", history(0.5))
        runs[2].deaths += 2
        study.store_deaths([runs[2]])
        lone = study.take(1)
    with Study.open(sweep(SPACE), storage) as study:
        left = study.left_over()
        # A member that has ended is still one: its place in the stack is needed.
        assert [(stack, [r.number for r in runs]) for stack, runs in left] == [
            (begun, [0, 2]),
            (other, [3, 4]),
            (None, [lone[0].number]),
        ]
        assert [r.deaths for r in left[0][1]] == [0, 2]
        assert study.config(1) == runs[1].config
        [split] = study.plan([left[0][1]])
        assert split.id > other.id
    with Study.open(sweep(SPACE), storage) as study:
        assert [stack for stack, _ in study.left_over()] == [other, split, None]


def test_checkpoints_lie_beside_the_file(storage: str, tmp_path: Path) -> None:
    with Study.open(sweep(SPACE), storage) as study:
        study.clear_checkpoints()
        stacks = study.plan([[run] for run in study.take(3)])
        for stack in stacks:
            study.checkpoint(stack).parent.mkdir(parents=True, exist_ok=True)
            study.checkpoint(stack).touch()
        part = study.checkpoints / f"{stacks[0].id}.safetensors.part"
        part.touch()
        assert study.checkpoints == tmp_path / "study.db.checkpoints" / study.name
        study.clear_checkpoints(keep=stacks[:1])
        assert list(study.checkpoints.iterdir()) == [study.checkpoint(stacks[0])]
        study.clear_checkpoints()
    assert [path.name for path in tmp_path.iterdir()] == ["study.db"]


def test_models_of_the_runs(storage: str) -> None:
    space = {
        "seed": {"min": 0, "max": 9},
        "hidden_size": {"values": [8, 16]},
        "dropout": {"values": [0.0, 0.1, 0.2]},
    }
    with Study.open(sweep(space), storage) as study:
        study.take(60)
        found = {(c.hidden_size, c.dropout > 0) for c in study.configs()}
        assert len(found) == len(study.configs()) == 4


def test_curves_are_of_all_runs(storage: str) -> None:
    with Study.open(sweep(SPACE), storage) as study:
        runs = study.take(4)
        study.finish(runs[0], "finished", history(0.1, 0.2))
        study.finish(runs[1], "diverged", history(0.3, math.nan))
        study.epoch(runs[2], 1, history(0.4)[0])
        assert study.curves() == {0: [0.1, 0.2], 1: [0.3, None], 2: [0.4]}


def test_folders_of_other_runs(storage: str) -> None:
    with Study.open(sweep(SPACE), storage) as study:
        assert study.folders == ()
        study.keep_folders([Path("wandb/offline-run-1")])
        assert study.folders == ("wandb/offline-run-1",)
        assert study.table() == read_study(storage)


def test_a_higher_cap_continues_and_an_edited_space_begins(storage: str) -> None:
    with Study.open(sweep(SPACE, run_cap=3), storage) as study:
        assert len(train(study, 10)) == 3
    with Study.open(sweep(SPACE, run_cap=5, name="renamed"), storage) as study:
        assert study.taken == 3
        assert len(train(study, 10)) == 2
    with Study.open(sweep(SPACE | {"seed": {"value": 1}}, run_cap=3), storage) as study:
        assert study.taken == 0
    first, second = list_studies(storage)
    assert study_names(storage) == [first.name, second.name]
    assert (len(first.rows), len(second.rows)) == (5, 0)
    assert (first.sweep.name, first.sweep.run_cap) == ("renamed", 5)
    assert first.name == f"toy-{first.sweep.fingerprint}"
    assert read_study(storage) == second
    assert read_study(storage, "renamed") == first
    assert read_study(storage, first.name) == first
    with pytest.raises(ConfigError, match="study: got 'to', no such study"):
        read_study(storage, "to")


def test_the_target_ends_the_sweep(storage: str) -> None:
    metric = {"name": "val_accuracy", "goal": "maximize", "target": 0.8}
    with Study.open(sweep(SPACE, metric=metric), storage) as study:
        runs = study.take(2)
        study.finish(runs[0], "finished", history(0.7))
        assert len(study.take(1)) == 1
        study.finish(runs[1], "finished", history(0.8))
        assert study.take(1) == []


def test_the_sweep_is_read_back_without_its_file(storage: str) -> None:
    given = load_sweep(REPOSITORY / "sweep.yaml")
    with Study.open(given, storage):
        pass
    (found,) = list_studies(storage)
    assert found.name == "fashion-mnist-0c352b99"
    assert found.sweep.as_dict() == given.as_dict()
    assert found.rows == ()
    assert found.best is None


OWNER = """
import sys, time
from dlsweep.sweep.study import Study
from tests.sweep.helpers import sweep
with Study.open(sweep({"epochs": {"min": 1, "max": 9}}), sys.argv[1]) as study:
    print(*(run.run_id for run in study.take(3)), flush=True)
    time.sleep(60)
"""


@pytest.mark.process
def test_one_process_owns_a_study(storage: str) -> None:
    """A second process is refused while the first lives, and takes over once it is killed."""
    given = sweep({"epochs": {"min": 1, "max": 9}})
    command = [sys.executable, "-c", textwrap.dedent(OWNER), storage]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        run_ids = owner.stdout.readline().split()
        assert len(run_ids) == 3
        with pytest.raises(ConfigError, match="another process is running toy-"):
            Study.open(given, storage)
        assert read_study(storage).counts() == {"running": 3}
        owner.kill()
    assert read_study(storage).counts() == {"waiting": 3}
    with Study.open(given, storage) as study:
        assert [run.run_id for run in open_runs(study)] == run_ids


def test_two_sweeps_share_a_file(storage: str) -> None:
    with (
        Study.open(sweep(SPACE), storage) as one,
        Study.open(sweep(SPACE, "bayes"), storage) as other,
    ):
        numbers = [p.number for s in (one, other, one, other) for p in s.take(2)]
    assert numbers == [0, 1, 0, 1, 2, 3, 2, 3]


def test_nothing_is_left_but_the_database(tmp_path: Path) -> None:
    with Study.open(sweep(SPACE), str(tmp_path / "study.db")) as study:
        train(study, 2)
    assert [p.name for p in tmp_path.iterdir()] == ["study.db"]


def test_the_default_is_a_file_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Study.open(sweep(SPACE)) as study:
        train(study, 1)
    assert (tmp_path / "dlsweep.db").exists()
    assert len(read_study().rows) == 1


def test_reading_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="storage: no such file"):
        list_studies(str(tmp_path / "none.db"))
    assert list(tmp_path.iterdir()) == []


def test_a_bad_sweep_creates_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError):
        Study.open(parse_sweep({"method": "random", "parameters": {"epochs": {"values": [0]}}}))
    assert list(tmp_path.iterdir()) == []


def test_a_stored_run_that_is_no_longer_valid_fails(tmp_path: Path) -> None:
    given = sweep({"epochs": {"min": 1, "max": 9}})
    path = tmp_path / "s.db"
    with Study.open(given, str(path)) as study:
        study.take(1)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE runs SET config = replace(config, 'adam', 'gone')")
    connection.close()
    with Study.open(given, str(path)) as study:
        assert study.left_over() == []
        assert study.rows()[0].reason.startswith("its configuration is not valid")


@pytest.mark.parametrize("written_between", [False, True])
def test_epochs_of_a_run_that_starts_anew_replace_those_before(
    storage: str, monkeypatch: pytest.MonkeyPatch, written_between: bool
) -> None:
    monkeypatch.setattr(_contents, "_WRITE_SECONDS", 0.0 if written_between else 1e9)
    with Study.open(sweep(SPACE), storage) as study:
        (run,) = study.take(1)
        # Its process dies after two epochs; the next one has trained one.
        for epoch, accuracy in ((1, 0.1), (2, 0.2), (1, 0.3)):
            study.epoch(run, epoch, {"epoch": epoch, "val_accuracy": accuracy})
        assert study.rows()[0].history == history(0.3)
        assert read_study(storage).rows[0].history == history(0.3)


def test_runs_beside_the_search_have_a_role_and_do_not_count(tmp_path: Path):
    made = sweep({"learning_rate": {"min": 0.0, "max": 1.0}}, run_cap=2)
    with Study.open(made, str(tmp_path / "a.db")) as study:
        [one] = train(study, 1)
        config = dataclasses.replace(one.config, seed=1)
        [repeat] = study.add_runs([config], "confirmation", [one.number])
        [own] = study.add_runs([dataclasses.replace(one.config, epochs=3)], "extra")
        study.finish(own, "finished", history(0.99))
        assert (study.taken, study.exhausted) == (1, False)
    with Study.open(made, str(tmp_path / "a.db")) as study:  # as after a kill
        [(_, [again])] = study.left_over()
        assert (again.role, again.repeat_of, again.attempt) == ("confirmation", one.number, 2)
        assert again.run_id == repeat.run_id
        assert again.config == config
        study.finish(again, "finished", history(0.4))
        assert len(train(study, 5)) == 1
        rows = study.rows()
    assert [(row.role, row.point) for row in rows] == [
        ("search", 0),
        ("confirmation", 0),
        ("extra", 2),
        ("search", 3),
    ]


def test_a_file_of_the_earlier_format_is_read_and_goes_on(tmp_path: Path):
    made, file = sweep({"learning_rate": {"min": 0.0, "max": 1.0}}), tmp_path / "a.db"
    with Study.open(made, str(file)) as study:
        train(study, 2)
    with contextlib.closing(sqlite3.connect(file)) as connection:
        for column in ("role", "repeat_of"):
            connection.execute(f"ALTER TABLE runs DROP COLUMN {column}")
        connection.execute("PRAGMA user_version=1")
    before = read_study(str(file)).rows
    assert [row.role for row in before] == ["search", "search"]
    with Study.open(made, str(file)) as study:
        train(study, 1)
        assert study.rows()[:2] == list(before)
    assert read_study(str(file)).rows[2].role == "search"
