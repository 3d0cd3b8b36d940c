"""What a study file may be; a full disk, a kill, several processes, somebody else's folder."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dlsweep import ConfigError
from dlsweep.cli import main
from dlsweep.sweep.study import (
    StorageError,
    Study,
    _database,
    _storage,
    list_studies,
    read_study,
    storage_file,
    study_names,
)
from dlsweep.sweep.study import _results as results_module
from dlsweep.sweep.study._lock import OwnerLock, is_held
from dlsweep.sweep.study._storage import on_network
from tests.cli.conftest import folder, refused  # noqa: F401
from tests.conftest import REPOSITORY
from tests.sweep.helpers import history, sweep, train

SPACE = {"learning_rate": {"min": 0.0, "max": 1.0}}


def made(path: Path, *statements: str) -> Path:
    """A SQLite file of somebody's own."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return path


# Which file


@pytest.mark.parametrize(
    ("storage", "path"),
    [
        (None, "dlsweep.db"),
        ("a.db", "a.db"),
        ("sqlite:///a.db", "a.db"),
        ("sqlite:////there/a.db", "/there/a.db"),
        ("~/a.db", "{home}/a.db"),
        ("sqlite:///~/a.db", "{home}/a.db"),
    ],
)
def test_which_file_is_meant(storage: str | None, path: str) -> None:
    assert storage_file(storage) == Path(path.format(home=Path.home()))


NO_FILE = "storage: got no file; a study is one, such as dlsweep.db"
CLUSTER = "a study is a file now, and many machines train one sweep with --cluster"
NO_URL = "expected the path of a file, such as dlsweep.db"


@pytest.mark.parametrize(
    ("storage", "line"),
    [
        ("postgresql://me:secret@host/db", f"storage: got postgresql://…; {CLUSTER}"),
        ("postgres://host/db", f"storage: got postgres://…; {CLUSTER}"),
        ("postgresql+psycopg://host/db", f"storage: got postgresql+psycopg://…; {CLUSTER}"),
        ("mysql://me:secret@host/db", f"storage: got mysql://…, {NO_URL}"),
        ("://", f"storage: got ://…, {NO_URL}"),
        ("", NO_FILE),
        (":memory:", NO_FILE),
        ("sqlite://", NO_FILE),
    ],
)
def test_what_is_no_file(storage: str, line: str) -> None:
    for use in (list_studies, read_study, lambda s: Study.open(sweep(SPACE), s)):
        with pytest.raises(ConfigError) as caught:
            use(storage)
        assert caught.value.problems == (line,)


AWAY = "name another file with --storage, or move it away"
OPTUNAS = (
    "it holds Optuna's tables, the format of dlsweep 0.1, which still reads it; rename it to keep "
    "it, or name another file with --storage"
)
UNFIT = {
    "people.db": f"it holds other tables (people); {AWAY}",
    "studies.db": f"it holds other tables (patients, runs, studies, …); {AWAY}",
    "optuna.db": OPTUNAS,
    "later.db": f"its format 99 is newer than this dlsweep's 2; update dlsweep, or {AWAY}",
    "notes.txt": f"file is not a database; {AWAY}",
    "nodir/a.db": "there is no folder {folder}/nodir",
    "notes.txt/a.db": "{folder}/notes.txt is a file",
    ".": "it is a folder; name a file in it, such as dlsweep.db",
}


@pytest.mark.parametrize("storage", UNFIT)
def test_what_holds_no_studies(
    storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be taken for one" * 99)
    made(tmp_path / "people.db", "CREATE TABLE people (name)")
    tables = ("studies", "patients", "runs", "visits")
    made(tmp_path / "studies.db", *(f"CREATE TABLE {name} (a)" for name in tables))
    tables = ("studies", "trials", "version_info", "alembic_version")
    made(tmp_path / "optuna.db", *(f"CREATE TABLE {name} (a)" for name in tables))
    Study.open(sweep(SPACE), "later.db").close()
    made(tmp_path / "later.db", "PRAGMA user_version=99")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    why = f"storage: {storage} cannot be opened: {UNFIT[storage].format(folder=tmp_path)}"
    missing = f"storage: no such file {storage}; `dlsweep sweep` makes it"
    for use in (read_study, study_names, lambda s: Study.open(sweep(SPACE), s)):
        with pytest.raises(ConfigError) as caught:
            use(storage)
        there = Path(storage).exists() or use not in (read_study, study_names)
        assert caught.value.problems == (why if there else missing,)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_optunas_own_file_is_known(tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path}/a.db")
    optuna.create_study(storage=storage)
    storage.engine.dispose()
    with pytest.raises(ConfigError, match=r"Optuna's tables, the format of dlsweep"):
        read_study(str(tmp_path / "a.db"))


def test_an_empty_file_becomes_a_study_when_it_is_swept(tmp_path: Path) -> None:
    (path := tmp_path / "a.db").touch()
    with pytest.raises(ConfigError, match="holds no study; `dlsweep sweep` makes one"):
        list_studies(str(path))
    assert path.read_bytes() == b""
    Study.open(sweep(SPACE), str(path)).close()
    assert len(list_studies(str(path))) == 1


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    Study.open(sweep(SPACE), str(path := tmp_path / "a.db")).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        [mode] = connection.execute("PRAGMA journal_mode").fetchone()
    assert mode == "wal"
    assert path.read_bytes()[68:72] == b"dlsw"  # SQLite's application id


@pytest.mark.parametrize("repetition", range(3))
def test_several_may_open_a_new_file_at_once(tmp_path: Path, repetition: int) -> None:
    together = threading.Barrier(4)

    def opened(i: int) -> str:
        together.wait()
        with Study.open(sweep({**SPACE, "epochs": {"value": i}}), str(tmp_path / "a.db")) as study:
            return study.name

    with ThreadPoolExecutor(4) as pool:
        names = set(pool.map(opened, range(1, 5)))
    assert set(study_names(str(tmp_path / "a.db"))) == names
    assert len(names) == 4


# What goes wrong


@pytest.fixture
def pragmas(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What SQLite is told by every new connection; that the disk is full, for example."""
    told: list[str] = []

    def connect(path: Path) -> sqlite3.Connection:
        connection = _storage.connect(path)
        for pragma in told:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    monkeypatch.setattr(_database, "connect", connect)
    return told


def test_what_was_stored_before_the_disk_was_full_is_kept(
    tmp_path: Path, pragmas: list[str]
) -> None:
    storage, given = str(tmp_path / "study.db"), sweep(SPACE, run_cap=300)
    with Study.open(given, storage) as study:
        before = train(study, 3)
    pragmas.append("max_page_count=1")
    with Study.open(given, storage) as study, pytest.raises(StorageError) as caught:
        train(study, 200, batch=200)
    assert str(caught.value) == (
        f"study: {storage} cannot be used any more: database or disk is full; "
        "what was stored is kept, and the same command goes on"
    )
    pragmas.clear()
    assert read_study(storage).counts() == {"finished": len(before)}
    with Study.open(given, storage) as study:
        assert len(train(study, 2)) == 2


KILLED = """
import os, signal, sys
from dlsweep.sweep.study import Study, _results
from tests.sweep.helpers import history, sweep
end_run = _results.end_run
def end_and_die(*arguments):
    end_run(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
with Study.open(sweep({"learning_rate": {"min": 0.0, "max": 1.0}}), sys.argv[1]) as study:
    one, other = study.take(2)
    study.finish(one, "finished", history(0.5, 0.6))
    study.epoch(other, 1, history(0.1)[0])
    study.rows()
    _results.end_run = end_and_die
    study.finish(other, "finished", history(0.1, 0.9))
"""


@pytest.mark.process
def test_a_kill_in_a_transaction_leaves_what_was_there_before_it(tmp_path: Path) -> None:
    storage = str(tmp_path / "a.db")
    killed = subprocess.run([sys.executable, "-c", KILLED, storage], cwd=REPOSITORY, check=False)
    assert killed.returncode == -9
    found = read_study(storage)
    assert found.counts() == {"waiting": 1, "finished": 1}
    assert [row.history for row in found.rows] == [history(0.5, 0.6), history(0.1)]
    with Study.open(sweep(SPACE), storage) as study:
        [(_, [run])] = study.left_over()
        assert (run.number, run.attempt) == (1, 2)
        study.finish(run, "finished", history(0.1, 0.9))
        best = study.table().best
        assert best is not None
        assert (best.number, best.history) == (1, history(0.1, 0.9))


def test_readers_and_the_writer_do_not_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader in the middle of a file, and a writer in the middle of a transaction."""
    monkeypatch.setattr(_storage, "_BUSY_SECONDS", 0.0)  # who would have to wait fails
    storage = str(tmp_path / "a.db")
    with Study.open(sweep(SPACE), storage) as study:
        train(study, 3)
        with _database.Database(storage, write=False) as reader, reader.snapshot() as snapshot:
            count = "SELECT count(*) FROM runs WHERE status = 'finished'"
            assert snapshot.execute(count).fetchone()[0] == 3
            train(study, 2)
            with study._database.transaction() as connection:
                connection.execute("DELETE FROM runs")
                assert read_study(storage).counts() == {"finished": 5}
                connection.execute("ROLLBACK")
                connection.execute("BEGIN")
            assert snapshot.execute(count).fetchone()[0] == 3
        assert read_study(storage).counts() == {"finished": 5}


def test_a_study_of_another_version_hides_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.db"
    for i, name in enumerate(("good", "old")):
        given = sweep({**SPACE, "epochs": {"value": 3 + i}}, name=name)
        Study.open(given, str(path)).close()
    made(path, "UPDATE studies SET sweep = replace(sweep, 'epochs', 'epoks') WHERE id = 2")
    assert [table.name[:4] for table in list_studies(str(path))] == ["good"]
    assert read_study(str(path)).name.startswith("good-")
    assert "is not one of this version of dlsweep's: epoks: no such setting" in caplog.text
    with pytest.raises(ConfigError, match="study: got 'old', no such study"):
        read_study(str(path), "old")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    with Study.open(sweep(SPACE), str(path := tmp_path / "a.db")) as study:
        train(study, 30)
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"^study: \S+a\.db is damaged: .*malformed; go back"):
        list_studies(str(path))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE studies SET sweep = '{epochs: 3'", "the sweep of study toy-"),
        ("UPDATE runs SET config = '{epochs: 3'", "the config of run 0"),
        ("UPDATE epochs SET metrics = ''", "an epoch of run 0"),
    ],
)
def test_a_value_that_is_no_json_is_named(tmp_path: Path, change: str, what: str) -> None:
    with Study.open(sweep(SPACE), str(path := tmp_path / "a.db")) as study:
        train(study, 1)
    made(path, change)
    with pytest.raises(StorageError, match=rf"^study: {what}\S* is not JSON: .*; go back to a"):
        read_study(str(path))


# Somebody else's folder


def test_a_read_only_study_is_read(tmp_path: Path, frozen: Callable[[Path], None]) -> None:
    (place := tmp_path / "theirs").mkdir()
    storage = str(place / "a.db")
    with Study.open(sweep(SPACE), storage) as study:
        train(study, 2)
    frozen(place)
    assert read_study(storage).counts() == {"finished": 2}
    why = f"cannot be opened: the folder {place} is read-only; name another file with --storage"
    with pytest.raises(ConfigError, match=why):
        Study.open(sweep(SPACE), storage)
    with pytest.raises(ConfigError, match=why):
        Study.open(sweep(SPACE), str(place / "new.db"))
    assert [path.name for path in place.iterdir()] == ["a.db"]


def test_a_read_only_study_that_is_being_trained_is_read(
    tmp_path: Path, frozen: Callable[[Path], None]
) -> None:
    (place := tmp_path / "theirs").mkdir()
    (copy := tmp_path / "copy").mkdir()
    storage = str(place / "a.db")
    with Study.open(sweep(SPACE), storage) as study:
        train(study, 2)
        study.take(1)
        frozen(place)
        assert read_study(storage).counts() == {"running": 1, "finished": 2}
        for name in ("a.db", "a.db-wal"):  # without the index of the log
            shutil.copy(place / name, copy)
    frozen(copy)
    with pytest.raises(ConfigError, match=r"its log a\.db-wal has to be read with it; copy both"):
        read_study(str(copy / "a.db"))


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


def test_a_network_file_system_has_no_write_ahead_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_storage, "on_network", lambda path: True)
    with Study.open(sweep(SPACE), str(tmp_path / "a.db")) as study:
        train(study, 2)
        assert not (tmp_path / "a.db-wal").exists()
        assert read_study(str(tmp_path / "a.db")).counts() == {"finished": 2}


# The lock


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    one, other = OwnerLock(path), OwnerLock(path)
    assert not is_held(path)
    other.release()  # does nothing
    assert one.acquire()
    assert is_held(path)
    assert not other.acquire(patience=0)
    one.release()
    assert not path.exists()
    assert not is_held(path)
    assert other.acquire()
    other.release()


def test_a_lock_that_was_left_is_free(tmp_path: Path) -> None:
    (path := tmp_path / "a.lock").write_text(json.dumps({"left": "by a kill"}))
    assert not is_held(path)
    lock = OwnerLock(path)
    assert lock.acquire()
    lock.release()


def test_locks_are_never_held_by_two(tmp_path: Path) -> None:
    """Four threads that take, remove and free the same lock's file again and again."""
    inside: list[int] = []
    most: list[int] = []

    def work(i: int) -> None:
        for _ in range(50):
            lock = OwnerLock(tmp_path / "a.lock")
            if lock.acquire(patience=60):
                inside.append(i)
                most.append(len(inside))
                inside.remove(i)
                lock.release()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert most == [1] * 200


# The commands


@pytest.mark.process
@pytest.mark.parametrize("command", ["sweep s.yaml", "runs", "stop", "export", "report", "sync"])
def test_every_command_refuses_what_holds_no_studies(
    command: str,
    folder: Path,  # noqa: F811
    refused: Callable[..., list[str]],  # noqa: F811
) -> None:
    (folder / "s.yaml").write_text(SWEEP)
    made(folder / "people.db", "CREATE TABLE people (name)")
    assert refused(main, *command.split(), "--storage", "people.db") == [
        f"storage: people.db cannot be opened: {UNFIT['people.db']}"
    ]


SWEEP = (
    "method: grid\nmetric: {name: val_accuracy, goal: maximize}\nparameters:\n"
    "  dataset: {value: digits}\n  train_size: {value: 100}\n  figures: {value: none}\n"
    "  epochs: {value: 2}\n  hidden_size: {value: 8}\n  seed: {values: [0, 1, 2]}\n"
)


@pytest.mark.process
def test_a_full_disk_ends_the_command_with_one_line(
    folder: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (folder / "s.yaml").write_text(SWEEP)
    end_run, ends = results_module.end_run, iter([False])

    def full(connection: sqlite3.Connection, *arguments: Any) -> sqlite3.Row | None:
        if next(ends, True):
            connection.execute("PRAGMA query_only=ON")
        return end_run(connection, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(results_module, "end_run", full)
        assert main(["sweep", "s.yaml", "--workers", "1"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert [line for line in err.splitlines() if line.startswith("error: ")] == [
        "error: study: dlsweep.db cannot be used any more: attempt to write a readonly database; "
        "what was stored is kept, and the same command goes on"
    ]
    assert read_study("dlsweep.db").counts() == {"waiting": 2, "finished": 1}
    assert main(["sweep", "s.yaml", "--workers", "1"]) == 0
    assert read_study("dlsweep.db").counts() == {"finished": 3}
    assert len(list(folder.glob("wandb/offline-run-*"))) == 3
    assert not list(folder.glob("*.checkpoints"))
