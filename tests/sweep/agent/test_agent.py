"""The agent of a W&B sweep, between W&B's sweep service, the executors and the wandb client."""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import dlsweep
from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import describe, load
from dlsweep.sweep.execution import (
    Asked,
    Broken,
    Cause,
    Context,
    Epoch,
    Event,
    InProcessExecutor,
    Job,
    ProcessExecutor,
    Resumed,
    StackJob,
)
from dlsweep.sweep.study import Run
from dlsweep.tracking import SweepGone
from dlsweep.training import EpochMetrics, train_stack
from tests.sweep.agent.helpers import (
    TINY,
    Notes,
    add,
    check_complete,
    grid,
    kill,
    once,
    runs_of,
    train,
    train_on,
    workers_of,
)
from tests.tracking.facts import check_confusion, check_run
from tests.wandb_server import WandbServer

SPACE = {
    **TINY,
    "hidden_layers": {"values": [1, 2]},
    "lr": {"distribution": "log_uniform_values", "min": 0.001, "max": 0.1},
    "net": {"parameters": {"activation_function": {"values": ["Tanh", "relu"]}}},
    "optimizer": {"values": ["sgd", "adam", "nadam"]},
}
GIVING_UP = "every run so far has failed; the agent stops"


# Runs


def test_runs_of_a_sweep_are_complete_and_their_own(wandb_server: WandbServer):
    sweep = add(wandb_server, SPACE, run_cap=10)
    notes = Notes()
    report = train(sweep, notes)
    assert report.exit_code == 0
    assert len(sweep.runs) == 10
    check_complete(wandb_server, sweep)
    assert sweep.state == "FINISHED"
    assert max(map(len, notes.stacks)) > 1
    assert sorted(run.run_id for stack in notes.stacks for run in stack) == sorted(sweep.runs)
    assert {row.run_id for row in report.table.rows} == set(sweep.runs)
    assert report.unsent == {}
    for row in report.table.rows:
        run = wandb_server.runs[row.run_id]
        assert row.name == run.display_name
        assert row.value == run.column("val_accuracy")[-1]
        [alone] = train_stack([RunConfig(**row.config)], load("digits"))
        assert run.column("val_loss") == pytest.approx([m.val_loss for m in alone.history])


@pytest.mark.slow
def test_sixty_four_runs_in_two_processes(wandb_server: WandbServer):
    sweep = add(wandb_server, SPACE, run_cap=64)
    rows = dlsweep.agent(f"team/plants/{sweep.id}", workers=2)
    assert len(rows) == len(sweep.runs) == 64
    check_complete(wandb_server, sweep)


def test_no_more_runs_are_taken_than_asked_for(wandb_server: WandbServer):
    sweep = add(wandb_server, SPACE)  # without an end
    report = train(sweep, stack=2, count=5)
    assert len(sweep.runs) == len(report.table.rows) == 5
    check_complete(wandb_server, sweep)
    assert len(wandb_server.agents) <= 5


def test_a_variant_goes_before_what_the_sweep_fixes(wandb_server: WandbServer):
    variants = [{}, {"learning_rate": 0.25}]
    sweep = grid(wandb_server, {"learning_rate": {"value": 0.5}, "variant": {"values": variants}})
    report = train(sweep)
    assert [row.config["learning_rate"] for row in report.table.rows] == [0.5, 0.25]
    runs = runs_of(wandb_server, sweep)
    assert [run.config["learning_rate"] for run in runs] == [0.5, 0.25]
    assert [run.config.get("variant", {}) for run in runs] == variants


NET = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self, image_shape, num_classes, width: int = 3):
        size = image_shape[1] * image_shape[2]
        super().__init__(nn.Flatten(), nn.Linear(size, width), nn.Linear(width, num_classes))
"""
BLOBS = """
import numpy as np

def blobs():
    return np.random.default_rng(0).random((60, 4, 4)), np.arange(60) % 2
"""


def test_a_model_and_data_of_ones_own(
    wandb_server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "load.py").write_text(BLOBS)
    own: dict[str, Any] = {"model": {"value": "net.py:Net"}, "dataset": {"value": "load.py:blobs"}}
    sweep = grid(wandb_server, {**own, "width": {"values": [2, 4]}})
    report = train(sweep, builtin=True)
    rows = sorted(report.table.rows, key=lambda row: row.config["width"])
    assert [(row.config["width"], row.status) for row in rows] == [(2, "finished"), (4, "finished")]
    runs = runs_of(wandb_server, sweep)
    assert [run.summary["parameters"] for run in runs] == [16 * w + w + 2 * w + 2 for w in (2, 4)]
    assert {run.summary["data_digest"] for run in runs} == {
        describe(RunConfig(dataset="load.py:blobs")).content
    }
    # Another machine
    (tmp_path / "net.py").rename(tmp_path / "nets.py")
    other = grid(wandb_server, {**own, "width": {"values": [2]}, "wdith": {"value": 1}})
    with pytest.raises(ConfigError, match=r"net.py: no such file; did you mean nets.py\?$"):
        train(other, builtin=True)
    (tmp_path / "nets.py").rename(tmp_path / "net.py")
    with pytest.raises(ConfigError, match="wdith: no such setting; did you mean 'width'"):
        train(other, builtin=True)
    assert not other.runs
    (tmp_path / "load.py").unlink()
    [row] = train(grid(wandb_server, {**own, "width": {"value": 2}}), builtin=True).table.rows
    assert row.reason == f"dataset: {tmp_path}/load.py: no such file"


def test_from_python(wandb_server: WandbServer):
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


def test_a_device_overrides_the_sweeps(wandb_server: WandbServer):
    sweep = grid(wandb_server, {"device": {"values": ["cuda:99", "cpu"]}})
    report = train(sweep, device="CPU")
    assert [row.config["device"] for row in report.table.rows] == ["cpu", "cpu"]
    assert {run.state for run in runs_of(wandb_server, sweep)} == {"finished"}


# Failures


def test_settings_that_cannot_be_trained_fail_and_the_others_go_on(
    wandb_server: WandbServer, caplog: pytest.LogCaptureFixture
):
    wrong_ones = [f"adam{i}" for i in range(6)]  # more than the failures after which it gives up
    sweep = grid(wandb_server, {"optimizer": {"values": ["adamm", *wrong_ones, "sgd", "adam"]}})
    notes = Notes()
    with caplog.at_level(logging.WARNING, "dlsweep"):
        report = train(sweep, notes)
    assert GIVING_UP not in caplog.messages
    assert [row.run_id for row in notes.rows] == [row.run_id for row in report.table.rows]
    assert report.exit_code == 0
    runs = {sweep.handed_out[run.id]["optimizer"]: run for run in runs_of(wandb_server, sweep)}
    check_run(runs["sgd"])
    check_run(runs["adam"])
    wrong = runs["adamm"]
    line = "optimizer: got 'adamm', not a known choice; did you mean 'adam'?"
    assert (wrong.state, wrong.exit_code, wrong.sweep) == ("failed", 2, sweep.id)
    assert (wrong.summary["status"], wrong.summary["reason"]) == ("failed", line)
    assert wrong.config == sweep.handed_out[wrong.id]
    assert wrong.history == []
    failed = {row.run_id: row.reason for row in report.table.rows if row.status == "failed"}
    assert len(failed) == 7
    assert failed[wrong.id] == line


def test_an_agent_gives_up_where_everything_fails(
    wandb_server: WandbServer, caplog: pytest.LogCaptureFixture
):
    sweep = add(wandb_server, {**TINY, "optimizer": {"value": "adamm"}})  # without an end
    with caplog.at_level(logging.WARNING, "dlsweep"):
        report = train(sweep, stack=3)
    assert report.exit_code == 1
    assert caplog.messages.count(GIVING_UP) == 1
    assert len(sweep.runs) == 6  # two times three; `wandb agent` gives up after five
    assert {run.state for run in runs_of(wandb_server, sweep)} == {"failed"}


@pytest.mark.parametrize("count", [2, 12])
def test_runs_that_all_fail_in_training_end_the_agent_with_exit_code_1(
    wandb_server: WandbServer, caplog: pytest.LogCaptureFixture, count: int
):
    sweep = add(wandb_server, {**TINY, "device": {"value": "cuda:99"}})  # without an end
    with caplog.at_level(logging.WARNING, "dlsweep"):
        report = train(sweep, stack=3, count=count)
    assert report.exit_code == 1
    assert caplog.messages.count(GIVING_UP) == (count == 12)
    assert len(sweep.runs) == min(count, 6)
    assert {run.state for run in runs_of(wandb_server, sweep)} == {"failed"}


@dataclasses.dataclass(frozen=True)
class BreakingJob:
    """A stack that breaks after its second epoch."""

    job: StackJob
    cause: Cause

    @property
    def number(self) -> int:
        return self.job.number

    @property
    def checkpoint(self) -> None:
        return None

    def run(self, context: Context) -> Iterator[Event]:
        for event in self.job.run(context):
            yield event
            # By its number, for the job may go on from a checkpoint.
            if isinstance(event, Epoch) and max(m.epoch for m in event.metrics.values()) >= 2:
                yield Broken(self.number, "it broke", cause=self.cause)
                return


class Breaking(InProcessExecutor):
    """Breaks every stack with a run of a seed, or every stack of several runs."""

    def __init__(self, cause: Cause, seed: int | None = None) -> None:
        super().__init__()
        self._cause, self._seed = cause, seed

    def submit(self, job: Job) -> None:
        assert isinstance(job, StackJob)
        seeds = [config.seed for config in job.configs]
        breaks = len(seeds) > 1 if self._seed is None else self._seed in seeds
        super().submit(BreakingJob(job, self._cause) if breaks else job)


@pytest.mark.parametrize("cause", [Cause.ERROR, Cause.MEMORY, Cause.DEATH])
def test_a_stack_that_breaks_is_trained_again_and_the_run_at_fault_fails(
    wandb_server: WandbServer, cause: Cause
):
    sweep = grid(wandb_server, {"epochs": {"value": 4}, "seed": {"values": [1, 2, 3]}})
    notes = Notes()
    train_on(Breaking(cause, seed=2), sweep, notes)
    first, fault, last = (
        next(run for run in runs_of(wandb_server, sweep) if run.config["seed"] == seed)
        for seed in (1, 2, 3)
    )
    died = "; 4 workers have died training this run" if cause is Cause.DEATH else ""
    assert (fault.state, fault.exit_code) == ("failed", 1)
    assert fault.summary["reason"] == f"it broke{died}"
    assert fault.column("epoch") == [1, 2]
    for run in (first, last):
        check_run(run)  # every epoch once, though some were trained twice
    second_stack = [run.run_id for run in notes.stacks[1]]
    assert [len(stack) for stack in notes.stacks] == {
        Cause.ERROR: [3, 1, 1, 1],
        Cause.MEMORY: [3, 2, 1, 1, 1] if fault.id in second_stack else [3, 2, 1],
        Cause.DEATH: [3, 3, 1, 1, 1, 1],
    }[cause]


def test_the_last_run_of_a_stack_that_ran_out_of_memory_is_trained_again(
    wandb_server: WandbServer,
):
    sweep = grid(wandb_server, {"epochs": {"values": [1, 4]}})
    notes = Notes()
    source = train_on(Breaking(Cause.MEMORY), sweep, notes)
    assert [len(stack) for stack in notes.stacks] == [2, 1]
    assert [row.status for row in source.rows] == ["finished"] * 2
    check_complete(wandb_server, sweep)  # every epoch once


class Recording(ProcessExecutor):
    """Keeps its events."""

    def __init__(self) -> None:
        super().__init__(1)
        self.seen: list[Event] = []

    def events(self, timeout: float = 0.5) -> Sequence[Event]:
        found = super().events(timeout)
        self.seen += found
        return found


def test_a_killed_worker_costs_no_more_than_what_is_not_in_the_checkpoint(
    wandb_server: WandbServer,
):
    most, kill_at = 300, 200
    sweep = grid(wandb_server, {"epochs": {"value": most}, "seed": {"values": [1, 2]}})
    before = workers_of(os.getpid())
    killed: list[int] = []

    def kill_worker(run: Run, metrics: EpochMetrics) -> None:
        if metrics.epoch == kill_at and not killed:
            [worker] = set(workers_of(os.getpid())) - set(before)
            kill(worker)
            killed.append(worker)

    executor = Recording()
    notes = Notes(kill_worker)
    source = train_on(executor, sweep, notes, save_seconds=0.0)
    assert [row.status for row in source.rows] == ["finished"] * 2
    assert [len(stack) for stack in notes.stacks] == [2, 2]
    [resumed] = [event for event in executor.seen if isinstance(event, Resumed)]
    saved = len(resumed.histories[0])
    assert saved > 1
    trained = [event.metrics[0].epoch for event in executor.seen if isinstance(event, Epoch)]
    # The first worker may have trained on until it was killed.
    again = trained.index(saved + 1, saved + 1)
    assert trained == [*range(1, again + 1), *range(saved + 1, most + 1)]
    assert again >= kill_at
    for run in runs_of(wandb_server, sweep):
        assert run.column("epoch") == list(range(1, most + 1))
    check_complete(wandb_server, sweep)


def test_an_error_of_the_agent_fails_its_runs(wandb_server: WandbServer):
    def error(run: Run, metrics: EpochMetrics) -> None:
        raise ValueError("the terminal is gone")

    sweep = grid(wandb_server, {"batch_size": {"values": [16, 64]}, "seed": {"values": [1, 2]}})
    notes = Notes(error)
    with pytest.raises(ValueError, match="the terminal is gone"):
        train(sweep, notes)
    [begun] = notes.stacks
    for run in runs_of(wandb_server, sweep):
        if run.id in {run.run_id for run in begun}:
            assert (run.state, run.exit_code) == ("failed", 1)
            assert run.summary["reason"] == "the agent ended: ValueError: the terminal is gone"
        else:  # had not begun: W&B hands it out again
            assert run.state == "preempted"
    assert len(sweep.preempted) == 4 - len(begun)


# What the server says


@pytest.fixture
def stop_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """wandb asks its own service every 15 s whether a run is to stop."""
    from wandb.sdk.lib.run_stopping import RunStopChecker

    monkeypatch.setitem(RunStopChecker.__init__.__kwdefaults__, "poll_interval", 0.1)


@pytest.mark.parametrize("by", ["agent", "stream"])
def test_a_run_that_is_stopped_leaves_its_neighbours_untouched(
    wandb_server: WandbServer, stop_checks: None, by: Any
):
    most = 10_000
    sweep = grid(
        wandb_server,
        {
            "epochs": {"value": most},
            "batch_size": {"value": 64},
            "seed": {"values": [1, 2, 3, 4]},
        },
    )

    def click() -> None:
        """A user's: at one run, when it has logged something; later at the others."""
        wandb_server.wait_for(lambda: len(sweep.runs) == 4 and sweep.runs[1] in wandb_server.runs)
        victim = wandb_server.runs[sweep.runs[1]]
        wandb_server.wait_for(lambda: bool(victim.history))
        wandb_server.stop_run(victim.id, by=by)
        wandb_server.wait_for(lambda: victim.complete)
        for run_id in (sweep.runs[0], sweep.runs[2], sweep.runs[3]):
            wandb_server.stop_run(run_id)

    executor, notes = Recording(), Notes()
    executor.start()  # which takes longer than the user waits on a busy machine
    user = threading.Thread(target=click)
    user.start()
    source = train_on(executor, sweep, notes)
    user.join()
    assert not any(isinstance(event, Asked) for event in executor.seen)
    runs = runs_of(wandb_server, sweep)
    for run in runs:
        assert (run.state, run.exit_code, run.summary["status"]) == ("failed", 255, "stopped")
        assert 0 < len(run.history) < most
        assert run.summary["best_val_accuracy"] == max(run.column("val_accuracy"))
        check_confusion(run, "test")
    assert [row.status for row in source.rows] == ["stopped"] * 4
    # The neighbours are what they are in a stack that no run leaves, to the last bit.
    longest = max(len(run.history) for run in runs)
    assert len(runs[1].history) < longest
    [stack] = notes.stacks
    configs = [dataclasses.replace(run.config, epochs=longest) for run in stack]
    by_seed = {run.config["seed"]: run for run in runs}
    for result in train_stack(configs, load("digits")):
        run = by_seed[result.config.seed]
        for key in ("train_loss", "val_loss", "val_accuracy"):
            undisturbed = [getattr(metrics, key) for metrics in result.history]
            assert run.column(key) == undisturbed[: len(run.history)]


def test_a_paused_sweep_is_waited_for(wandb_server: WandbServer, caplog: pytest.LogCaptureFixture):
    sweep = add(wandb_server, SPACE, run_cap=4)
    wandb_server.pause_sweep(sweep.id)

    def resume() -> None:
        wandb_server.wait_for(lambda: wandb_server.requests.count("Heartbeat") >= 3)
        assert sweep.runs == []
        wandb_server.resume_sweep(sweep.id)

    user = threading.Thread(target=resume)
    user.start()
    with caplog.at_level(logging.WARNING, "dlsweep"):
        train(sweep, stack=4)
    user.join()
    assert len(sweep.runs) == 4
    check_complete(wandb_server, sweep)
    idle = [sum(not beat for beat in agent.heartbeats) for agent in wandb_server.agents.values()]
    assert sum(times >= 3 for times in idle) == 1  # one asks for all
    assert len([line for line in caplog.messages if "paused" in line]) == 1


def test_a_cancelled_sweep_stops_its_runs(wandb_server: WandbServer):
    most = 10_000
    sweep = grid(
        wandb_server,
        {"epochs": {"value": most}, "batch_size": {"values": [16, 64]}, "seed": {"values": [1, 2]}},
    )

    def cancel() -> None:
        wandb_server.wait_for(lambda: any(run.history for run in wandb_server.runs.values()))
        wandb_server.cancel_sweep(sweep.id)

    user = threading.Thread(target=cancel)
    user.start()
    report = train(sweep)
    user.join()
    assert [row.status for row in report.table.rows] == ["stopped"] * 4
    # One stack was in training; that of the others had not begun, and W&B has no runs of it.
    assert len(wandb_server.runs) == 2
    for run in wandb_server.runs.values():
        assert (run.exit_code, run.summary["status"]) == (255, "stopped")
        assert 0 < len(run.history) < most


def test_the_runs_of_a_finished_sweep_go_on_to_their_end(wandb_server: WandbServer):
    sweep = add(wandb_server, {**SPACE, "epochs": {"value": 30}})  # without an end
    train(sweep, once(lambda: wandb_server.finish_sweep(sweep.id)), stack=5)
    assert len(sweep.runs) == 5
    check_complete(wandb_server, sweep)


def test_a_sweep_that_is_over_has_nothing_to_train(wandb_server: WandbServer):
    sweep = add(wandb_server, SPACE)
    wandb_server.finish_sweep(sweep.id)
    report = train(sweep)
    assert (report.table.rows, report.exit_code) == ((), 0)
    assert len(wandb_server.agents) == 1


def test_the_runs_of_a_deleted_sweep_go_on_to_their_end(
    wandb_server: WandbServer, caplog: pytest.LogCaptureFixture
):
    sweep = add(wandb_server, {**SPACE, "epochs": {"value": 200}}, run_cap=4)
    in_training: set[str] = set()

    def delete_when_all_train(run: Run, _: object) -> None:
        if run.run_id not in in_training:
            in_training.add(run.run_id)
            if len(in_training) == 4:
                # Runs are opened in threads, beside the training.
                wandb_server.wait_for(lambda: set(sweep.runs) <= wandb_server.runs.keys())
                wandb_server.delete_sweep(sweep.id)

    with caplog.at_level(logging.WARNING, "dlsweep"), pytest.raises(SweepGone):
        train(sweep, Notes(delete_when_all_train), stack=4)
    for run in runs_of(wandb_server, sweep):
        assert (run.state, len(run.history)) == ("finished", 200)
    [line] = [line for line in caplog.messages if "not there any more" in line]
    assert line.endswith("runs in training go on to their end")


# The end of an agent


def test_an_interrupted_agent_gives_its_runs_back_and_the_next_trains_them(
    wandb_server: WandbServer,
):
    most = 150
    sweep = grid(
        wandb_server,
        {"epochs": {"value": most}, "batch_size": {"values": [16, 64]}, "seed": {"values": [1, 2]}},
    )
    interrupt = once(lambda: signal.raise_signal(signal.SIGINT))
    report = train(sweep, interrupt)
    assert report.exit_code == 130
    runs = runs_of(wandb_server, sweep)
    assert [row.status for row in report.table.rows] == ["interrupted"] * 4
    assert {(run.state, run.exit_code) for run in runs} == {("preempted", 130)}
    none, also_none, first, second = sorted(len(run.history) for run in runs)
    assert none == also_none == 0 < first == second < most
    assert sorted(sweep.preempted) == sorted(sweep.runs)

    assert train(sweep).exit_code == 0
    assert len(sweep.runs) == 4  # the same runs, not others
    check_complete(wandb_server, sweep)


def test_an_interrupted_agent_that_waits_ends_at_once(wandb_server: WandbServer):
    sweep = add(wandb_server, SPACE)
    wandb_server.pause_sweep(sweep.id)

    def terminate() -> None:
        wandb_server.wait_for(lambda: "Heartbeat" in wandb_server.requests)
        os.kill(os.getpid(), signal.SIGTERM)

    user = threading.Thread(target=terminate)
    user.start()
    report = train(sweep)
    user.join()
    assert (report.table.rows, report.exit_code) == ((), 143)


def test_the_limit_on_open_files_limits_how_many_runs_are_open(
    wandb_server: WandbServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("resource.getrlimit", lambda _: (112, 112))
    monkeypatch.setattr("resource.setrlimit", lambda *_: None)
    sweep = grid(wandb_server, {"seed": {"values": list(range(8))}})
    notes = Notes()
    train(sweep, notes)
    check_complete(wandb_server, sweep)
    assert len(notes.rows) == 8
    assert notes.most_open == 3
