"""A SQLite study whose disk is full, or whose file may not be written, in the middle of a sweep."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dlsweep.sweep import StorageError, Study, read_study
from dlsweep.sweep._database import open_database
from tests.cli.conftest import folder  # noqa: F401
from tests.sweep.helpers import sweep, train

SPACE = {"learning_rate": {"min": 0.0, "max": 1.0}}


@pytest.fixture
def filling(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What SQLite is to be told by every new connection; the disk is full, for example."""
    from dlsweep.sweep import _database, _lock

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
        return [study.study_name for study in rdb.get_all_studies()]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(opened, range(4))) == [[]] * 4
