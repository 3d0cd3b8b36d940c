"""Sweeps of several machines on one PostgreSQL: what each goes on with, gives up and shows."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from dlsweep.data import Dataset, load
from dlsweep.sweep import (
    HereTrainer,
    LocalSweep,
    Point,
    Row,
    Study,
    _shared,
    read_study,
    study_folders,
)
from dlsweep.sweep._checkpoints import read_checkpoint
from dlsweep.sweep._elsewhere import withdraw
from dlsweep.sweep._place import Place
from dlsweep.training import EpochMetrics
from tests.postgres import Postgres
from tests.sweep.helpers import history, sweep
from tests.sweep.test_durable import GRID, Cut, Watch, seen

_names = count()


@pytest.fixture
def url(postgres_server: Postgres) -> str:
    return postgres_server.create(f"machines{next(_names)}")


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits", train_size=100)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shared, "_NEWS", 0.0)
    machine("first", tmp_path, monkeypatch)


def machine(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """From now on, this is another machine: it has a working directory of its own."""
    if "wandb" in sys.modules:  # which knows the first one's folder
        sys.modules["wandb"].teardown()
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("WANDB_DIR", str(folder))
    return folder


def local(
    study: Study, data: Dataset, watch: Any, mode: str = "disabled", **more: Any
) -> LocalSweep:
    trainer = HereTrainer(lambda _: data, save_seconds=0.0)
    return LocalSweep(study, trainer, mode=mode, settings={}, watcher=watch, **more)


def go(
    storage: str, data: Dataset, watch: Watch | None = None, mode: str = "disabled"
) -> list[Row]:
    with Study.open(GRID, storage) as study:
        local(study, data, watch or Watch()).run()
        return study.rows()


@pytest.fixture(scope="module")
def undisturbed(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    return go(str(tmp_path_factory.mktemp("undisturbed") / "study.db"), digits)


def test_undisturbed_it_is_the_sweep_of_a_file(digits: Dataset, undisturbed: list[Row], url: str):
    rows = go(url, digits)
    assert [seen(row) for row in rows] == [seen(row) for row in undisturbed]
    assert not Path("dlsweep.checkpoints").exists()


@pytest.mark.parametrize("cut", [1, 5, 11, 17])
def test_a_machine_that_was_cut_off_goes_on_with_its_stacks(
    digits: Dataset, undisturbed: list[Row], url: str, cut: int
):
    """Bit for bit: in the same stacks, from their checkpoints."""
    first, second = Watch(cut), Watch()
    with pytest.raises(Cut):
        go(url, digits, first)
    before = {n for n, _ in first.epochs}
    states = [
        state for path in Path().glob("*/*/*.safetensors") if (state := read_checkpoint(path))
    ]
    rows = go(url, digits, second)
    assert [seen(row) for row in rows] == [seen(row) for row in undisturbed]
    assert sorted(first.ends + second.ends) == list(range(8))
    assert not Path("dlsweep.checkpoints").exists()
    if cut == 11:  # epochs that were saved are told again, with the seconds that they took
        [state] = states
        assert before
        assert state is not None
        took = {member["history"][0][-1] for member in state.facts["members"]}
        assert took <= {row.history[0]["seconds"] for row in rows}


class Hands:
    """A watcher that does something at some moment."""

    def __init__(self, act: Callable[[], None], moment: int = 1) -> None:
        self.act: Callable[[], None] | None = act
        self.moment = moment
        self.ends: list[int] = []

    def started(self, points: Sequence[Point]) -> None: ...

    def trained(self, point: Point, metrics: EpochMetrics) -> None:
        self.moment -= 1
        if self.moment <= 0 and self.act is not None:
            act, self.act = self.act, None
            act()

    def ended(self, row: Row) -> None:
        self.ends.append(row.number)


SPACE = {
    "dataset": {"value": "digits"},
    "train_size": {"value": 100},
    "epochs": {"value": 3},
    "hidden_size": {"value": 8},
    "optimizer": {"values": ["sgd", "nadam"]},
    "seed": {"values": [0, 1]},
}


def test_what_another_has_taken_over_is_given_up_here(
    digits: Dataset, url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """One machine stands still; another takes its runs over, and has ended one of them."""
    given = sweep(SPACE, "grid")
    taken: list[Point] = []

    def take_over() -> None:
        assert isinstance(study, _shared.SharedStudy)
        study._heart.stop()
        study._store.let_go([r.trial_id for r in study._records.values()])
        taken.extend(other.ask(9))
        assert [(point.number, point.stack) for point in taken] == [(n, None) for n in range(4)]
        end()

    def end() -> None:
        point = taken.pop(0)
        folder = tmp_path / "second" / "wandb" / f"offline-run-20990101_000000-{point.run_id}"
        folder.mkdir(parents=True)
        (folder / f"run-{point.run_id}.wandb").touch()
        other.finish(point, "finished", history(0.5), info={"directory": str(folder)})

    def elsewhere(rows: Sequence[Row], machines: int) -> None:
        if taken:
            assert machines == 2
            end()

    with Study.open(given, url) as study, Study.open(given, url) as other:
        assert isinstance(other, _shared.SharedStudy)
        other._place = Place(tmp_path / "second" / "checkpoints" / "toy", other.owner)
        watch = Hands(take_over, moment=3)
        local(study, digits, watch, "offline", elsewhere=elsewhere).run()
        rows = study.rows()
    assert watch.ends == []
    assert [(row.status, row.value) for row in rows] == [("finished", 0.5)] * 4
    lines = [r.message for r in caplog.records if "taken over" in r.message]
    assert lines == ["4 runs taken over by another machine: what was kept here is removed"]

    [shown] = read_study(url).folders
    assert list(map(str, tmp_path.glob("first/wandb/offline-run-*"))) == [shown]
    directories = [row.info["directory"] for row in rows]
    assert [str(path) for path in study_folders(read_study(url)).waiting] == [shown, *directories]


def test_what_a_dead_process_left_goes_when_its_runs_have_ended_elsewhere(
    digits: Dataset, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    given = sweep({**SPACE, "figures": {"value": "none"}}, "grid")
    with monkeypatch.context() as patch, Study.open(given, url) as study:
        patch.setattr("dlsweep.tracking.TrackedRun.discard", lambda self, _: self.finish())
        with pytest.raises(Cut):
            local(study, digits, Watch(3), "offline").run()
    left = list(tmp_path.glob("first/wandb/offline-run-*"))
    assert len(left) == 4
    second = machine("second", tmp_path, monkeypatch)
    with Study.open(given, url) as study:
        local(study, digits, Watch(), "offline").run()
    assert list(tmp_path.glob("first/wandb/offline-run-*")) == left
    right = sorted(second.glob("wandb/offline-run-*"))
    assert len(right) == 4
    for folder in left:  # as if both had begun in the same second: their names are the same then
        [name] = [other.name for other in right if other.name[-8:] == folder.name[-8:]]
        folder.rename(folder.with_name(name))
    for name in ("first", "second"):
        machine(name, tmp_path, monkeypatch)
        with Study.open(given, url) as study:
            local(study, digits, Watch(), "offline").run()
    assert not list(tmp_path.glob("first/wandb/offline-run-*"))
    assert sorted(second.glob("wandb/offline-run-*")) == right


def test_a_stack_that_was_taken_over_as_a_whole_does_not_end_the_sweep(
    digits: Dataset, tmp_path: Path
):
    with Study.open(sweep(SPACE, "grid"), str(tmp_path / "study.db")) as study:
        here = local(study, digits, Watch())
        here._at_once = 2
        first = study.ask(2)
        here._plan(first)
        here._elsewhere.lost = {point.number for point in first}
        following = here._next()
        assert following is not None
        formation, points = following
        assert [point.number for point in points] == [2, 3]
        assert formation.begun
        assert here._next() is None


def test_a_result_whose_end_was_not_heard_of_keeps_its_folder(
    digits: Dataset, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It was stored all the same; the second try finds that somebody was first: this process."""
    import sqlalchemy as sa

    with Study.open(sweep(SPACE, "grid"), url) as study:
        finish, broken = study._store.finish, iter([True])

        def breaking(*arguments: Any) -> bool:
            done = finish(*arguments)
            if next(broken, False):
                raise sa.exc.OperationalError("", {}, Exception("server closed the connection"))
            return done

        monkeypatch.setattr(study._store, "finish", breaking)
        local(study, digits, Watch(), "offline").run()
    found = study_folders(read_study(url))
    assert len(found.waiting) == 5
    assert found.missing == ()


def test_a_folder_that_cannot_be_removed_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "offline-run-20260101_000000-abcdefgh"
    folder.mkdir()
    (folder / "run-abcdefgh.wandb").write_bytes(b"")
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    withdraw(folder)
    assert sorted(os.listdir(folder)) == ["run-abcdefgh.wandb", "run-abcdefgh.wandb.synced"]


# --- The data run --------------------------------------------------------------------------------


def test_of_two_one_shows_the_data(url: str, tmp_path: Path):
    given = sweep(SPACE, "grid")
    with Study.open(given, url) as one, Study.open(given, url) as other:
        one.ask(1)
        other.ask(1)
        assert one.claim_data()
        assert not other.claim_data()
        assert not other.shown
        # The first dies before it has shown them: its run has no heartbeats any more.
        assert isinstance(one, _shared.SharedStudy)
        one._heart.stop()
        one._store.let_go([r.trial_id for n, r in one._records.items() if n in one._mine])
        assert other.claim_data()
        other.keep_folders([tmp_path / "a", tmp_path / "b"])
        assert other.shown
        assert not one.claim_data()
        assert one.shown
    assert read_study(url).folders == (str(tmp_path / "a"), str(tmp_path / "b"))


def test_a_command_that_dies_before_it_leaves_the_data_to_the_next(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object, **__: object) -> Path:
        raise Cut

    storage, given = str(tmp_path / "study.db"), sweep(SPACE, "grid")
    with monkeypatch.context() as patch, Study.open(given, storage) as study:
        patch.setattr("dlsweep.sweep._showing.show_data", broken)
        with pytest.raises(Cut):
            local(study, digits, Watch()).run()
    assert read_study(storage).folders == ()
    for _ in range(2):
        with Study.open(given, storage) as study:
            local(study, digits, Watch(), "offline").run()
    assert len(read_study(storage).folders) == 1
    assert len(list(tmp_path.glob("first/wandb/offline-run-*"))) == 5


# --- Progress ------------------------------------------------------------------------------------


def test_it_is_told_what_the_others_do(digits: Dataset, url: str):
    given = sweep({**SPACE, "figures": {"value": "none"}}, "grid")
    told: list[tuple[list[tuple[int, str]], int]] = []

    def elsewhere(rows: Sequence[Row], machines: int) -> None:
        told.append(([(row.number, row.status) for row in rows], machines))

    with Study.open(given, url) as other, Study.open(given, url) as study:
        [point] = other.ask(1)

        def end() -> None:
            other.finish(point, "finished", [{"epoch": 1, "val_accuracy": 0.5}])

        local(study, digits, Hands(end), elsewhere=elsewhere).run()
    assert told[0] == ([(0, "running")], 2)
    assert ([(0, "finished")], 1) in told
