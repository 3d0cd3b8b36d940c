"""A study of a program: any settings, any metrics, and what is taken over between two of them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from dlsweep.sweep.execution import LoggedMetrics
from dlsweep.sweep.file import Settings, SweepFile, parse_sweep
from dlsweep.sweep.study import OptunaMirror, Run, Study, list_studies, read_study, run_name
from tests.sweep.helpers import sweep as builtin_sweep

SPACE: dict[str, Any] = {
    "width": {"values": [1, True, "1", [1], None]},
    "loss": {"values": ["mse", {"name": "huber", "delta": 0.5}]},
    "opt": {"parameters": {"lr": {"min": 0.0, "max": 1.0}, "steps": {"value": [1, 2]}}},
}
METRIC = {"name": "val/reward", "goal": "maximize"}


def program(space: dict[str, Any] = SPACE, method: str = "random", **more: Any) -> SweepFile:
    written = {"method": method, "program": "mine.py", "metric": METRIC, "name": "my sweep/1"}
    return parse_sweep({**written, "parameters": space, **more}, builtin=False)


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return str(tmp_path / "study.db")


def settings(run: Run) -> dict[str, Any]:
    assert isinstance(run.config, Settings)
    return run.config.as_dict()


def test_runs_have_the_programs_settings_whoever_reads_them(storage: str):
    with Study.open(program(), storage) as study:
        runs = study.take(10)
        names = [run_name(study.sweep, settings(run), i) for i, run in enumerate(runs)]
        assert [run.name for run in runs] == names
        for run in runs:
            assert settings(run).keys() == {"loss", "opt.lr", "opt.steps", "width"}
            assert isinstance(run.config, Settings)
            assert run.config.nested()["opt"]["steps"] == [1, 2]
            assert repr(study.config(run.number)) == repr(run.config)
        assert study.configs() == []
    rows = read_study(storage).rows
    assert [repr(dict(row.config)) for row in rows] == [repr(settings(run)) for run in runs]
    with Study.open(program(), storage) as study:  # what a dead process has left
        [(stack, left)] = study.left_over()
        assert stack is None
        assert [(repr(run.config), run.run_id) for run in left] == [
            (repr(run.config), run.run_id) for run in runs
        ]


def test_a_grid_ends_with_every_point_once(storage: str):
    space = {"a": {"values": [1, 1.0, True, "1", [1], "[1]"]}, "b": {"values": [{}, None]}}
    sweep = program(space, "grid")
    seen: list[dict[str, Any]] = []
    while True:
        with Study.open(sweep, storage) as study:
            assert study.total == 12
            runs = study.take(5)
            for run in runs:
                study.finish(run, "finished", [{"val/reward": 1}])
            seen += map(settings, runs)
            if not runs:
                break
    assert [repr(point) for point in seen] == [
        repr({"a": a, "b": b}) for a in space["a"]["values"] for b in space["b"]["values"]
    ]


def test_bayes_searches_any_values(storage: str):
    sweep = program(SPACE, "bayes", run_cap=40)
    seen = set()
    for _ in range(2):  # the second time it learns from what is stored
        with Study.open(sweep, storage, seed=3) as study:
            for _ in range(20):
                [run] = study.take(1)
                point = settings(run)
                seen.add(repr(point))
                reward = -((point["opt.lr"] - 0.5) ** 2) + (point["width"] is True)
                study.finish(run, "finished", [{"val/reward": reward}])
    assert len(seen) == 40
    table = read_study(storage)
    best = table.best
    assert best is not None
    assert best.config["width"] is True
    late = [row.config["width"] is True for row in table.rows[20:]]
    assert sum(late) > len(late) / 3  # a fifth at random


def test_the_value_is_that_of_the_metric_wherever_it_is(storage: str):
    ends: list[tuple[list[dict[str, Any]], dict[str, Any], float | None]] = [
        ([{"val/reward": 1.5}, {"epoch": 7}], {}, 1.5),
        ([{"val/reward": 1.5}, {"val/reward": 2}], {"val/reward": 9}, 9.0),
        ([{"val/reward": 1.5}], {"val/reward.max": 9}, 1.5),
        ([{"val/reward": math.nan}], {}, None),
        ([], {"val": {"reward": 3}}, None),
    ]
    with Study.open(program(), storage) as study:
        for run, (history, summary, value) in zip(study.take(5), ends, strict=True):
            assert study.finish(run, "finished", history, summary).value == value
    table = read_study(storage)
    assert [row.value for row in table.rows] == [value for *_, value in ends]
    assert [row.number for row in table.ranked()] == [1, 0, 2]
    assert table.rows[0].history[1] == {"epoch": 7}


def test_rows_are_kept_by_number_whatever_the_program_calls_an_epoch(storage: str):
    with Study.open(program(), storage) as study:
        one, other = study.take(2)
        study.epoch(one, 1, {"epoch": 0, "val/reward": 1.0})
        study.epoch(one, 2, {"epoch": 0, "train/x": 1.0})
        study.epoch(one, 3, {"val/reward": 2.0})
        study.epoch(other, 1, {"train/x": 1.0})
        assert study.curves() == {one.number: [1.0, 2.0]}
        assert [len(row.history) for row in study.rows()] == [3, 1]
        study.epoch(one, 2, {"val/reward": 5.0})  # it was begun again
        assert study.curves() == {one.number: [1.0, 5.0]}


def test_a_sweep_without_a_metric_ranks_nothing(storage: str):
    sweep = program(metric=None)
    with Study.open(sweep, storage) as study:
        for run in study.take(2):
            row = study.finish(run, "finished", [{"x": 1}, {"": 2}], {"x": 1})
            assert row.value is None
        assert not study.exhausted
    table = read_study(storage)
    assert table.best is None
    assert table.sweep == sweep
    assert len(table.ordered()) == 2


def test_a_target_ends_the_sweep(storage: str):
    with Study.open(program(metric={**METRIC, "target": 5}), storage) as study:
        one, other = study.take(2)
        study.finish(one, "finished", [], {"val/reward": 4.9})
        assert not study.exhausted
        study.finish(other, "finished", [], {"val/reward": 5})
        assert study.exhausted


def test_the_sweep_is_read_back_where_its_program_is_not(
    storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "mine.py").write_text("")
    monkeypatch.chdir(tmp_path)
    written = {"method": "random", "program": "mine.py", "parameters": SPACE, "metric": METRIC}
    sweep = parse_sweep(written)
    Study.open(sweep, storage).close()
    (tmp_path / "mine.py").unlink()
    [table] = list_studies(storage)
    assert table.sweep == sweep
    assert repr(table.sweep.parameters) == repr(sweep.parameters)


@pytest.mark.parametrize(
    ("command", "change"),
    [
        (["python", "${program}", "${args}"], "python mine.py '${args}'"),
        (["sh", "-c", "${envvar:WHERE}/a b"], "sh -c 'WHERE/a b'"),
    ],
)
def test_another_command_begins_a_new_study(storage: str, command: list[str], change: str):
    Study.open(program(), storage).close()
    with Study.open(program(command=command), storage) as study:
        [notice] = study.notices
    default = "'${env}' '${interpreter}' mine.py '${args}'"
    assert notice.startswith(f"sweep: program was {default}, is {change} (compared with")


def test_a_parameter_may_be_called_method_or_metric(storage: str):
    Study.open(program({"method": {"value": "a"}, "metric": {"value": 1}}), storage).close()
    space = {"method": {"value": "b"}, "metric": {"value": 1}}
    with Study.open(program(space), storage) as study:
        [notice] = study.notices
    assert notice.startswith("sweep: method was {value: a}, is {value: b} (compared with")


# Taking over


def finish_all(sweep: SweepFile, storage: str, n: int) -> list[dict[str, Any]]:
    with Study.open(sweep, storage) as study:
        runs = study.take(n)
        for i, run in enumerate(runs):
            study.finish(run, "finished", [{"val/reward": i, "other": -i}], {"x": i})
    return [settings(run) if isinstance(run.config, Settings) else {} for run in runs]


def test_runs_of_the_same_program_are_taken_over(storage: str):
    old = program()
    points = finish_all(old, storage, 30)
    wide = {**SPACE, "width": {"values": [True, "1", 7]}}
    new = program(wide, metric={"name": "other", "goal": "minimize"})
    fitting = [i for i, p in enumerate(points) if p["width"] is True or p["width"] == "1"]
    with Study.open(new, storage, continue_from=old.fingerprint) as study:
        assert study.notices[-1] == (
            f"continue-from: {len(fitting)} runs of study my-sweep-1-{old.fingerprint} were "
            f"taken over, {30 - len(fitting)} do not belong to the new space"
        )
        rows = study.rows()
        assert [repr(dict(row.config)) for row in rows] == [repr(points[i]) for i in fitting]
        assert [row.value for row in rows] == [-i for i in fitting]
        assert rows[0].name == run_name(new, points[fitting[0]], 0)
        known = {repr(points[i]) for i in fitting}
        assert not known & {repr(settings(run)) for run in study.take(20)}


@pytest.mark.parametrize(
    "other",
    [
        {"program": "other.py"},
        {"command": ["python", "${program}", "--epochs", "3", "${args}"]},
        {"space": {"x": {"parameters": {"y": {"value": 1}}}}},
        None,
    ],
)
def test_runs_of_another_program_are_not(storage: str, other: dict[str, Any] | None):
    old = program({"x.y": {"value": 1}, "z": {"min": 0.0, "max": 1.0}})
    finish_all(old, storage, 3)
    if other is None:
        new = builtin_sweep({"learning_rate": {"min": 0.1, "max": 0.2}})
    else:
        space = {"x.y": {"value": 1}, **other.pop("space", {}), "z": {"min": 0.0, "max": 1.0}}
        space.pop("x.y" if "x" in space else "", None)
        new = program(space, **other)
    with Study.open(new, storage, continue_from=old.fingerprint) as study:
        line = (
            f"continue-from: the runs of study my-sweep-1-{old.fingerprint} are of another program"
        )
        assert study.notices[-1] == line
        assert study.rows() == []


def test_a_program_takes_nothing_over_from_built_in_runs(storage: str):
    old = builtin_sweep({"epochs": {"values": [1, 2]}})
    with Study.open(old, storage) as study:
        for run in study.take(2):
            study.finish(run, "finished", [{"val_accuracy": 0.5}])
    new = program({"epochs": {"values": [1, 2]}})
    with Study.open(new, storage, continue_from=old.fingerprint) as study:
        assert "are of another program" in study.notices[-1]
        assert study.rows() == []


# Runs that are tried again


def test_runs_that_failed_can_be_reopened(storage: str):
    with Study.open(program(), storage) as study:
        runs = study.take(3)
        for run in runs:
            study.fail(run, "no such module", {"output": "out.log"})
        study.reopen(runs[:2])
        assert study.table().counts() == {"waiting": 2, "failed": 1}
    with Study.open(program(), storage) as study:
        [(_, again)] = study.left_over()
        assert [(run.number, run.run_id, run.attempt) for run in again] == [
            (run.number, run.run_id, 2) for run in runs[:2]
        ]
        row = study.finish(again[0], "finished", [{"val/reward": 1}])
        assert (row.status, row.reason, row.value) == ("finished", "", 1.0)


# Optuna


def test_optunas_tools_read_it(storage: str, tmp_path: Path):
    path = tmp_path / "optuna.log"
    sweep = program()
    with Study.open(sweep, storage) as study:
        mirror = OptunaMirror(path, study.table())
        for i, run in enumerate(study.take(5)):
            mirror.add(study.finish(run, "finished", [{"val/reward": i}, {"x": 1}], {"a.b": i}))
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    loaded = optuna.load_study(
        study_name=None, storage=JournalStorage(JournalFileBackend(str(path)))
    )
    assert loaded.best_value == 4.0
    for trial, row in zip(loaded.trials, read_study(storage).rows, strict=True):
        assert trial.user_attrs["config"] == json.loads(json.dumps(dict(row.config)))
        assert trial.params == row.coordinates


def test_a_run_is_called_by_what_varies_in_its_sweep():
    grid = {
        "learning_rate": {"values": [0.01, 1e-5]},
        "loss": {"values": ["mse", "cross_entropy"]},
        "optimizer": {"values": ["adam"]},
        "epochs": {"value": 1},
    }
    sweep = builtin_sweep(grid)
    config = {"learning_rate": 0.01, "loss": "mse", "optimizer": "adam", "epochs": 1}
    assert run_name(sweep, config, 7) == "lr0.01-mse-7"
    # The same once it was read from the study file.
    stored = parse_sweep(sweep.as_dict(), builtin=True)
    assert run_name(stored, {**config, "learning_rate": 1e-5}, 7) == "lr1e-05-mse-7"
    sweep = builtin_sweep({"epochs": {"value": 1}})
    assert run_name(sweep, config, 17) == f"{sweep.slug}-17"
    grid = {"optimizer": {"values": ["adam", "momentum"]}, "momentum": {"values": [0.5, 0.9]}}
    sweep = builtin_sweep(grid)
    assert (
        run_name(sweep, {"optimizer": "momentum", "momentum": 0.5}, 0) == "momentum0.5-momentum-0"
    )
    assert run_name(sweep, {"optimizer": "adam", "momentum": 0.5}, 1) == "adam-1"


def test_names_of_programs_runs_can_be_names_of_files():
    sweep = parse_sweep(
        {
            "program": "mine.py",
            "method": "grid",
            "name": "mine",
            "parameters": {
                "batch_size": {"values": [1, 2]},
                "block_sparsity": {"values": [0.5, None]},
                "path": {"values": ["/data/a b.csv", "..", "x" * 99]},
                "warm": {"values": [True, False]},
            },
        },
        builtin=False,
    )
    config = {"batch_size": 2, "block_sparsity": None, "path": "/data/a b.csv", "warm": False}
    assert run_name(sweep, config, 0) == "batch_size2-no-block_sparsity-a-b.csv-no-warm-0"
    assert run_name(sweep, {**config, "path": ""}, 3) == "batch_size2-no-block_sparsity-no-warm-3"
    for path in ("..", "x" * 99, ""):
        name = run_name(sweep, {**config, "path": path}, 12)
        assert name.endswith("-12")
        assert len(name) < 60
        assert ".." not in name


def test_a_run_that_fails_keeps_what_it_had_logged(storage: str):
    with Study.open(program(), storage) as study:
        [run] = study.take()
        run.history += [LoggedMetrics(1, {"loss": 2.0}), LoggedMetrics(2, {"val/reward": 1.0})]
        row = study.fail(run, "exit code 1")
        assert (row.status, row.value) == ("failed", None)
        assert row.history == [{"loss": 2.0}, {"val/reward": 1.0}]
        assert read_study(storage).rows == (row,)
