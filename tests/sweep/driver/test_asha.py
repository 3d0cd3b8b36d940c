"""`early_terminate: {type: asha}`: runs pause at rungs, and go on from there when they are good."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlsweep import ConfigError
from dlsweep.sweep.driver import ConfirmOptions, Driver, Progress, StudySource
from dlsweep.sweep.execution import Executor, InProcessExecutor
from dlsweep.sweep.file import Asha, Metric, SweepFile, parse_sweep
from dlsweep.sweep.local import LocalSweep, SweepOptions
from dlsweep.sweep.search import SuccessiveHalving
from dlsweep.sweep.study import Row, Study, StudyTable, read_study
from tests.sweep.driver.test_durable import Cut, Moments
from tests.sweep.helpers import METRIC, sweep

SPACE = {
    "dataset": {"value": "digits"},
    "train_size": {"value": 100},
    "epochs": {"value": 5},
    "hidden_size": {"value": 8},
    "dropout": {"value": 0.1},
    "learning_rate": {"values": [0.00001, 0.0001, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05]},
}
RULE = {"type": "asha", "min_iter": 1, "eta": 2}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def asha(**more: object) -> SweepFile:
    return sweep(SPACE, "grid", early_terminate={**RULE, **more})


def go(
    made: SweepFile,
    storage: Path,
    progress: Progress | None = None,
    *,
    at_once: int = 3,
    executor: Executor | None = None,
    mode: str = "disabled",
    confirm: ConfirmOptions | None = None,
) -> StudyTable:
    with Study.open(made, str(storage)) as study:
        source = StudySource(study, mode=mode, at_once=at_once, confirm=confirm)
        runs_on = executor or InProcessExecutor()
        Driver(source, runs_on, progress=progress, save_seconds=0.0).run()
        left = study.checkpoints
    assert not left.exists()
    return read_study(str(storage))


def curve(row: Row) -> list[dict[str, float]]:
    return [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in row.history]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[float, Row]:
    """Every run, trained to its end."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        rows = go(sweep(SPACE, "grid"), folder / "a.db", at_once=9).rows
    return {row.config["learning_rate"]: row for row in rows}


def same_as_whole(row: Row, whole: dict[float, Row]) -> bool:
    """Whether a run is what it would be alone, as far as it was trained."""
    own, other = curve(row), curve(whole[row.config["learning_rate"]])[: len(row.history)]
    return len(own) == len(other) and all(
        one[k] == pytest.approx(two[k], rel=1e-4, abs=1e-5)
        for one, two in zip(own, other, strict=True)
        for k in one
    )


def test_runs_pause_and_are_promoted_from_their_checkpoints(
    whole: dict[float, Row], tmp_path: Path
):
    notes = Moments()
    table = go(asha(), tmp_path / "a.db", notes)
    assert len(table.rows) == 9
    assert all(same_as_whole(row, whole) for row in table.rows)
    assert {row.status for row in table.rows} == {"finished", "stopped"}
    lengths = [len(row.history) for row in table.rows]
    assert set(lengths) <= {1, 2, 4, 5}
    assert sum(lengths) < 9 * 5 * 0.7
    again = [n for n, often in _begun(notes).items() if often > 1]
    assert again  # some have paused, and have gone on
    assert all(len(table.rows[n].history) > 1 for n in again)
    best = max(whole.values(), key=lambda row: row.value or 0.0)
    assert table.best is not None
    assert table.best.value == pytest.approx(best.value, abs=0.05)
    # There is nothing left to promote: of each rung the best half has gone on.
    rule = asha().early_terminate
    assert isinstance(rule, Asha)
    judge = SuccessiveHalving(rule, table.metric)
    judge.load({r.number: [e["val_accuracy"] for e in r.history] for r in table.rows})
    assert [n for n in judge.promotable() if table.rows[n].status == "stopped"] == []


def _begun(notes: Moments) -> dict[int, int]:
    found: dict[int, int] = {}
    for entry, number in notes.entries:
        if entry == "started":
            found[number] = found.get(number, 0) + 1
    return found


def test_cut_off_at_any_moment_every_run_is_what_it_would_be_alone(
    whole: dict[float, Row], tmp_path: Path
):
    notes = Moments()
    go(asha(), tmp_path / "whole.db", notes)
    last = len(notes.entries)
    for moment in range(2, last, max(1, last // 7)):
        storage = tmp_path / f"{moment}.db"
        with pytest.raises(Cut):
            go(asha(), storage, Moments(moment))
        rows = go(asha(), storage).rows
        assert len(rows) == 9
        assert all(same_as_whole(row, whole) for row in rows)
        assert {row.status for row in rows} == {"finished", "stopped"}


def test_each_run_leaves_one_folder_and_the_best_are_confirmed_whole(tmp_path: Path):
    confirm = ConfirmOptions(candidates=1, seeds=2)
    table = go(asha(), tmp_path / "a.db", mode="offline", confirm=confirm)
    folders = {path.name for path in tmp_path.glob("wandb/offline-run-*")}
    own = {Path(row.info["directory"]).name for row in table.rows}
    assert len(own) == len(table.rows) == 11
    assert own <= folders
    assert len(folders) == 12  # and the run that shows the data
    assert [len(r.history) for r in table.rows if r.role == "confirmation"] == [5, 5]


def test_the_rule():
    rule = SuccessiveHalving(Asha(min_iter=2, eta=2, max_iter=9), Metric())

    def stops(epoch: int, **values: float | None) -> set[int]:
        return rule.stops({int(n[1:]): (epoch, {"val_accuracy": v}) for n, v in values.items()})

    assert stops(1, r0=0.1, r1=0.9) == set()
    assert stops(2, r0=0.1) == {0}  # the first waits
    assert rule.promotable() == []
    assert stops(2, r1=0.9) == set()
    assert stops(2, r2=0.5, r3=0.4) == {3}  # two of the four that are there go on
    assert rule.promotable() == [1, 2]  # whether they wait there is not known
    assert stops(2, r4=0.2, r5=float("nan")) == {4, 5}
    assert rule.promotable() == [1, 2, 3]
    assert stops(4, r1=0.8) == {1}
    assert stops(4, r2=0.9) == set()
    assert rule.epochs(2) == 4
    assert rule.promotable() == [2, 3]  # the first of two at the second rung, which is 4


def test_a_rung_waits_until_it_is_as_full_as_in_a_whole_bracket():
    """Of 4 epochs, four come to the first rung before any goes on, and two to the second."""
    rule = SuccessiveHalving(Asha(min_iter=1, eta=2), Metric(), 4)
    for run in range(3):
        assert rule.stops({run: (1, {"val_accuracy": run / 10})}) == {run}
    assert rule.promotable() == []
    assert rule.stops({3: (1, {"val_accuracy": 0.9})}) == set()
    assert rule.promotable() == [3, 2]
    assert rule.stops({3: (2, {"val_accuracy": 0.9})}) == {3}
    assert rule.promotable() == [2]
    assert rule.stops({2: (2, {"val_accuracy": 0.8})}) == {2}
    assert rule.promotable() == [3]
    few = SuccessiveHalving(Asha(min_iter=1, eta=2), Metric(), 4, points=2)
    assert few.stops({0: (1, {"val_accuracy": 0.1})}) == {0}
    assert few.stops({1: (1, {"val_accuracy": 0.2})}) == set()
    early = SuccessiveHalving(Asha(min_iter=1, eta=2), Metric(), 4)
    assert early.stops({run: (1, {"val_accuracy": run / 10}) for run in range(2)}) == {0, 1}
    early.hurry()
    assert early.promotable() == [1]


def test_of_few_runs_the_best_is_trained_to_its_end(whole: dict[float, Row], tmp_path: Path):
    table = go(asha(eta=10), tmp_path / "a.db")
    lengths = sorted(len(row.history) for row in table.rows)
    assert lengths == [1] * 8 + [5]
    first = [row.history[0]["val_accuracy"] for row in table.rows]
    [whole_one] = [row for row in table.rows if len(row.history) == 5]
    assert whole_one.history[0]["val_accuracy"] == max(first)
    assert whole_one.status == "finished"
    assert all(same_as_whole(row, whole) for row in table.rows)


def test_what_asha_is_not_for(tmp_path: Path):
    made = asha(max_iter=4)
    assert isinstance(made.early_terminate, Asha)
    assert made.early_terminate.brackets(9) == [1, 2]
    assert "early_terminate.type: asha is for sweeps here; W&B itself" in made.notices[0]
    assert parse_sweep(made.as_dict(), builtin=True).early_terminate == made.early_terminate
    written = {"method": "random", "metric": METRIC, "parameters": {"x": {"values": [1, 2]}}}
    for more, line in (
        ({"command": ["run"]}, "early_terminate.type: asha: runs pause and go on from checkpoints"),
        ({"early_terminate": {**RULE, "s": 2}}, "early_terminate.s: has no effect with type asha"),
        ({"early_terminate": {"type": "asha", "eta": 1}}, "early_terminate.eta: got 1"),
        (
            {"metric": {"name": "test_accuracy", "goal": "maximize"}},
            "early_terminate: type asha cannot judge the runs, for test_accuracy is known",
        ),
    ):
        builtin = "command" not in more
        parameters = {"epochs": {"values": [1, 2]}} if builtin else written["parameters"]
        full = {**written, "early_terminate": RULE, **more, "parameters": parameters}
        with pytest.raises(ConfigError) as refused:
            parse_sweep(full, builtin=builtin)
        assert refused.value.problems[0].startswith(line)
    with pytest.raises(ConfigError, match="--repeats: early_terminate of type asha"):
        LocalSweep(made, SweepOptions(storage=str(tmp_path / "a.db"), repeats=2))
