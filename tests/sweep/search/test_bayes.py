"""What TPE learns from: all of a short study, the best and the latest runs of a long one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from dlsweep.sweep.file import Coordinates
from dlsweep.sweep.search import Bayes, optuna_distribution
from dlsweep.sweep.study import Run, Study
from tests.sweep.helpers import history, sweep

PARAMETERS = {
    "learning_rate": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0},
    "dropout": {"min": 0.0, "max": 0.9},
    "optimizer": {"values": ["sgd", "adam", "nadam"]},
}
SPACE = sweep(PARAMETERS, "bayes").space
MOST = 1000


def bayes(goal: str = "maximize") -> Bayes:
    return Bayes(SPACE.axes, [goal], 7)


def point(index: int) -> Coordinates:
    return SPACE.random(3, index)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[list[FrozenTrial]]:
    """The trials that TPE had for each proposal, but the proposed one."""
    proposals: list[list[FrozenTrial]] = []

    class Sampler(optuna.samplers.TPESampler):
        def sample_relative(self, study: optuna.Study, trial: FrozenTrial, *rest: Any) -> Any:
            proposals.append(
                [t for t in study.get_trials(deepcopy=False) if t.number != trial.number]
            )
            return super().sample_relative(study, trial, *rest)

    monkeypatch.setattr(optuna.samplers, "TPESampler", Sampler)
    return proposals


def values(trials: Sequence[FrozenTrial]) -> list[float]:
    return [t.value for t in trials if t.state == TrialState.COMPLETE and t.value is not None]


def test_a_short_study_is_optunas_own() -> None:
    """Ended, refused, failed and diverged runs, some still running: as told to Optuna directly."""
    distributions = {axis.parameter: optuna_distribution(axis) for axis in SPACE.axes}
    sampler = optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=7)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    ours = bayes()
    generator = random.Random(1)
    for index in range(20):
        value = generator.random()
        ours.learn(point(index), (value,))
        study.add_trial(create_trial(value=value, params=point(index), distributions=distributions))
    running: dict[int, int] = {}
    for number in range(100):
        ticket, proposed = ours.propose()
        trial = study.ask(distributions)
        assert proposed == trial.params
        if number % 9 == 0:
            ours.refuse(ticket)
            study.tell(trial, state=TrialState.FAIL)
            continue
        ours.add(number, proposed, ticket)
        running[number] = trial.number
        if len(running) == 5:
            ended = generator.choice(list(running))
            value = generator.random()
            if value > 0.2:
                ours.tell(ended, (value,), counts=True)
                study.tell(running.pop(ended), value)
            else:
                ours.tell(ended, None, counts=value > 0.1)
                state = TrialState.PRUNED if value > 0.1 else TrialState.FAIL
                study.tell(running.pop(ended), state=state)


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
@pytest.mark.parametrize("resumed", [True, False])
def test_a_long_study(goal: str, resumed: bool, seen: list[list[FrozenTrial]]) -> None:
    ours = bayes(goal)
    results = list(range(5 * MOST))
    random.Random(2).shuffle(results)
    ours.add(-1, point(-1 % 99))
    for number, value in enumerate(results):
        if resumed:
            ours.learn(point(number), (value,))
        else:
            ours.add(number, point(number))
            ours.tell(number, (value,), counts=True)
        if number % MOST == 500 or number == len(results) - 1:
            ticket, _ = ours.propose()
            ours.refuse(ticket)
            so_far = results[: number + 1]
            assert len(seen[-1]) < MOST
            kept = values(seen[-1])
            best = sorted(so_far, reverse=goal == "maximize")[:25]
            assert set(best) <= set(kept)
            assert kept[-1] == so_far[-1]
            assert len(set(kept) & set(so_far[-200:])) >= 100
            assert kept == [value for value in so_far if value in set(kept)]  # in order
            assert len(kept) >= min(len(so_far), MOST // 2)
            assert [t.params for t in seen[-1] if t.state == TrialState.RUNNING] == [point(-1 % 99)]
    early = set(values(seen[-1])) & set(results[: len(results) // 2])
    assert len(early - set(best)) > 10  # TPE still knows where else it has been


def test_a_ticket_outlives_what_is_forgotten(seen: list[list[FrozenTrial]]) -> None:
    ours = bayes()
    for number in range(MOST - 2):
        ours.learn(point(number), (0.1,))
    tickets = [ours.propose() for _ in range(4)]  # the copy is full after the second
    for number, (ticket, coordinates) in enumerate(tickets):
        ours.add(number, coordinates, ticket)
    for number in range(3):
        ours.tell(number, (0.5 + number,), counts=True)
    ours.propose()
    assert len(seen[-1]) < MOST
    assert [t.params for t in seen[-1] if t.value is not None and t.value > 0.1] == [
        coordinates for _, coordinates in tickets[:3]
    ]
    assert [t.params for t in seen[-1] if t.state == TrialState.RUNNING] == [tickets[3][1]]


def test_what_was_refused_or_diverged_is_bounded_too(seen: list[list[FrozenTrial]]) -> None:
    ours = bayes()
    for number in range(20):
        ours.learn(point(number), (number / 20,))
    for number in range(2 * MOST):
        ours.add(number, point(number))
        ours.tell(number, None, counts=number % 2 == 0)
    ours.refuse(ours.propose()[0])
    assert len(seen[-1]) < MOST
    assert len(values(seen[-1])) == 20  # the best


def test_more_running_at_once_than_are_learned_from(seen: list[list[FrozenTrial]]) -> None:
    ours = bayes()
    for number in range(20):
        ours.learn(point(number), (number / 20,))
    for number in range(MOST + 500):
        ours.add(number, point(number))
    ours.propose()
    assert len(seen[-1]) == MOST + 520  # none of them can be left out


def test_the_same_calls_propose_the_same() -> None:
    def proposals() -> list[Coordinates]:
        ours = bayes()
        for number in range(MOST - 10):
            ours.learn(point(number), (number % 7,))
        found = []
        for number in range(20):
            ticket, coordinates = ours.propose()
            ours.add(number, coordinates, ticket)
            ours.tell(number, (number % 5,), counts=True)
            found.append(coordinates)
        return found

    first = proposals()
    assert proposals() == first
    assert len({str(coordinates) for coordinates in first}) == 20


@pytest.mark.parametrize("again", [False, True])
def test_a_stopped_run_is_compared_with_those_that_were_stopped_as_late(
    again: bool, tmp_path: Path
):
    """After one epoch small x is far ahead, and after all of them far behind."""
    made = sweep({"learning_rate": {"min": 0.0, "max": 1.0}}, "bayes", run_cap=80)
    storage = str(tmp_path / "a.db")

    def end(study: Study, run: Run) -> None:
        rate = run.config.learning_rate
        if rate < 0.5:  # early stopping has found out
            study.finish(run, "stopped", history(1.0 - rate))
        else:
            study.finish(run, "finished", history(0.1, 0.2, 0.3 + rate / 10))

    tried: list[float] = []
    study = Study.open(made, storage, seed=1)
    for i in range(40):
        [run] = study.take(1)
        end(study, run)
        tried.append(run.config.learning_rate)
        if again and i == 20:
            study.close()
            study = Study.open(made, storage)
    study.close()
    assert sum(rate > 0.5 for rate in tried[20:]) >= 16
