"""The study: what is kept, what is handed out again, who may open it, who may read it."""

from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import optuna
import pytest

from dlsweep import ConfigError, RunConfig
from dlsweep.sweep import Study, list_studies, load_sweep, parse_sweep, read_study
from dlsweep.sweep._lock import on_network
from tests.sweep.helpers import history, sweep, train

REPOSITORY = Path(__file__).resolve().parents[2]
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
    return f"sqlite:///{tmp_path / 'study.db'}"


def test_a_point(storage: str) -> None:
    with Study.open(sweep(SPACE), storage) as study:
        points = study.ask(20)
    assert [p.number for p in points] == list(range(20))
    assert len({p.run_id for p in points}) == 20
    for point in points:
        assert len(point.run_id) == 8
        assert point.run_id.isalnum()
        assert point.run_id.islower() or point.run_id.isdigit()
        assert point.attempt == 1
        assert point.name.startswith("adam-relu-")
        assert point.name.endswith(f"-{point.number}")
    names = {p.config.hidden_size: p.name.removesuffix(f"-{p.number}") for p in points}
    assert names == {(64, 32): "adam-relu-64-32", 128: "adam-relu-3x128"}


def test_rows_are_what_was_stored(storage: str) -> None:
    epochs = [
        {"epoch": 1, "val_accuracy": np.float32(0.5), "train_loss": math.inf},
        {"epoch": 2, "val_accuracy": np.float64(0.75), "train_loss": np.float32(0.25)},
    ]
    with Study.open(sweep(SPACE), storage) as study:
        points = study.ask(5)
        study.finish(points[0], "finished", epochs, {"parameters": 7}, {"dir": "offline-run-1"})
        study.finish(points[1], "early_stopped", history(0.9, 0.6))
        study.finish(points[2], "diverged", history(0.1, math.inf))
        row = study.fail(points[3], "out of memory")
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
    for point, row in zip(points, read.rows, strict=True):
        assert RunConfig(**row.config) == point.config
        assert (row.run_id, row.name) == (point.run_id, point.name)
    # The last value decides, as in W&B, not the best one.
    assert [row.value for row in read.ranked()] == [0.75, 0.6]
    assert read.best() == first
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
        one, other = study.ask(2)
        assert study.finish(one, "finished", history(0.5), {"best_val_accuracy": 0.5}).value == 0.5
        row = study.finish(other, "finished", history(0.5))
        assert (row.status, row.value) == ("finished", None)


def test_an_end_is_told_once(storage: str) -> None:
    with Study.open(sweep(SPACE), storage) as study:
        (point,) = study.ask(1)
        with pytest.raises(ValueError, match="choose from finished, early_stopped, stopped"):
            study.finish(point, "crashed")
        study.finish(point, "finished", history(0.5))
        with pytest.raises(ValueError, match="has ended before"):
            study.fail(point, "late")
        assert study.rows()[0].status == "finished"


def test_optuna_reads_what_was_written(storage: str) -> None:
    """The rows are written to Optuna's tables directly: Optuna must find what it would write."""
    with Study.open(sweep(SPACE), storage) as study:
        points = study.ask(4)
        study.finish(points[0], "finished", history(0.5, 0.75), {"parameters": 7})
        study.finish(points[1], "diverged", history(math.nan))
        study.fail(points[2], "no memory")
        name = study.name
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    loaded = optuna.load_study(study_name=name, storage=storage)
    trials = loaded.get_trials()
    assert loaded.direction.name == "MAXIMIZE"
    assert [t.number for t in trials] == [0, 1, 2, 3]
    assert [t.state.name for t in trials] == ["COMPLETE", "PRUNED", "FAIL", "RUNNING"]
    assert loaded.best_value == 0.75
    assert trials[0].intermediate_values == {1: 0.5, 2: 0.75}
    for trial, point in zip(trials, points, strict=True):
        config = point.config
        sizes = "[64, 32]" if config.hidden_size == (64, 32) else 128
        quantile = trial.params.pop("dropout.quantile")
        assert 0 < quantile < 1
        assert trial.params == {
            "learning_rate": config.learning_rate,
            "hidden_size": sizes,
            "early_stopping": config.early_stopping,
            "batch_norm": config.batch_norm,
            "batch_size": config.batch_size,
            "epochs": config.epochs,
        }
        assert trial.user_attrs["run_id"] == point.run_id
        for parameter, value in trial.params.items():
            d = trial.distributions[parameter]
            assert d._contains(d.to_internal_repr(value))
    # Optuna itself can go on from here.
    trial = loaded.ask(trials[0].distributions)
    assert trial.number == 4
    loaded._storage.remove_session()


def test_the_same_command_goes_on(storage: str) -> None:
    given = sweep(SPACE, run_cap=10)
    with Study.open(given, storage) as study:
        first = train(study, 4)
        lost = study.ask(2)
        name = study.name
    with Study.open(given, storage) as study:
        assert study.name == name
        assert study.table().counts() == {"waiting": 2, "finished": 4}
        again = study.ask(1)
        assert [(p.number, p.config, p.run_id, p.attempt) for p in again] == [
            (p.number, p.config, p.run_id, 2) for p in lost[:1]
        ]
        assert study.table().counts() == {"waiting": 1, "running": 1, "finished": 4}
    with Study.open(given, storage) as study:
        points = study.ask(100)
        assert [(p.number, p.attempt) for p in points[:2]] == [(4, 3), (5, 2)]
        assert [p.config for p in points[:2]] == [p.config for p in lost]
        assert len(points) == 6
        configs = [p.config for p in first + points]
        assert len(set(configs)) == len(configs) == 10
        assert study.ask(1) == []


def test_a_higher_cap_continues_and_an_edited_space_begins(storage: str) -> None:
    with Study.open(sweep(SPACE, run_cap=3), storage) as study:
        assert len(train(study, 10)) == 3
    with Study.open(sweep(SPACE, run_cap=5, name="renamed"), storage) as study:
        assert study.asked == 3
        assert len(train(study, 10)) == 2
    with Study.open(sweep(SPACE | {"seed": {"value": 1}}, run_cap=3), storage) as study:
        assert study.asked == 0
    first, second = list_studies(storage)
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
        points = study.ask(2)
        study.finish(points[0], "finished", history(0.7))
        assert len(study.ask(1)) == 1
        study.finish(points[1], "finished", history(0.8))
        assert study.ask(1) == []


def test_the_sweep_is_read_back_without_its_file(storage: str) -> None:
    given = load_sweep(REPOSITORY / "sweep.yaml")
    with Study.open(given, storage):
        pass
    (found,) = list_studies(storage)
    assert found.name == "fashion-mnist-0c352b99"
    assert found.sweep.as_dict() == given.as_dict()
    assert found.rows == ()
    assert found.best() is None


def test_studies_of_others_are_left_alone(storage: str) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    theirs = optuna.storages.RDBStorage(storage)
    optuna.create_study(study_name="theirs", storage=theirs)
    theirs.engine.dispose()
    assert list_studies(storage) == []
    with pytest.raises(ConfigError, match="study: there is none yet"):
        read_study(storage)


OWNER = """
import sys, time
from dlsweep.sweep import Study
from tests.sweep.helpers import sweep
with Study.open(sweep({"epochs": {"min": 1, "max": 9}}), sys.argv[1]) as study:
    print(*(point.run_id for point in study.ask(3)), flush=True)
    time.sleep(60)
"""


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
        assert [p.run_id for p in study.ask(3)] == run_ids


ADDER = """
import sys
from dlsweep.sweep._store import Store
store = Store(sys.argv[1])
print(*(r.number for _ in range(25) for r in store.add(1, [({}, {"run_id": "x"})] * 2, [])))
store.close()
"""


def test_no_number_is_handed_out_twice(storage: str) -> None:
    """Four processes that add points at once, which Optuna's own storage does not survive."""
    with Study.open(sweep(SPACE), storage):
        pass
    command = [sys.executable, "-c", ADDER, storage]
    adders = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    numbers = [int(n) for adder in adders for n in adder.communicate(timeout=60)[0].split()]
    assert sorted(numbers) == list(range(200))


def test_two_sweeps_share_a_file(storage: str) -> None:
    with (
        Study.open(sweep(SPACE), storage) as one,
        Study.open(sweep(SPACE, "bayes"), storage) as other,
    ):
        numbers = [p.number for s in (one, other, one, other) for p in s.ask(2)]
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


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("sqlite:////no/such/folder/s.db", "there is no folder /no/such/folder"),
        ("postgresql+nodriver://u:secret@h/d", "needs a database driver"),
        ("nosuchthing://h/d", "which is not supported; give a SQLite file or postgresql://"),
        ("somewhere://", "which is not supported; give a SQLite file or postgresql://"),
        ("://", "expected a URL such as sqlite:///dlsweep.db"),
    ],
)
def test_a_storage_that_cannot_be_opened(url: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Study.open(sweep(SPACE), url)
    (problem,) = caught.value.problems
    assert problem.startswith("storage: ")
    assert line in problem
    assert "secret" not in problem
    assert "\n" not in problem


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("not a database, but long enough to look like one " * 20)
    with pytest.raises(ConfigError, match="file is not a database"):
        Study.open(sweep(SPACE), str(path))


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
        study.ask(1)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "UPDATE trial_user_attributes SET value_json = replace(value_json, 'adam', 'gone')"
        )
    connection.close()
    with Study.open(given, str(path)) as study:
        assert [p.number for p in study.ask(1)] == [1]
        assert study.rows()[0].reason.startswith("its configuration is not valid")


def test_network_file_systems_are_known(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda1 / ext4 rw 0 0\n"
        "server:/home /home nfs4 rw 0 0\n"
        f"/dev/sdb1 /home/me/local{chr(92)}040disk ext4 rw 0 0\n"
    )
    assert not on_network(Path("/tmp/s.db"), mounts)
    assert not on_network(Path("/homes/s.db"), mounts)
    assert on_network(Path("/home/me/s.db"), mounts)
    assert not on_network(Path("/home/me/local disk/s.db"), mounts)
    assert not on_network(Path("/home/me/s.db"), tmp_path / "missing")


@pytest.mark.parametrize("written_between", [False, True])
def test_epochs_of_a_run_that_starts_anew_replace_those_before(
    storage: str, monkeypatch: pytest.MonkeyPatch, written_between: bool
) -> None:
    monkeypatch.setattr("dlsweep.sweep._study_records._LIVE", 0.0 if written_between else 1e9)
    with Study.open(sweep(SPACE), storage) as study:
        (point,) = study.ask(1)
        # Its process dies after two epochs; the next one has trained one.
        for epoch, accuracy in ((1, 0.1), (2, 0.2), (1, 0.3)):
            study.trained(point, epoch, {"val_accuracy": accuracy})
        study._write_steps()
        assert read_study(storage=storage).rows[0].history == history(0.3)
