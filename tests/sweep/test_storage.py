"""What a study's database may be, and one whose disk is full in the middle of a sweep."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from optuna.storages import RDBStorage

from dlsweep import ConfigError
from dlsweep.sweep import StorageError, Study, _database, list_studies, read_study
from dlsweep.sweep._database import open_database
from tests.cli.conftest import folder, refused  # noqa: F401
from tests.cli.test_bad_input import GOOD, Refused
from tests.sweep.helpers import sweep, train

SPACE = {"learning_rate": {"min": 0.0, "max": 1.0}}


@pytest.fixture
def filling(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What SQLite is to be told by every new connection; the disk is full, for example."""
    from dlsweep.sweep import _lock

    pragmas: list[str] = []

    def connect(path: Path) -> sqlite3.Connection:
        connection = _lock.connect(path)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    monkeypatch.setattr(_database, "connect", connect)
    return pragmas


@pytest.mark.parametrize(
    ("pragma", "reason"),
    [
        ("max_page_count=1", "database or disk is full"),
        ("query_only=ON", "attempt to write a readonly database"),
    ],
)
def test_what_was_stored_is_kept(
    tmp_path: Path, filling: list[str], pragma: str, reason: str
) -> None:
    storage, given = str(tmp_path / "study.db"), sweep(SPACE, run_cap=300)
    with Study.open(given, storage) as study:
        before = train(study, 3)
    filling.append(pragma)
    with Study.open(given, storage) as study, pytest.raises(StorageError) as caught:
        train(study, 200, batch=200)
    assert str(caught.value) == (
        f"study: {storage} cannot be used any more: {reason}; "
        "what was stored is kept, and the same command goes on"
    )
    filling.clear()
    assert read_study(storage).counts() == {"finished": len(before)}
    with Study.open(given, storage) as study:
        assert len(train(study, 2)) == 2


def test_the_command_ends_with_one_line(
    folder: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from dlsweep.cli import main
    from dlsweep.sweep._store import Store

    (folder / "s.yaml").write_text(
        "method: grid\nmetric: {name: val_accuracy, goal: maximize}\nparameters:\n"
        "  dataset: {value: digits}\n  train_size: {value: 100}\n  figures: {value: none}\n"
        "  epochs: {value: 2}\n  hidden_size: {value: 8}\n  seed: {values: [0, 1, 2]}\n"
    )
    finish, ends = Store.finish, iter([False])

    def full(store: Store, *arguments: object) -> bool:
        if next(ends, True):
            with store._begin() as connection:
                connection.exec_driver_sql("PRAGMA query_only=ON")
                connection.exec_driver_sql("DELETE FROM trials")
        return finish(store, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Store, "finish", full)
        assert main(["sweep", "s.yaml", "--workers", "1"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert [line for line in err.splitlines() if line.startswith("error: ")] == [
        "error: study: dlsweep.db cannot be used any more: attempt to write a readonly database; "
        "what was stored is kept, and the same command goes on"
    ]
    assert read_study("dlsweep.db").counts() == {"finished": 1, "waiting": 2}
    assert main(["sweep", "s.yaml", "--workers", "1"]) == 0
    assert read_study("dlsweep.db").counts() == {"finished": 3}
    assert len(list(folder.glob("wandb/offline-run-*"))) == 3
    assert not list(folder.glob("*.checkpoints"))


@pytest.mark.parametrize("repetition", range(3))
def test_several_may_open_a_new_file_at_once(tmp_path: Path, repetition: int) -> None:
    """`dlsweep runs` in another terminal, for example, while the sweep makes its tables."""
    together = threading.Barrier(4)

    def opened(_: int) -> list[str]:
        together.wait()
        rdb = open_database(f"sqlite:///{tmp_path}/study.db", create=True)
        try:
            return [study.study_name for study in rdb.get_all_studies()]
        finally:
            rdb.remove_session()
            rdb.engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(opened, range(4))) == [[]] * 4


def test_however_long_others_take_to_make_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = _database.RDBStorage
    raced = sqlite3.IntegrityError("UNIQUE constraint failed: alembic_version.version_num")
    failures = [sa.exc.IntegrityError("INSERT", {}, raced) for _ in range(5)]

    def slow(*arguments: Any, **named: Any) -> RDBStorage:
        if failures:
            raise failures.pop()
        return made(*arguments, **named)

    monkeypatch.setattr(_database, "RDBStorage", slow)
    monkeypatch.setattr(_database, "_MAKING_SECONDS", 0)
    open_database(f"sqlite:///{tmp_path}/study.db", create=True).engine.dispose()
    assert failures == []


# What is no database of studies


def made(path: Path, *statements: str) -> Path:
    """A SQLite file of somebody's own."""
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return path


AWAY = "name another file with --storage, or move it away"
SUPPORTED = "which is not supported; give a SQLite file or postgresql://USER@HOST/DATABASE"
UNFIT = {
    "people.db": f"it holds other tables (people); {AWAY}",
    "studies.db": f"it holds other tables (studies); {AWAY}",
    "both.db": f"it holds other tables (people, studies, version_info); {AWAY}",
    "notes.txt": f"file is not a database; {AWAY}",
    "nodir/a.db": "there is no folder {folder}/nodir",
    "notes.txt/a.db": "there is no folder {folder}/notes.txt",
    ".": "it is a folder; name a file in it, such as dlsweep.db",
}


@pytest.mark.parametrize("storage", UNFIT)
@pytest.mark.parametrize("command", ["sweep s.yaml", "runs", "stop", "export", "report", "sync"])
def test_what_is_no_database_of_studies(
    command: str,
    storage: str,
    folder: Path,  # noqa: F811
    refused: Refused,  # noqa: F811
) -> None:
    from dlsweep.cli import main

    (folder / "s.yaml").write_text(GOOD)
    (folder / "notes.txt").write_text("not a database, but long enough to be taken for one" * 99)
    made(folder / "people.db", "CREATE TABLE people (name)")
    made(folder / "studies.db", "CREATE TABLE studies (patient)")
    both = [f"CREATE TABLE {name} (a)" for name in ("studies", "version_info", "people")]
    made(folder / "both.db", *both)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    [line] = refused(main, *command.split(), "--storage", storage)
    if command.startswith("sweep") or Path(storage).exists():
        why = UNFIT[storage].format(folder=folder)
        assert line == f"storage: sqlite:///{storage} cannot be opened: {why}"
    else:
        assert line == f"storage: no such file {storage}; `dlsweep sweep` makes it"
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("storage", "line"),
    [
        ("mysql://me:secret@host/db", f"storage: got mysql://…, {SUPPORTED}"),
        ("nonsense://there", f"storage: got nonsense://…, {SUPPORTED}"),
        ("", "storage: got no file; a study is kept in one, such as dlsweep.db"),
        (":memory:", "storage: got no file; a study is kept in one, such as dlsweep.db"),
        ("sqlite://", "storage: got no file; a study is kept in one, such as dlsweep.db"),
    ],
)
def test_what_keeps_no_study(storage: str, line: str) -> None:
    for use in (lambda: list_studies(storage), lambda: Study.open(sweep(SPACE), storage)):
        with pytest.raises(ConfigError) as caught:
            use()
        assert caught.value.problems == (line,)


def test_an_empty_file_becomes_a_study_when_it_is_swept(tmp_path: Path) -> None:
    (path := tmp_path / "a.db").touch()
    with pytest.raises(ConfigError, match="holds no study; `dlsweep sweep` makes one"):
        list_studies(str(path))
    assert path.read_bytes() == b""
    Study.open(sweep(SPACE), str(path)).close()
    assert len(list_studies(str(path))) == 1


def test_a_study_of_another_version_hides_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.db"
    for name in ("old", "new"):
        given = sweep({**SPACE, "epochs": {"value": 3 + (name == "new")}}, name=name)
        Study.open(given, str(path)).close()
    change = "UPDATE study_user_attributes SET value_json = replace(value_json, ?, ?)"
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(f"{change} WHERE key = 'sweep' AND study_id = 1", ("epochs", "epoks"))
    connection.close()
    assert [study.sweep.name for study in list_studies(str(path))] == ["new"]
    assert "is not one of this version of dlsweep's: epoks: no such setting" in caplog.text


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    Study.open(sweep(SPACE), str(path := tmp_path / "a.db")).close()
    content = bytearray(path.read_bytes())
    content[8192:40_000] = b"\xff" * (40_000 - 8192)
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"a\.db cannot be opened: .*malformed"):
        list_studies(str(path))


@pytest.mark.parametrize("table", ["study_user_attributes", "trial_user_attributes"])
def test_a_value_that_is_no_json_is_named(tmp_path: Path, table: str) -> None:
    with Study.open(sweep(SPACE), str(path := tmp_path / "a.db")) as study:
        study.ask(1)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(f"UPDATE {table} SET value_json = '{{epochs: 3'")
    connection.close()
    with pytest.raises(StorageError, match=r"study: what is stored as \w+ of .* is not JSON"):
        list_studies(str(path))


def test_the_home_folder_is_meant_by_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Study.open(sweep(SPACE), "~/a.db").close()
    assert (tmp_path / "a.db").exists()


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
        frozen(place)
        assert read_study(storage).counts() == {"finished": 2}
        for name in ("a.db", "a.db-wal"):  # without the index of the log
            shutil.copy(place / name, copy)
    frozen(copy)
    with pytest.raises(ConfigError, match=r"its log a\.db-wal has to be read with it; copy both"):
        read_study(str(copy / "a.db"))
