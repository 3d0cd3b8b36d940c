"""The stacked agent between W&B's sweep service, the trainers and the wandb client."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Sequence
from typing import Any

import pytest

import dlsweep
from dlsweep.config import ConfigError, RunConfig, parse_config
from dlsweep.data import Dataset, load
from dlsweep.sweep import HereTrainer, Metric, Point, Row, Trainer, _crew
from dlsweep.sweep._agent import SweepAgent
from dlsweep.sweep._jobs import Broken, Cause, Event, Trained
from dlsweep.tracking import SweepGone, SweepService
from dlsweep.training import EpochMetrics, train_stack
from tests.tracking.facts import check_confusion, check_run
from tests.wandb_server import Run, Sweep, WandbServer

TINY = {
    "dataset": {"value": "digits"},
    "epochs": {"value": 2},
    "hidden_size": {"value": 8},
}
SPACE = {
    **TINY,
    "hidden_layers": {"values": [1, 2]},
    "lr": {"distribution": "log_uniform_values", "min": 0.001, "max": 0.1},
    "net": {"parameters": {"activation_function": {"values": ["Tanh", "relu"]}}},
    "optimizer": {"values": ["sgd", "adam", "nadam"]},
}


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_crew, "HEARTBEAT_SECONDS", 0.1)


class Notes:
    """A watcher that may do something when it is told of an epoch."""

    def __init__(self, on_epoch: Any = None) -> None:
        self.on_epoch = on_epoch
        self.stacks: list[list[str]] = []
        self.rows: list[Row] = []

    def started(self, points: Sequence[Point]) -> None:
        self.stacks.append([point.run_id for point in points])

    def trained(self, point: Point, metrics: EpochMetrics) -> None:
        if self.on_epoch is not None:
            self.on_epoch(point, metrics)

    def ended(self, row: Row) -> None:
        self.rows.append(row)


def add(server: WandbServer, parameters: dict[str, Any], **more: Any) -> Sweep:
    config = {"method": "random", "program": "train.py", "parameters": parameters, **more}
    return server.add_sweep(config, entity="team", project="plants")


def grid(server: WandbServer, parameters: dict[str, Any], **more: Any) -> Sweep:
    return add(server, {**TINY, **parameters}, method="grid", **more)


def make(
    sweep: Sweep,
    data: Dataset,
    *,
    watcher: Notes | None = None,
    trainer: Trainer | None = None,
    mode: str = "online",
    stack: int = 16,
    **more: Any,
) -> SweepAgent:
    return SweepAgent(
        SweepService(f"team/plants/{sweep.id}"),
        trainer or HereTrainer(lambda _: data),
        mode=mode,
        metric=Metric(),
        watcher=watcher or Notes(),
        settings={},
        stack=stack,
        **more,
    )


def runs_of(server: WandbServer, sweep: Sweep) -> list[Run]:
    return [server.runs[run_id] for run_id in sweep.runs]


def check_complete(server: WandbServer, sweep: Sweep) -> None:
    """Every run of the sweep is whole, its own, and what it would be alone."""
    for run in runs_of(server, sweep):
        config = check_run(run)
        point = sweep.handed_out[run.id]
        assert (run.entity, run.project, run.sweep) == ("team", "plants", sweep.id)
        assert run.config == {**config.as_dict(), **point}
        expected, _ = parse_config({**point, "wandb_project": "plants", "wandb_entity": "team"})
        assert config == expected
        check_confusion(run, "val")
        check_confusion(run, "test")
    assert server.unknown == []


# Runs


def test_runs_of_a_sweep_are_complete_and_their_own(wandb_server: WandbServer, digits: Dataset):
    sweep = add(wandb_server, SPACE, run_cap=10)
    notes = Notes()
    agent = make(sweep, digits, watcher=notes)
    agent.run()
    assert len(sweep.runs) == 10
    check_complete(wandb_server, sweep)
    assert sweep.state == "FINISHED"
    assert max(map(len, notes.stacks)) > 1
    assert sorted(run for stack in notes.stacks for run in stack) == sorted(sweep.runs)
    assert {row.run_id for row in agent.rows} == set(sweep.runs)
    assert agent.unsent == {}
    for run, row in ((wandb_server.runs[row.run_id], row) for row in agent.rows):
        assert row.value == run.column("val_accuracy")[-1]
        [alone] = train_stack([RunConfig(**row.config)], digits)
        assert run.column("val_loss") == pytest.approx([m.val_loss for m in alone.history])


@pytest.mark.slow
def test_sixty_four_runs_in_two_processes(wandb_server: WandbServer):
    sweep = add(wandb_server, SPACE, run_cap=64)
    rows = dlsweep.agent(f"team/plants/{sweep.id}", workers=2)
    assert len(rows) == len(sweep.runs) == 64
    check_complete(wandb_server, sweep)


def test_an_agent_takes_no_more_than_it_was_told(wandb_server: WandbServer, digits: Dataset):
    sweep = add(wandb_server, SPACE)  # without an end
    agent = make(sweep, digits, stack=2, count=5)
    agent.run()
    assert len(sweep.runs) == len(agent.rows) == 5
    check_complete(wandb_server, sweep)
    assert len(wandb_server.agents) <= 5


def test_from_python(wandb_server: WandbServer, digits: Dataset, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dlsweep.training._data.load", lambda *_, **__: digits)
    sweep = add(wandb_server, SPACE, run_cap=3)
    rows = dlsweep.agent(sweep.id, entity="team", project="plants", count=2, workers=1)
    assert [row.status for row in rows] == ["finished"] * 2
    check_complete(wandb_server, sweep)
    with pytest.raises(ConfigError) as caught:
        dlsweep.agent(sweep.id, count=0, stack="many")  # type: ignore[arg-type]
    assert caught.value.problems == (
        "count: got 0, expected an integer ≥ 1",
        "stack: got 'many', expected an integer ≥ 1",
    )


def test_a_device_that_is_given_goes_before_the_sweeps(wandb_server: WandbServer, digits: Dataset):
    sweep = grid(wandb_server, {"seed": {"values": [1]}})
    agent = make(sweep, digits)
    agent._overriding["device"] = "cpu"
    agent.run()
    [run] = runs_of(wandb_server, sweep)
    assert run.config["device"] == "cpu"


# Failures


def test_a_point_that_cannot_be_trained_fails_and_the_others_go_on(
    wandb_server: WandbServer, digits: Dataset, caplog: pytest.LogCaptureFixture
):
    sweep = grid(wandb_server, {"optimizer": {"values": ["sgd", "adamm", "adam"]}})
    agent = make(sweep, digits)
    with caplog.at_level(logging.WARNING, "dlsweep"):
        agent.run()
    runs = {sweep.handed_out[run.id]["optimizer"]: run for run in runs_of(wandb_server, sweep)}
    one, wrong, other = runs["sgd"], runs["adamm"], runs["adam"]
    check_run(one)
    check_run(other)
    line = "optimizer: got 'adamm', not a known choice; did you mean 'adam'?"
    assert (wrong.state, wrong.exit_code, wrong.sweep) == ("failed", 2, sweep.id)
    assert (wrong.summary["status"], wrong.summary["reason"]) == ("failed", line)
    assert wrong.config == sweep.handed_out[wrong.id]
    assert wrong.history == []
    [row] = [row for row in agent.rows if row.status == "failed"]
    assert (row.run_id, row.reason) == (wrong.id, line)
    assert not agent.failing


def test_an_agent_gives_up_where_everything_fails(wandb_server: WandbServer, digits: Dataset):
    sweep = add(wandb_server, {**TINY, "optimizer": {"value": "adamm"}})  # without an end
    agent = make(sweep, digits, stack=3)
    agent.run()
    assert agent.failing
    assert len(sweep.runs) == 6  # two times three; `wandb agent` gives up after five
    assert {run.state for run in runs_of(wandb_server, sweep)} == {"failed"}


class Breaking(HereTrainer):
    """Every stack with a run of seed 2 breaks after its second epoch."""

    def start(self, job: int, configs: Sequence[RunConfig], **more: Any) -> None:
        super().start(job, configs, **more)
        self.number, self.breaks = job, any(config.seed == 2 for config in configs)
        self.epochs = 0

    def wait(self) -> Sequence[Event]:
        events = super().wait()
        self.epochs += sum(isinstance(event, Trained) for event in events)
        if not self.breaks or self.epochs < 2:
            return events
        self._running = None
        return [*events, Broken(self.number, "it broke", cause=self.cause)]


@pytest.mark.parametrize("cause", list(Cause))
def test_a_stack_that_breaks_is_trained_again_and_the_guilty_run_fails(
    wandb_server: WandbServer, digits: Dataset, cause: Cause
):
    sweep = grid(wandb_server, {"epochs": {"value": 4}, "seed": {"values": [1, 2, 3]}})
    trainer = Breaking(lambda _: digits)
    trainer.cause = cause
    notes = Notes()
    make(sweep, digits, trainer=trainer, watcher=notes).run()
    first, guilty, last = (
        next(run for run in runs_of(wandb_server, sweep) if run.config["seed"] == seed)
        for seed in (1, 2, 3)
    )
    assert (guilty.state, guilty.exit_code) == ("failed", 1)
    assert guilty.summary["reason"] == "it broke"
    assert guilty.column("epoch") == [1, 2]
    for run in (first, last):
        check_run(run)  # every epoch once, though some were trained twice
    assert [len(stack) for stack in notes.stacks] == {
        Cause.ERROR: [3, 1, 1, 1],
        Cause.MEMORY: [3, 2, 1, 1, 1] if guilty.id in notes.stacks[1] else [3, 2, 1],
        Cause.DEATH: [3, 3, 1, 1, 1],
    }[cause]


def test_an_error_of_the_agent_fails_its_runs(wandb_server: WandbServer, digits: Dataset):
    def error(point: Point, metrics: EpochMetrics) -> None:
        raise ValueError("the watcher fell asleep")

    sweep = grid(wandb_server, {"seed": {"values": [1, 2]}})
    with pytest.raises(ValueError, match="fell asleep"):
        make(sweep, digits, watcher=Notes(error)).run()
    for run in runs_of(wandb_server, sweep):
        assert (run.state, run.exit_code) == ("failed", 1)
        assert run.summary["reason"] == "the agent ended: ValueError: the watcher fell asleep"


# What the server says


class Recording(HereTrainer):
    """Writes down what it is given to train."""

    def start(self, job: int, configs: Sequence[RunConfig], **more: Any) -> None:
        super().start(job, configs, **more)
        self.stacks = [*getattr(self, "stacks", []), (configs, more["compile_for"])]


@pytest.fixture
def stop_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """wandb asks its own service every 15 s whether a run is to stop."""
    from wandb.sdk.lib.run_stopping import RunStopChecker

    monkeypatch.setitem(RunStopChecker.__init__.__kwdefaults__, "poll_interval", 0.1)


@pytest.mark.parametrize("by", ["agent", "stream"])
def test_a_run_that_is_stopped_leaves_its_neighbours_untouched(
    wandb_server: WandbServer, digits: Dataset, stop_checks: None, by: Any
):
    most = 400
    sweep = grid(wandb_server, {"epochs": {"value": most}, "seed": {"values": [1, 2, 3, 4]}})
    trainer = Recording(lambda _: digits)
    agent = make(sweep, digits, trainer=trainer)

    def click() -> None:
        """A user's: at one run, when it has logged something; the others 20 epochs later."""
        wandb_server.wait_for(lambda: len(sweep.runs) == 4 and sweep.runs[1] in wandb_server.runs)
        victim = wandb_server.runs[sweep.runs[1]]
        wandb_server.wait_for(lambda: bool(victim.history))
        wandb_server.stop_run(victim.id, by=by)
        wandb_server.wait_for(lambda: victim.complete)
        for run_id in (sweep.runs[0], sweep.runs[2], sweep.runs[3]):
            agent.stop_run(run_id)

    user = threading.Thread(target=click)
    user.start()
    agent.run()
    user.join()
    runs = runs_of(wandb_server, sweep)
    for run in runs:
        assert (run.state, run.exit_code, run.summary["status"]) == ("failed", 255, "stopped")
        assert 0 < len(run.history) < most
        assert run.summary["best_val_accuracy"] == max(run.column("val_accuracy"))
        check_confusion(run, "test")
    assert [row.status for row in agent.rows] == ["stopped"] * 4
    # The neighbours are what they are in a stack that nobody leaves, to the last bit.
    longest = max(len(run.history) for run in runs)
    assert len(runs[1].history) < longest
    [(configs, compile_for)] = trainer.stacks
    configs = [dataclasses.replace(config, epochs=longest) for config in configs]
    by_seed = {run.config["seed"]: run for run in runs}
    for result in train_stack(configs, digits, compile_for=compile_for):
        run = by_seed[result.config.seed]
        for key in ("train_loss", "val_loss", "val_accuracy"):
            undisturbed = [getattr(metrics, key) for metrics in result.history]
            assert run.column(key) == undisturbed[: len(run.history)]


def test_a_paused_sweep_is_waited_for(
    wandb_server: WandbServer, digits: Dataset, caplog: pytest.LogCaptureFixture
):
    sweep = add(wandb_server, SPACE, run_cap=4)
    wandb_server.pause_sweep(sweep.id)

    def resume() -> None:
        wandb_server.wait_for(lambda: wandb_server.requests.count("Heartbeat") >= 3)
        assert sweep.runs == []
        wandb_server.resume_sweep(sweep.id)

    user = threading.Thread(target=resume)
    user.start()
    with caplog.at_level(logging.WARNING, "dlsweep"):
        make(sweep, digits, stack=4).run()
    user.join()
    assert len(sweep.runs) == 4
    check_complete(wandb_server, sweep)
    idle = [sum(not beat for beat in agent.heartbeats) for agent in wandb_server.agents.values()]
    assert sum(times >= 3 for times in idle) == 1  # one knocks for all
    told = [r.getMessage() for r in caplog.records if "paused" in r.getMessage()]
    assert len(told) == 1


def test_a_cancelled_sweep_stops_its_runs(wandb_server: WandbServer, digits: Dataset):
    sweep = grid(
        wandb_server,
        {"epochs": {"value": 400}, "batch_size": {"values": [16, 64]}, "seed": {"values": [1, 2]}},
    )

    def cancel() -> None:
        wandb_server.wait_for(lambda: any(run.history for run in wandb_server.runs.values()))
        wandb_server.cancel_sweep(sweep.id)

    user = threading.Thread(target=cancel)
    user.start()
    agent = make(sweep, digits)
    agent.run()
    user.join()
    assert [row.status for row in agent.rows] == ["stopped"] * 4
    # One stack was in training; that of the others had not begun, and W&B has no runs of it.
    assert len(wandb_server.runs) == 2
    for run in wandb_server.runs.values():
        assert (run.exit_code, run.summary["status"]) == (255, "stopped")
        assert 0 < len(run.history) < 400


def test_of_a_finished_sweep_the_runs_end(wandb_server: WandbServer, digits: Dataset):
    sweep = add(wandb_server, {**SPACE, "epochs": {"value": 30}})  # without an end

    def finish(point: Point, metrics: EpochMetrics) -> None:
        wandb_server.finish_sweep(sweep.id)

    make(sweep, digits, watcher=Notes(finish), stack=5).run()
    assert len(sweep.runs) == 5
    check_complete(wandb_server, sweep)


def test_a_sweep_that_is_over_has_nothing_to_train(wandb_server: WandbServer, digits: Dataset):
    sweep = add(wandb_server, SPACE)
    wandb_server.finish_sweep(sweep.id)
    agent = make(sweep, digits)
    agent.run()
    assert agent.rows == []
    assert len(wandb_server.agents) == 1


def test_of_a_deleted_sweep_the_runs_end(
    wandb_server: WandbServer, digits: Dataset, caplog: pytest.LogCaptureFixture
):
    sweep = add(wandb_server, {**SPACE, "epochs": {"value": 60}}, run_cap=4)
    deleted = threading.Event()

    def delete(point: Point, metrics: EpochMetrics) -> None:
        if not deleted.is_set():
            deleted.set()
            wandb_server.delete_sweep(sweep.id)

    agent = make(sweep, digits, watcher=Notes(delete), stack=4)
    with caplog.at_level(logging.WARNING, "dlsweep"), pytest.raises(SweepGone):
        agent.run()
    for run in runs_of(wandb_server, sweep):
        assert (run.state, len(run.history)) == ("finished", 60)


# The end of an agent


def test_an_interrupted_agent_gives_its_runs_back_and_the_next_trains_them(
    wandb_server: WandbServer, digits: Dataset
):
    sweep = grid(
        wandb_server,
        {"epochs": {"value": 6}, "batch_size": {"values": [16, 64]}, "seed": {"values": [1, 2]}},
    )
    agent: list[SweepAgent] = []

    def interrupt(point: Point, metrics: EpochMetrics) -> None:
        if metrics.epoch == 2:
            agent[0].leave(130)

    agent.append(make(sweep, digits, watcher=Notes(interrupt), total=4))
    agent[0].run()
    runs = runs_of(wandb_server, sweep)
    assert [row.status for row in agent[0].rows] == ["interrupted"] * 4
    assert {(run.state, run.exit_code) for run in runs} == {("preempted", 130)}
    assert sorted(len(run.history) for run in runs) == [0, 0, 3, 3]
    assert sorted(sweep.preempted) == sorted(sweep.runs)

    make(sweep, digits).run()
    assert len(sweep.runs) == 4  # the same runs, not others
    check_complete(wandb_server, sweep)


def test_an_interrupted_agent_that_waits_ends_at_once(wandb_server: WandbServer, digits: Dataset):
    sweep = add(wandb_server, SPACE)
    wandb_server.pause_sweep(sweep.id)
    agent = make(sweep, digits)

    def leave() -> None:
        wandb_server.wait_for(lambda: "Heartbeat" in wandb_server.requests)
        agent.leave(143)

    user = threading.Thread(target=leave)
    user.start()
    agent.run()
    user.join()
    assert (agent.rows, agent.leaving) == ([], 143)
