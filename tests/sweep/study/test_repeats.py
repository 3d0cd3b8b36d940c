"""Points that several seeds train: how they are handed out, and what the search learns of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dlsweep import ConfigError
from dlsweep.sweep.local import LocalSweep, SweepOptions
from dlsweep.sweep.search import Bayes, EarlyTermination, MeanTermination
from dlsweep.sweep.study import Run, Study
from tests.sweep.helpers import history, sweep

SPACE = {"learning_rate": {"min": 0.0, "max": 1.0}}


def finish(study: Study, run: Run, value: float, status: str = "finished") -> None:
    study.finish(run, status, history(value))


def test_a_point_is_handed_out_with_all_of_its_seeds_and_ranked_by_their_mean(tmp_path: Path):
    made = sweep(SPACE, run_cap=3)
    with Study.open(made, str(tmp_path / "a.db"), repeats=3) as study:
        runs = study.take(7)
        assert [run.point for run in runs] == [0, 0, 0, 1, 1, 1]
        assert [run.config.seed for run in runs] == [0, 1, 2] * 2
        assert [run.role for run in runs] == ["search", "repeat", "repeat"] * 2
        assert len({run.name for run in runs}) == len({run.run_id for run in runs}) == 6
        assert (study.taken, study.total, study.exhausted) == (2, 3, False)
        assert len(study.take(1)) == 3
        assert study.exhausted
        for run, value in zip(runs, (0.9, 0.3, 0.3, 0.6, 0.6, 0.5), strict=True):
            finish(study, run, value)
        table = study.table()
    assert [row.point for row in table.ranked()] == [1, 1, 1, 0, 0, 0]
    assert table.best == table.ranked()[0]
    first, second, third = table.points()
    assert first.value == pytest.approx(0.5)
    assert second.deviation == pytest.approx(0.0577, abs=1e-4)
    assert third.value is None


def test_points_get_the_seeds_that_they_lack_however_the_study_was_left(tmp_path: Path):
    made = sweep(SPACE, run_cap=2)
    storage = str(tmp_path / "a.db")
    with Study.open(made, storage) as study:
        for run in study.take(2):
            finish(study, run, 0.5)
    with Study.open(made, storage, repeats=3) as study:  # cut off with one of the new ones done
        assert not study.exhausted
        finish(study, study.take(3)[0], 0.7)
    with Study.open(made, storage, repeats=3) as study:
        [(_, left)] = study.left_over()
        more = [*left, *study.take(10)]
        assert study.exhausted
        for run in more:
            finish(study, run, 0.6)
        seeds = sorted((row.point, row.config["seed"]) for row in study.rows())
    assert seeds == [(point, seed) for point in (0, 1) for seed in (0, 1, 2)]


def test_bayes_and_the_target_know_the_mean_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    told: list[tuple[int, tuple[float, ...] | None]] = []
    learned: list[tuple[float, ...] | None] = []
    real = Bayes.tell

    def tell(self: Bayes, number: int, value: tuple[float, ...] | None, **how: Any) -> None:
        told.append((number, value))
        real(self, number, value, **how)

    monkeypatch.setattr(Bayes, "tell", tell)
    monkeypatch.setattr(Bayes, "learn", lambda _, place, value, stopped: learned.append(value))
    metric = {"name": "val_accuracy", "goal": "maximize", "target": 0.8}
    made = sweep(SPACE, "bayes", metric=metric)
    storage = str(tmp_path / "a.db")
    with Study.open(made, storage, repeats=2) as study:
        a, b, c, d = study.take(4)
        assert [run.point for run in (a, b, c, d)] == [0, 0, 1, 1]
        finish(study, a, 0.9)
        assert told == []
        finish(study, b, 0.5)
        assert told == [(0, pytest.approx((0.7,)))]
        finish(study, c, 0.9)
        study.finish(d, "diverged", history(0.9))
        assert told[1:] == [(1, None)]
        assert not study.exhausted  # though three runs were above the target
    with Study.open(made, storage, repeats=2) as study:
        assert learned == [pytest.approx((0.7,)), None]
        for run in study.take(2):
            finish(study, run, 0.85)
        assert study.exhausted


def stops(rule: EarlyTermination, epoch: int, **values: float) -> set[int]:
    metrics = {int(run[1:]): (epoch, {"val_accuracy": v}) for run, v in values.items()}
    return rule.stops(metrics)


def test_all_seeds_of_a_point_stop_once_their_mean_is_behind():
    made = sweep(SPACE, early_terminate={"type": "hyperband", "min_iter": 2, "eta": 2})
    assert made.early_terminate is not None
    point_of = {0: 0, 1: 0, 2: 2, 3: 2, 4: 4, 5: 4}
    running = set(point_of)
    rule = MeanTermination(made.early_terminate, made.metric, point_of, running)
    assert stops(rule, 1, r0=0.9, r1=0.9, r2=0.1, r3=0.9, r4=0.1, r5=0.2) == set()
    assert stops(rule, 2, r0=0.9, r1=0.9, r2=0.2) == set()  # run 3 has not come so far
    assert stops(rule, 3, r2=0.3) == set()
    # Seed 4 has ended, and keeps its last value: the mean of its point is 0.2. That of point 2 is
    # 0.55, for its lucky seed alone does not count.
    running.discard(4)
    assert stops(rule, 2, r3=0.9, r5=0.3) == {5}
    assert stops(rule, 3, r0=0.9, r5=0.9) == {5}
    assert stops(rule, 4, r2=0.3) == set()


@pytest.mark.process
@pytest.mark.parametrize(
    ("parameters", "line"),
    [
        ({"seed": {"values": [1, 2]}}, "--repeats: the sweep file varies seed already"),
        ({}, None),
    ],
)
def test_where_the_sweep_has_seeds_of_its_own(
    parameters: dict[str, Any], line: str | None, tmp_path: Path
):
    made = sweep(
        {"hidden_size": {"values": [8, 9]}, "dataset": {"value": "digits"}} | parameters, "grid"
    )
    options = SweepOptions(storage=str(tmp_path / "a.db"), repeats=2)
    if line is None:
        with LocalSweep(made, options) as local:
            assert local.total == 4
        return
    with pytest.raises(ConfigError, match=line):
        LocalSweep(made, options)
