"""The second phase of a sweep: the best configurations over new seeds, however often cut off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from dlsweep.sweep.driver import ConfirmOptions, Driver, Progress, StudySource
from dlsweep.sweep.execution import InProcessExecutor
from dlsweep.sweep.study import Row, Study, StudyTable, read_study
from tests.sweep.driver.test_durable import Cut, Moments, seen
from tests.sweep.helpers import sweep

GRID = sweep(
    {
        "dataset": {"value": "digits"},
        "train_size": {"value": 100},
        "epochs": {"value": 2},
        "hidden_size": {"values": [4, 8]},
        "learning_rate": {"values": [0.00001, 0.01, 0.02]},
    },
    "grid",
    early_terminate={"type": "hyperband", "min_iter": 1, "eta": 3},
)
CONFIRM = ConfirmOptions(candidates=2, seeds=4)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def go(
    storage: Path,
    confirm: ConfirmOptions | None = CONFIRM,
    progress: Progress | None = None,
    mode: str = "disabled",
    at_once: int = 256,
    repeats: int = 1,
) -> StudyTable:
    with Study.open(GRID, str(storage), repeats=repeats) as study:
        source = StudySource(study, mode=mode, at_once=at_once, confirm=confirm)
        Driver(source, InProcessExecutor(), progress=progress, save_seconds=0.0).run()
    return read_study(str(storage))


def new_seeds(rows: Sequence[Row]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for row in rows:
        if row.role == "confirmation":
            found.setdefault(row.point, []).append(row.config["seed"])
    return found


def test_the_best_are_trained_whole_over_new_seeds_and_named_by_them(tmp_path: Path):
    table = go(tmp_path / "a.db")
    searched = [row for row in table.rows if row.role == "search"]
    assert len(searched) == 6
    assert any(row.status == "stopped" for row in searched)
    seeds = new_seeds(table.rows)
    assert set(seeds) == {row.number for row in table.ranked()[:2]}
    assert all(found == list(range(1, len(found) + 1)) for found in seeds.values())
    assert {len(found) for found in seeds.values()} <= {3, 4}
    assert {row.status for row in table.rows if row.role == "confirmation"} == {"finished"}
    for row in table.rows:  # nothing but the seed is another
        assert {**row.config, "seed": 0} == table.rows[row.point].config
    confirmation = table.confirmation
    assert confirmation is not None
    best, own = confirmation.best, table.best
    assert best is not None
    assert own is not None
    values = [r.value for r in table.rows if r.role == "confirmation" and r.point == best.number]
    assert best.values == tuple(values)
    assert own.number == best.number in confirmation.equal
    assert confirmation.low is not None
    assert confirmation.high is not None
    assert 0 <= confirmation.low <= best.mean <= confirmation.high <= 1
    assert {row.role for row in table.ranked()} == {"search"}
    # The same command has nothing left to do; more candidates get seeds of their own only.
    assert go(tmp_path / "a.db").rows == table.rows
    more = new_seeds(go(tmp_path / "a.db", ConfirmOptions(candidates=3, seeds=3)).rows)
    assert {n: more[n] for n in seeds} == seeds
    assert len(more) == 3


def test_cut_off_at_any_moment_the_confirmation_comes_to_the_same(tmp_path: Path):
    whole = Moments()
    undisturbed = [seen(row) for row in go(tmp_path / "whole.db", progress=whole).rows]
    last = len(whole.entries)
    for moment in range(last // 2, last + 1, 9):
        storage = tmp_path / f"{moment}.db"
        with pytest.raises(Cut):
            go(storage, progress=Moments(moment))
        again = go(storage, at_once=3)
        assert [seen(row) for row in again.rows if row.role == "search"] == undisturbed[:6]
        assert new_seeds(again.rows) == new_seeds(read_study(str(tmp_path / "whole.db")).rows)
        assert len(again.rows) == len(undisturbed)


def test_by_default_a_small_sweep_is_not_confirmed(tmp_path: Path):
    assert len(go(tmp_path / "a.db", ConfirmOptions()).rows) == 6
    assert go(tmp_path / "a.db", ConfirmOptions(candidates=0)).confirmation is None


def test_repeated_points_stop_together_and_come_to_the_same_however_cut_off(tmp_path: Path):
    whole = Moments()
    table = go(tmp_path / "whole.db", None, whole, repeats=2)
    assert len(table.rows) == 12
    assert {row.config["seed"] for row in table.rows} == {0, 1}
    pairs = [point.rows for point in table.points()]
    assert {len(rows) for rows in pairs} == {2}
    assert {(a.status, len(a.history)) == (b.status, len(b.history)) for a, b in pairs} == {True}
    assert {row.status for row in table.rows} == {"finished", "stopped"}
    ranked = table.ranked()
    assert [ranked[i].point for i in range(0, 12, 2)] == [ranked[i].point for i in range(1, 12, 2)]
    undisturbed = [seen(row) for row in table.rows]
    last = len(whole.entries)
    for moment in range(3, last, last // 4):
        storage = tmp_path / f"{moment}.db"
        with pytest.raises(Cut):
            go(storage, None, Moments(moment), repeats=2)
        assert [seen(row) for row in go(storage, None, repeats=2).rows] == undisturbed
