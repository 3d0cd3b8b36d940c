"""The contract of a source, over every implementation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dlsweep.config import RunConfig
from dlsweep.data import load
from dlsweep.sweep.agent import WandbSource, _agents
from dlsweep.sweep.driver import Source, StudySource
from dlsweep.sweep.file import Metric
from dlsweep.sweep.study import PlannedStack, Row, Run, Study
from dlsweep.tracking import SweepService, conclude
from dlsweep.training import EpochMetrics, train_stack
from tests.sweep.helpers import sweep
from tests.wandb_server import WandbServer

FIVE = {
    "dataset": {"value": "digits"},
    "train_size": {"value": 100},
    "epochs": {"value": 2},
    "hidden_size": {"value": 8},
    "figures": {"value": "none"},
    "seed": {"values": [1, 2, 3, 4, 5]},
}
PATIENCE = 60.0  # seconds; far more than anything takes

Opens = Callable[[], Source]


@pytest.fixture
def study_source(tmp_path: Path) -> Iterator[Opens]:
    studies: list[Study] = []

    def opens() -> Source:
        for study in studies:
            study.close()
        studies.append(Study.open(sweep(FIVE, "grid"), str(tmp_path / "study.db")))
        return StudySource(studies[-1], mode="offline", at_once=8, settings={"device": "cpu"})

    yield opens
    studies[-1].close()


@pytest.fixture
def wandb_source(wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch) -> Opens:
    monkeypatch.setattr(_agents, "HEARTBEAT_SECONDS", 0.1)
    config = {"method": "grid", "program": "train.py", "parameters": FIVE}
    added = wandb_server.add_sweep(config, entity="team", project="plants")

    def opens() -> Source:
        service = SweepService(f"team/plants/{added.id}")
        settings = {"device": "cpu"}
        metric = Metric()
        return WandbSource(
            service, mode="online", metric=metric, at_once=8, settings=settings, left=5
        )

    return opens


@pytest.fixture(params=["study_source", "wandb_source"])
def opens(request: pytest.FixtureRequest) -> Opens:
    """Opens a source of the sweep ``FIVE``; each time another one, when the last was closed."""
    found: Opens = request.getfixturevalue(request.param)
    return found


def take_all(source: Source) -> list[Run]:
    """Take runs until there are no more, as the driver does, but train none."""
    runs: list[Run] = []
    end = time.monotonic() + PATIENCE
    while not source.exhausted:
        assert time.monotonic() < end
        taken = source.take(8)
        runs += taken
        if not taken:
            source.wait()
    return runs


def log(source: Source, run: Run, metrics: EpochMetrics, outcome: Any = None) -> None:
    run.history.append(metrics)
    source.epoch(run, metrics, outcome)


def train(source: Source, run: Run) -> Row:
    """Train a run to its end."""
    source.started([run])
    [result] = train_stack([run.config], load("digits", train_size=100))
    outcome = conclude(result, load("digits", train_size=100))
    *first, last = result.history
    for metrics in first:
        log(source, run, metrics)
    log(source, run, last, outcome)
    return source.ended(run, outcome)


class TestSource:
    """What holds for every source."""

    def test_every_run_is_handed_out_once(self, opens: Opens):
        source = opens()
        assert not source.exhausted
        two = source.take(2)
        assert len(two) == 2
        runs = two + take_all(source)
        assert source.exhausted
        assert source.take(1) == []
        assert [run.number for run in runs] == list(range(5))
        assert len({run.run_id for run in runs}) == 5
        assert sorted(run.config.seed for run in runs) == [1, 2, 3, 4, 5]
        for run in runs:
            assert (run.history, run.deaths) == ([], 0)
            source.give_back(run)
        source.close()

    def test_settings_override_those_of_the_sweep(self, opens: Opens):
        source = opens()
        [run] = source.take(1)
        assert run.config.device == "cpu"
        assert isinstance(run.config, RunConfig)
        assert source.config(run.number) == run.config
        train(source, run)
        assert source.config(run.number) == run.config  # also when it has ended
        source.close()

    def test_stacks_have_places_of_their_own(self, opens: Opens):
        source = opens()
        assert source.left_over() == []
        a, b, c = source.take(3)
        first, second = source.plan([[a, c], [b]])
        assert (first.members, second.members) == ((a.number, c.number), (b.number,))
        assert not first.begun
        for stack in (first, second):
            assert source.begin(stack) == PlannedStack(stack.id, stack.members, True)
        [third] = source.plan([[b]])
        assert len({source.checkpoint(stack) for stack in (first, second, third)}) == 3
        for run in (a, b, c):
            source.give_back(run)
        source.close()

    def test_a_run_ends_with_what_it_came_to(self, opens: Opens):
        source = opens()
        [run] = source.take(1)
        row = train(source, run)
        assert (row.number, row.run_id, row.status) == (run.number, run.run_id, "finished")
        assert [epoch["epoch"] for epoch in row.history] == [1, 2]
        assert row.history == [metrics.as_dict() for metrics in run.history]
        assert row.value == row.history[-1]["val_accuracy"]
        assert 0 < row.summary["test_accuracy"] <= 1
        assert row.config["seed"] == run.config.seed
        source.close()

    def test_a_run_may_begin_again(self, opens: Opens):
        """Its stack broke: it goes on in the same wandb run."""
        source = opens()
        [run] = source.take(1)
        source.started([run])
        row = train(source, run)
        assert (row.run_id, len(row.history)) == (run.run_id, 2)
        source.close()

    def test_runs_that_cannot_be_trained(self, opens: Opens):
        source = opens()
        a, b = source.take(2)
        source.started([a])
        row = source.failed(a, "out of luck")
        assert (row.number, row.status, row.reason) == (a.number, "failed", "out of luck")
        assert row.value is None
        assert train(source, b).status == "finished"
        source.close()

    def test_a_run_that_is_stopped_before_it_began_has_ended(self, opens: Opens):
        source = opens()
        a, b = source.take(2)
        source.started([a])
        for run in (a, b):
            row = source.stopped(run)
            assert (row.number, row.value) == (run.number, None)
            assert row.status in ("stopped", "failed")
        source.close()
        assert not {a.run_id, b.run_id} & ids_of(opens())

    def test_what_is_given_back_is_handed_out_again(self, opens: Opens):
        source = opens()
        done, begun, waiting = source.take(3)
        train(source, done)
        source.started([begun])
        log(source, begun, EpochMetrics(1, 1.0, 0.5, 1.0, 0.5, 0.1, 0.1))
        source.give_back(begun)
        source.give_back(waiting)
        source.close()
        again = opens()
        found = [run for _, runs in again.left_over() for run in runs] + take_all(again)
        assert {begun.run_id, waiting.run_id} <= {run.run_id for run in found}
        assert done.run_id not in {run.run_id for run in found}
        assert sorted([done.config.seed, *(run.config.seed for run in found)]) == [1, 2, 3, 4, 5]
        for run in found:
            again.give_back(run)
        again.close()

    def test_nothing_is_asked_of_a_source_that_is_left_alone(self, opens: Opens):
        source = opens()
        assert not source.leave_asked
        assert list(source.stops_asked()) == []
        assert source.early_termination() is None
        source.close()


def ids_of(source: Source) -> set[str]:
    """The ids of all runs that a source hands out."""
    runs = [run for _, runs in source.left_over() for run in runs] + take_all(source)
    for run in runs:
        source.give_back(run)
    source.close()
    return {run.run_id for run in runs}
