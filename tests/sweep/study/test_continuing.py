"""A changed sweep file: what is said of it, and the runs that its study takes over."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from dlsweep import ConfigError, RunConfig
from dlsweep.sweep.file import SweepFile
from dlsweep.sweep.study import Study, read_study, study_names
from tests.sweep.helpers import history, sweep, train

# An axis of every kind; those without a uniform law are addressed by quantiles.
KINDS: dict[str, dict[str, Any]] = {
    "values": {"optimizer": {"values": ["sgd", "adam"]}},
    "lists": {"hidden_size": {"values": [[64, 32], [64, 64], 64]}},
    "depths": {"hidden_size": {"values": [64, 32]}, "num_layers": {"values": [1, 2]}},
    "none": {"early_stopping": {"values": [None, 3]}},
    "booleans": {"batch_norm": {"values": [True, False]}},
    "probabilities": {"epochs": {"values": [1, 2], "probabilities": [0.1, 0.9]}},
    "int_uniform": {"epochs": {"min": 1, "max": 9}},
    "uniform": {"learning_rate": {"min": 0.0, "max": 1.0}},
    "q_uniform": {"batch_size": {"distribution": "q_uniform", "min": 16, "max": 64, "q": 16}},
    "uneven q_uniform": {
        "dropout": {"distribution": "q_uniform", "min": 0.05, "max": 0.5, "q": 0.1}
    },
    "log_uniform": {"learning_rate": {"distribution": "log_uniform", "min": -9, "max": 0}},
    "log_uniform_values": {
        "learning_rate": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1.0}
    },
    "inv_log_uniform_values": {
        "learning_rate": {"distribution": "inv_log_uniform_values", "min": 1e-4, "max": 1.0}
    },
    "q_log_uniform_values": {
        "batch_size": {"distribution": "q_log_uniform_values", "min": 8, "max": 512, "q": 8}
    },
    "normal": {"learning_rate": {"distribution": "normal", "mu": 0.5, "sigma": 0.1}},
    "q_normal": {"epochs": {"distribution": "q_normal", "mu": 20, "sigma": 3, "q": 5}},
    "log_normal": {"learning_rate": {"distribution": "log_normal", "mu": -6, "sigma": 1}},
    "beta": {"dropout": {"distribution": "beta", "a": 2, "b": 5}},
    "q_beta": {"weight_decay": {"distribution": "q_beta", "a": 2, "b": 5, "q": 0.1}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_point_is_located_by_its_configuration(kind: str) -> None:
    space = sweep({**KINDS[kind], "seed": {"value": 3}}).space
    for index in range(300):
        try:
            config = space.config(space.random(7, index))
        except ConfigError:
            continue
        found = space.locate(config)
        assert found is not None
        assert space.config(found) == config
        assert found.keys() == {axis.parameter for axis in space.axes}


@pytest.mark.parametrize(
    ("kind", "outside"),
    [
        ("values", {"optimizer": "nadam"}),
        ("lists", {"hidden_size": 32}),
        ("lists", {"hidden_size": 64, "num_layers": 2}),
        ("none", {"early_stopping": 4}),
        ("int_uniform", {"epochs": 10}),
        ("int_uniform", {"epochs": 3, "seed": 4}),
        ("int_uniform", {"epochs": 3, "batch_size": 32}),
        ("uniform", {"learning_rate": 1.5}),
        ("q_uniform", {"batch_size": 24}),
        ("q_uniform", {"batch_size": 80}),
        ("uneven q_uniform", {"dropout": 0.15}),
        ("log_uniform_values", {"learning_rate": 0.0}),
        ("q_normal", {"epochs": 12}),
        ("normal", {"learning_rate": 99.0}),
        ("beta", {"dropout": 0.0}),
    ],
)
def test_what_is_not_in_the_space_has_no_point(kind: str, outside: dict[str, Any]) -> None:
    space = sweep({**KINDS[kind], "seed": {"value": 3}}).space
    assert space.locate(RunConfig(**{"seed": 3, **outside})) is None


def test_a_point_of_another_law_is_located_but_for_rounding() -> None:
    wide = sweep({"dropout": {"distribution": "beta", "a": 2, "b": 5}}).space
    other = sweep({"dropout": {"distribution": "beta", "a": 3, "b": 4}}).space
    for index in range(200):
        config = wide.config(wide.random(1, index))
        found = other.locate(config)
        assert found is not None
        assert math.isclose(other.config(found).dropout, config.dropout, rel_tol=1e-12)


SPACE = {
    "learning_rate": {"min": 0.0, "max": 1.0},
    "optimizer": {"values": ["sgd", "adam"]},
    "epochs": {"values": [1, 2]},
}
NARROW = {**SPACE, "optimizer": {"value": "adam"}, "epochs": {"values": [1, 2, 3]}}


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return str(tmp_path / "study.db")


def finish_all(given: SweepFile, storage: str, n: int) -> Study:
    """A study of ``n`` runs that logged two metrics, of which one failed and one is open."""
    with Study.open(given, storage) as study:
        runs = study.take(n)
        for run in runs[2:]:
            rate = run.config.learning_rate
            epochs = [{"epoch": 1, "val_accuracy": 1 - rate, "val_loss": rate}]
            study.finish(run, "finished", epochs, {"parameters": 7}, {"directory": run.name})
        study.fail(runs[0], "no luck")
    return study


def test_a_changed_file_is_told(storage: str) -> None:
    old = sweep(SPACE)
    with Study.open(old, storage) as study:
        assert study.notices == ()
    with Study.open(sweep(SPACE, run_cap=9, description="more"), storage) as study:
        assert study.notices == ()
    with Study.open(sweep(NARROW, name="other"), storage) as study:
        assert study.notices == ()  # a sweep of another name has nothing to do with it
    metric = {"name": "val_loss", "goal": "minimize"}
    new = sweep({**NARROW, "batch_size": {"value": 32}}, "bayes", metric=metric)
    with Study.open(new, storage) as study:
        [notice] = study.notices
        name = study.name
    was = read_study(storage, old.fingerprint).name
    assert notice == (
        "sweep: method was random, is bayes, "
        "metric was maximize val_accuracy, is minimize val_loss, "
        "batch_size is new: {value: 32}, "
        "epochs was {values: [1, 2]}, is {values: [1, 2, 3]}, "
        "optimizer was {values: [sgd, adam]}, is {value: adam} "
        f"(compared with study {was}), so a new study begins, {name}; "
        f"`--continue-from {was}` takes over its finished runs that still fit"
    )
    with Study.open(new, storage) as study:
        assert study.notices == ()


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_runs_are_taken_over(storage: str, method: str) -> None:
    old = finish_all(sweep(SPACE), storage, 40)
    before = {row.run_id: row for row in read_study(storage).rows if row.status == "finished"}
    fitting = [i for i, row in before.items() if row.config["optimizer"] == "adam"]
    assert 10 < len(fitting) < 38
    metric = {"name": "val_loss", "goal": "minimize"}
    new = sweep(NARROW, method, metric=metric, run_cap=len(fitting) + 5)
    with Study.open(new, storage, continue_from="toy") as study:
        _, notice = study.notices
        assert notice == (
            f"continue-from: {len(fitting)} runs of study {old.name} were taken over, "
            f"{38 - len(fitting)} do not belong to the new space"
        )
        assert study.taken == len(fitting)
        assert study.left_over() == []
        if method == "bayes":
            assert study._search.bayes is not None
            assert study._search.bayes.ready
        more = study.take(100)
        assert [run.number for run in more] == [len(fitting) + i for i in range(5)]
        assert study.exhausted
        rows = study.rows()
    taken = rows[: len(fitting)]
    assert [row.run_id for row in taken] == fitting
    for row in taken:
        was = before[row.run_id]
        assert row.value == was.config["learning_rate"]  # of the new metric
        assert (row.config, row.history, row.summary) == (was.config, was.history, was.summary)
        assert (row.status, row.started, row.finished) == (was.status, was.started, was.finished)
        assert row.info == {
            "directory": was.name,
            "continued_from": {"study": old.name, "run": was.name},
        }
        assert new.space.config(row.coordinates) == RunConfig(**row.config)
    assert read_study(storage, old.name).counts() == {"waiting": 1, "finished": 38, "failed": 1}


def test_nothing_is_taken_twice(storage: str) -> None:
    grid = {"optimizer": {"values": ["sgd", "adam"]}, "epochs": {"min": 1, "max": 4}}
    with Study.open(sweep(grid, "grid"), storage) as study:
        train(study, 8)
        name = study.name
    wider = sweep({**grid, "epochs": {"min": 1, "max": 6}}, "grid")
    with Study.open(wider, storage, continue_from=name) as study:
        assert study.taken == 8
        train(study, 2)
    for _ in range(2):  # the same command again
        with Study.open(wider, storage, continue_from=name) as study:
            [notice] = study.notices
            assert notice == (
                f"continue-from: 0 runs of study {name} were taken over, 8 were here before"
            )
            assert study.taken == 10
    with Study.open(wider, storage) as study:
        train(study, 100)
        assert study.exhausted
        configs = [(row.config["optimizer"], row.config["epochs"]) for row in study.rows()]
    assert len(configs) == len(set(configs)) == study.total == 12


def test_the_target_may_be_reached_already(storage: str) -> None:
    finish_all(sweep(SPACE), storage, 40)
    metric = {"name": "val_loss", "goal": "minimize", "target": 0.9}
    with Study.open(sweep(NARROW, metric=metric), storage, continue_from="toy") as study:
        assert study.exhausted
        assert study.take(1) == []


def test_early_termination_knows_their_curves(storage: str) -> None:
    with Study.open(sweep(SPACE), storage) as study:
        run = study.take(1)[0]
        study.finish(run, "stopped", history(0.1, 0.2))
    wider = sweep({**SPACE, "epochs": {"values": [1, 2, 3]}})
    with Study.open(wider, storage, continue_from=study.name) as study:
        assert study.curves() == {0: [0.1, 0.2]}
        [row] = study.rows()
        assert (row.status, row.value) == ("stopped", 0.2)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("toi", "got 'toi', no such study; did you mean 'toy'?"),
        ("{own}", "got '{own}', the study of this very sweep, which goes on without it"),
    ],
)
def test_there_is_nothing_to_continue_from(storage: str, name: str, line: str) -> None:
    with Study.open(sweep(SPACE), storage) as study:
        own = study.name
    with pytest.raises(ConfigError) as caught:
        Study.open(sweep(SPACE), storage, continue_from=name.format(own=own))
    assert caught.value.problems == (f"--continue-from: {line.format(own=own)}",)
    with pytest.raises(ConfigError):
        Study.open(sweep(NARROW), storage, continue_from="nobody")
    assert study_names(storage) == [own]
