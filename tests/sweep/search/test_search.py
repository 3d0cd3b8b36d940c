"""Which runs are asked for: grid, random, bayes; each configuration once."""

from __future__ import annotations

import importlib
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest

from dlsweep import ConfigError, RunConfig
from dlsweep.config.relations import is_idle
from dlsweep.sweep.file import Continuous, Metric, Space, SweepFile
from dlsweep.sweep.search import Draft, Search
from dlsweep.sweep.study import Study
from tests.sweep.helpers import history, sweep, train

GRID = {
    "optimizer": {"values": ["sgd", "adam"]},
    "epochs": {"values": [1, 2, 3]},
    "batch_size": {"min": 16, "max": 18},
    "dropout": {"distribution": "q_uniform", "min": 0.1, "max": 0.4, "q": 0.1},
    "seed": {"value": 5},
}


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return str(tmp_path / "study.db")


def test_grid_is_complete_and_in_wandbs_order(storage: str) -> None:
    with Study.open(sweep(GRID, "grid"), storage) as study:
        assert study.total == 72
        runs = train(study, 100, batch=7)
        assert study.take(1) == []
    found = [(c.batch_size, c.dropout, c.epochs, c.optimizer) for c in (p.config for p in runs)]
    assert found == list(product([16, 17, 18], [0.1, 0.2, 0.3, 0.4], [1, 2, 3], ["sgd", "adam"]))
    assert [p.number for p in runs] == list(range(72))
    assert {p.config.seed for p in runs} == {5}


def test_grid_equals_wandb(storage: str) -> None:
    pytest.importorskip("sweeps", reason="W&B's sweeps 0.2.0 is not a dependency")
    grid = importlib.import_module("sweeps.grid_search")
    theirs = grid.grid_search_next_runs([], {"method": "grid", "parameters": GRID}, n=100)
    names = ["batch_size", "dropout", "epochs", "optimizer"]
    expected = [tuple(run.config[n]["value"] for n in names) for run in theirs if run]
    with Study.open(sweep(GRID, "grid"), storage) as study:
        found = [tuple(getattr(p.config, n) for n in names) for p in study.take(100)]
    for ours, wandbs in zip(found, expected, strict=True):
        assert ours[1] == pytest.approx(wandbs[1])
        assert (ours[0], *ours[2:]) == (wandbs[0], *wandbs[2:])


def test_a_large_grid_is_not_written_ahead(storage: str) -> None:
    parameters = {"seed": {"min": 0, "max": 9999}, "epochs": {"min": 1, "max": 50}}
    with Study.open(sweep(parameters, "grid"), storage) as study:
        study.take(3)
        assert study.total == 500_000
        assert len(study.rows()) == 3


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
def test_a_finite_space_ends_with_every_point_once(storage: str, method: str) -> None:
    parameters = {"epochs": {"min": 1, "max": 9}, "optimizer": {"values": ["sgd", "adam"]}}
    with Study.open(sweep(parameters, method), storage) as study:
        runs = train(study, 1000, batch=4, score=lambda c: c.epochs / 10)
        configs = {(p.config.epochs, p.config.optimizer) for p in runs}
        assert len(runs) == len(configs) == study.total == 18
        assert study.take(5) == []


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
def test_one_point_only(storage: str, method: str) -> None:
    with Study.open(sweep({"epochs": {"value": 1}}, method), storage) as study:
        (run,) = study.take(4)
        assert run.config == RunConfig(epochs=1)
        study.finish(run, "finished", history(0.5))
        assert study.take(4) == []


def test_spellings_of_one_configuration_are_one_point(storage: str) -> None:
    """q_normal gives the same few values again and again; each is trained once."""
    parameters = {"epochs": {"distribution": "q_normal", "mu": 20, "sigma": 2, "q": 5}}
    with Study.open(sweep(parameters), storage) as study:
        runs = train(study, 50)
        assert len({p.config for p in runs}) == len(runs)
        assert {p.config.epochs for p in runs} <= {5, 10, 15, 20, 25, 30, 35}
        assert 3 <= len(runs) <= 7


LR = {"learning_rate": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1.0}}


def test_random_points_are_a_function_of_the_seed(tmp_path: Path) -> None:
    def draw(name: str, seed: int | None, batches: list[int]) -> list[float]:
        found = []
        for n in batches:  # each batch by a new process, as it were
            with Study.open(sweep(LR), str(tmp_path / name), seed=seed) as study:
                for run in study.take(n):
                    found.append(run.config.learning_rate)
                    study.finish(run, "finished", history(0.1))
        return found

    one = draw("1.db", 1, [12])
    assert len(set(one)) == 12
    assert draw("2.db", 1, [5, 4, 3]) == one
    assert draw("3.db", 2, [12]) != one
    assert draw("4.db", None, [12]) == draw("5.db", None, [12])


def test_invalid_points_are_recorded_and_do_not_count(storage: str) -> None:
    parameters = {
        "hidden_size": {"values": [[64, 32], 128]},
        "num_layers": {"values": [2, 3]},
        "seed": {"min": 0, "max": 4},
    }
    with Study.open(sweep(parameters, "grid", run_cap=15), storage) as study:
        assert study.total == 15
        assert len(train(study, 100)) == 15
        table = study.table()
    invalid = [row for row in table.rows if row.status == "failed"]
    assert table.counts() == {"finished": 15, "failed": 5}
    for row in invalid:
        assert row.run_id == ""
        assert row.config["hidden_size"] == [64, 32]
        assert row.reason.startswith("hidden_size: got 2 sizes [64, 32] for num_layers 3")


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_nothing_but_invalid_points_ends(storage: str, method: str) -> None:
    """Only 1 draw in 10⁸⁰⁰ would be valid: the search must not go on for ever."""
    parameters = {"learning_rate": Continuous("normal", (-60.0, 1.0))}
    given = SweepFile("never", method, Metric(), parameters)
    with Study.open(given, storage) as study:
        with pytest.raises(ConfigError, match="50 points in a row were not valid configurations"):
            study.take(3)
        assert study.table().counts() == {"failed": 50}
        assert study.taken == 0


def toy(config: RunConfig) -> float:
    """Best at learning rate 0.01, dropout 0.3, adam: 1; falls away on all sides."""
    distance = (np.log10(config.learning_rate) + 2) ** 2 / 4 + (config.dropout - 0.3) ** 2 * 4
    return float(1 - distance - 0.3 * (config.optimizer != "adam"))


@pytest.mark.parametrize("method", ["grid", "random"])
def test_a_point_costs_the_same_however_many_there_are(
    storage: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    parameters = {"seed": {"min": 0, "max": 99_999}, "epochs": {"min": 1, "max": 50}}
    space = type(sweep(parameters, method).space)
    config = space.config
    monkeypatch.setattr(space, "config", lambda *a: made.append(1) or config(*a))
    for wanted in (3000, 3000):  # the second time, the study is resumed
        with Study.open(sweep(parameters, method), storage) as study:
            assert made == []
            assert len(study.take(wanted)) == wanted
            # Of five million points, three thousand are hardly ever drawn again.
            assert wanted <= len(made) <= wanted + 30
            made.clear()


def test_the_last_points_of_a_space_are_listed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = []
    at = Space.at
    monkeypatch.setattr(Space, "at", lambda space, i: listed.append(i) or at(space, i))
    given = sweep({"seed": {"min": 0, "max": 999}})
    search = Search(given, 5)
    drafts = [search.next() for _ in range(1000)]
    assert {draft.config.seed for draft in drafts if draft and draft.config} == set(range(1000))
    assert search.next() is None
    assert search.exhausted
    assert len(listed) == 1000


def test_a_search_holds_nothing_but_digests() -> None:
    """What a search keeps of its points is a set of numbers, two for each."""
    search = Search(sweep({"learning_rate": {"min": 0.0, "max": 1.0}}), 1)
    for _ in range(100):
        assert isinstance(search.next(), Draft)
    kept = [v for v in vars(search).values() if isinstance(v, list | dict | set)]
    assert [len(content) for content in kept] == [200]
    assert all(isinstance(digest, int) and digest < 2**64 for digest in kept[0])


def test_bayes_beats_random(tmp_path: Path) -> None:
    """The best of 50 runs, median of 3 seeds, asked for in batches of 4."""
    parameters: dict[str, Any] = {
        "learning_rate": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0},
        "dropout": {"distribution": "beta", "a": 1, "b": 1},  # by quantile
        "optimizer": {"values": ["sgd", "momentum", "nesterov", "rmsprop", "adam", "nadam"]},
    }

    def regret(method: str, seed: int) -> float:
        with Study.open(
            sweep(parameters, method), str(tmp_path / f"{method}{seed}.db"), seed=seed
        ) as study:
            train(study, 50, batch=4, score=toy)
            best = study.table().best
            assert best is not None
            assert best.value is not None
            return 1 - best.value

    random, bayes = ([regret(m, seed) for seed in range(3)] for m in ("random", "bayes"))
    assert median(bayes) < median(random) / 3


def test_bayes_minimizes_too(storage: str) -> None:
    parameters = {"learning_rate": {"min": 0.0, "max": 1.0}}
    given = sweep(parameters, "bayes", metric={"name": "val_loss", "goal": "minimize"})
    with Study.open(given, storage) as study:
        late = []
        for number in range(40):
            (run,) = study.take(1)
            loss = abs(run.config.learning_rate - 0.2)
            study.finish(run, "finished", [{"epoch": 1, "val_loss": loss}])
            late += [loss] if number >= 20 else []
    assert median(late) < 0.1  # at random: 0.3


def test_bayes_keeps_away_from_what_diverged(storage: str) -> None:
    with Study.open(sweep({"learning_rate": {"min": 0.0, "max": 1.0}}, "bayes"), storage) as study:
        rates = []
        for _ in range(40):
            (run,) = study.take(1)
            rates.append(run.config.learning_rate)
            if rates[-1] > 0.5:
                study.finish(run, "diverged", [{"epoch": 1, "val_accuracy": float("nan")}])
            else:
                study.finish(run, "finished", history(rates[-1]))
    # Where divergence is ignored, the search runs into it again and again: 18 to 20 of 20.
    assert sum(rate > 0.5 for rate in rates[20:]) <= 13


def test_bayes_goes_on_after_reopening(tmp_path: Path) -> None:
    """What was learned before is still known: no new start at random."""
    storage = str(tmp_path / "s.db")
    given = sweep({"learning_rate": {"min": 0.0, "max": 1.0}}, "bayes")
    with Study.open(given, storage) as study:
        train(study, 30, score=lambda c: -abs(c.learning_rate - 0.2))
    with Study.open(given, storage) as study:
        runs = train(study, 10, score=lambda c: -abs(c.learning_rate - 0.2))
    assert median(abs(p.config.learning_rate - 0.2) for p in runs) < 0.2  # at random: 0.3


IDLE = {
    "dropout": {"values": [0.0, 0.25]},
    "dropout_at": {"values": ["first", "last", "all"]},
    "optimizer": {"values": ["sgd", "adam"]},
    "beta1": {"values": [0.9, 0.8, 0.7]},
}


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
def test_settings_without_effect_make_no_second_configuration(method: str, tmp_path: Path):
    made = sweep(IDLE, method)
    line = (
        "20 of 36 combinations of beta1, dropout, dropout_at, optimizer are equal to others, for "
    )
    assert made.size == 16
    [notice] = made.notices
    assert notice.startswith(line)
    assert notice.endswith("for beta1 and dropout_at have no effect there; each is trained once")
    with Study.open(made, str(tmp_path / "a.db")) as study:
        runs = train(study, 100, batch=5, score=lambda c: c.beta1 - c.dropout)
        assert (study.exhausted, study.total) == (True, 16)
    heeded = {
        (c.optimizer, c.beta1 if c.optimizer == "adam" else 0, c.dropout and c.dropout_at)
        for c in (run.config for run in runs)
    }
    assert len(runs) == len(heeded) == 16


def test_a_model_of_the_users_own_may_heed_anything():
    settings = {"model": "nets.py:Net", "num_layers": 2}
    assert not is_idle("num_layers", settings)
    assert is_idle("conv_layers", {"model": "feedforward"})
    assert not is_idle("conv_layers", {})
