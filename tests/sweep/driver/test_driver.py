"""The driver, between a study and an executor."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dlsweep.config import RunConfig
from dlsweep.data import Dataset, load
from dlsweep.figures import analyse_run
from dlsweep.sweep.driver import Driver, StackJobs, StudySource
from dlsweep.sweep.driver._queue import Queue
from dlsweep.sweep.execution import (
    Broken,
    Executor,
    ExecutorError,
    InProcessExecutor,
    StackJob,
)
from dlsweep.sweep.study import Run, Study, stop_study
from dlsweep.tracking import JOB_TYPE
from dlsweep.training import train_stack
from tests.sweep.driver.faulty import Notes, SteppedExecutor, once
from tests.sweep.helpers import sweep
from tests.sweep.search.test_early_termination import to_stop
from tests.tracking.facts import HISTORY, SUMMARY
from tests.wandb_server import WandbServer, wandb_cli

GRID = {
    "dataset": {"value": "digits"},
    "epochs": {"values": [1, 2]},
    "hidden_size": {"value": 8},
    "optimizer": {"values": ["sgd", "adam"]},
}


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return str(tmp_path / "study.db")


def run(
    study: Study,
    *,
    executor: Executor | None = None,
    mode: str = "disabled",
    settings: dict[str, Any] | None = None,
    notes: Notes | None = None,
) -> Notes:
    notes = notes or Notes()
    source = StudySource(study, mode=mode, at_once=256, settings=settings)
    Driver(source, executor or InProcessExecutor(), progress=notes).run()
    return notes


def test_every_run_comes_to_what_it_would_alone(digits: Dataset, storage: str):
    with Study.open(sweep(GRID, "grid"), storage) as study:
        entries = run(study).entries
        rows = study.rows()
    assert [row.status for row in rows] == ["finished"] * 4
    for row in rows:
        [alone] = train_stack([RunConfig(**row.config)], digits)
        numbers = alone.summary()
        assert {k: row.summary[k] for k in numbers} == pytest.approx(numbers)
        known = numbers.keys() | analyse_run(alone).summary().keys() | {"layers"}
        assert row.summary.keys() == known
        assert [e["val_loss"] for e in row.history] == pytest.approx(
            [e.val_loss for e in alone.history]
        )
        assert row.summary["val_confusion"] == alone.val.confusion().tolist()
        assert row.summary["test_confusion"] == alone.test.confusion().tolist()
        assert row.value == row.history[-1]["val_accuracy"]
    for row in rows:
        epochs = [f"epoch {n}" for n in range(1, row.config["epochs"] + 1)]
        expected = ["started", *epochs, "ended"]
        assert [entry for entry, number in entries if number == row.number] == expected


def test_runs_are_offline_runs_that_sync(storage: str, wandb_server: WandbServer, tmp_path: Path):
    """Each has a folder of its own and reaches a server later, grouped, with all that it logged."""
    settings = {"wandb_project": "beds", "wandb_entity": "team"}
    with Study.open(sweep(GRID, "grid"), storage) as study:
        run(study, mode="offline", settings=settings)
        rows, name = study.rows(), study.name
    assert wandb_server.runs == {}
    folders = [row.info["directory"] for row in rows]
    assert len(set(folders)) == 4
    assert all(list(Path(folder).glob("run-*.wandb")) for folder in folders)

    synced = wandb_cli("sync", "--yes", *folders, cwd=tmp_path)
    assert synced.returncode == 0, synced.stdout
    assert wandb_server.runs.keys() == {row.run_id for row in rows}
    for row in rows:
        got = wandb_server.runs[row.run_id]
        assert (got.entity, got.project, got.group) == ("team", "beds", name)
        assert (got.display_name, got.state) == (row.name, "finished")
        assert got.config == {**row.config, **settings}
        assert got.column("val_loss") == [epoch["val_loss"] for epoch in row.history]
        assert row.summary.items() <= got.summary.items()
        names = {artifact.name.removeprefix(f"run-{row.run_id}-") for artifact in got.artifacts}
        assert names == {
            "val_confusion_matrix_table",
            "test_confusion_matrix_table",
            "test_roc_curve_table",
            "model_layers",
            "per_class",
        }
        pictures = {name.split("_9_")[0].split("/")[-1] for name in got.files if "images" in name}
        assert {name.rsplit("_", 2)[0] for name in pictures} == {"test_right", "test_wrong"}
    assert wandb_server.unknown == []


def test_without_figures_nothing_but_numbers_is_logged(storage: str, wandb_server: WandbServer):
    parameters = {**GRID, "figures": {"value": "none"}}
    with Study.open(sweep(parameters, "grid", run_cap=1), storage) as study:
        run(study, mode="online")
        [row] = study.rows()
    [got] = wandb_server.runs.values()
    assert got.artifacts == []
    assert not [name for name in got.files if name.startswith("media")]
    assert row.summary.keys() == SUMMARY - {"training_seconds"}  # which the epochs say
    assert {k for entry in got.history for k in entry if not k.startswith("_")} == HISTORY


def test_a_network_that_is_too_large_fails_alone(storage: str):
    sizes = {**GRID, "hidden_size": {"values": [8, 10**6]}, "num_layers": {"value": 3}}
    with Study.open(sweep(sizes, "grid"), storage) as study:
        run(study)
        rows = study.rows()
    assert {(row.config["hidden_size"], row.status) for row in rows} == {
        (8, "finished"),
        (10**6, "failed"),
    }
    reasons = {row.reason for row in rows if row.status == "failed"}
    assert all(reason.startswith("hidden_size: a network of 2,0") for reason in reasons)


def test_settings_of_the_source_override_those_of_the_runs(storage: str):
    executor = SteppedExecutor()
    with Study.open(sweep({**GRID, "epochs": {"value": 1}}, "grid"), storage) as study:
        run(study, executor=executor, settings={"device": "cpu"})
        rows = study.rows()
    assert {config.device for job in executor.jobs for config in job.configs} == {"cpu"}
    assert {row.config["device"] for row in rows} == {"auto"}  # the study keeps the sweep's


def test_what_breaks_fails_only_the_runs_still_in_it(storage: str, wandb_server: WandbServer):
    # Two stacks, by hidden_size; in each, one run has one epoch and one has two.
    parameters = {**GRID, "optimizer": {"value": "sgd"}, "hidden_size": {"values": [8, 9]}}

    def fault(job: StackJob) -> Broken | None:
        broken = Broken(0, "out of luck", "Traceback …")
        return broken if job.configs[0].hidden_size == 9 else None

    with Study.open(sweep(parameters, "grid"), storage) as study:
        notes = run(study, executor=SteppedExecutor(fault, epochs=1), mode="online")
        rows = study.rows()
    found = {(r.config["hidden_size"], r.config["epochs"]): r for r in rows}
    assert {key: row.status for key, row in found.items()} == {
        (9, 1): "finished",
        (9, 2): "failed",
        (8, 1): "finished",
        (8, 2): "finished",
    }
    broken = found[9, 2]
    assert (broken.reason, broken.value) == ("out of luck", None)
    assert "directory" in broken.info
    assert broken.number in [row.number for row in notes.rows]
    got = wandb_server.runs[broken.run_id]
    assert (got.state, got.summary["reason"]) == ("failed", "out of luck")


def interrupt() -> None:
    raise KeyboardInterrupt


def test_an_interrupted_sweep_goes_on_where_it_was(storage: str, wandb_server: WandbServer):
    grid = sweep(GRID, "grid")
    with Study.open(grid, storage) as study:
        notes = Notes(once("ended", interrupt))
        with pytest.raises(KeyboardInterrupt):
            run(study, executor=SteppedExecutor(), mode="online", notes=notes)
    assert "worker" not in {thread.name for thread in threading.enumerate()}
    [ended] = notes.rows
    [shown] = [run for run in wandb_server.runs.values() if run.job_type == JOB_TYPE]
    states = {run.id: run.state for run in wandb_server.runs.values() if run is not shown}
    assert states.pop(ended.run_id) == "finished"
    assert list(states.values()) == ["failed"] * 3

    with Study.open(grid, storage) as study:
        assert sorted(row.status for row in study.rows()) == ["finished"] + ["waiting"] * 3
        again = run(study)
        rows = study.rows()
    assert [row.status for row in rows] == ["finished"] * 4
    assert ended.number not in {number for _, number in again.entries}
    assert {row.run_id for row in rows} == {ended.run_id, *states}


HYPERBAND = {"type": "hyperband", "min_iter": 1, "eta": 2, "strict": True}
EIGHT = {
    "dataset": {"value": "digits"},
    "epochs": {"value": 4},
    "hidden_size": {"value": 16},
    "learning_rate": {"values": [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2]},
}


def test_hyperband_stops_runs_in_their_stack(
    digits: Dataset, storage: str, wandb_server: WandbServer
):
    """A run is stopped by the rule alone, and the others get the result that they would get."""
    eight = sweep(EIGHT, "grid", early_terminate=HYPERBAND)
    rule = eight.early_terminate
    assert rule is not None
    with Study.open(eight, storage) as study:
        run(study, mode="online")
        rows = study.rows()
    curves = {row.number: [epoch["val_accuracy"] for epoch in row.history] for row in rows}
    expected = dict.fromkeys(curves, 4)
    for epoch in (1, 2, 3):
        so_far = {number: curve[:epoch] for number, curve in curves.items()}
        going = {number for number in curves if expected[number] == 4}
        expected |= dict.fromkeys(to_stop(rule, "maximize", so_far, going), epoch)
    assert {number: len(curve) for number, curve in curves.items()} == expected
    assert 2 <= sum(epochs < 4 for epochs in expected.values()) < 8
    for row in rows:
        assert row.status == ("stopped" if expected[row.number] < 4 else "finished")
        assert row.summary["status"] == row.status
        assert row.value == row.history[-1]["val_accuracy"]
        [alone] = train_stack([RunConfig(**row.config)], digits)
        assert [e["val_loss"] for e in row.history] == pytest.approx(
            [e.val_loss for e in alone.history[: len(row.history)]]
        )
        got = wandb_server.runs[row.run_id]
        assert (got.state, got.summary["status"]) == ("finished", row.status)
        assert len(got.column("val_loss")) == len(row.history)


def test_runs_of_an_earlier_command_count_for_hyperband(storage: str):
    with Study.open(sweep(EIGHT, "grid", run_cap=6), storage) as study:
        for taken in study.take(6):
            study.finish(
                taken, "finished", [{"epoch": i, "val_accuracy": 2.0} for i in range(1, 5)]
            )
    with Study.open(sweep(EIGHT, "grid", early_terminate=HYPERBAND), storage) as study:
        run(study)
        rows = study.rows()
    assert [(row.status, len(row.history)) for row in rows[6:]] == [("stopped", 1)] * 2


SIX = {**GRID, "epochs": {"value": 1}, "optimizer": {"value": "sgd"}, "seed": {"min": 1, "max": 6}}


class Alone(StackJobs):
    """Each run is a stack of its own."""

    def queue(self, executor: Executor) -> Queue:
        return Queue()


class Crowd(Notes):
    """Notes of how many runs are in training at once, at most."""

    most = 0

    def started(self, runs: Sequence[Run]) -> None:
        super().started(runs)
        entries = [entry for entry, _ in self.entries]
        self.most = max(self.most, entries.count("started") - entries.count("ended"))


@pytest.mark.parametrize(("at_once", "room", "most"), [(4, 256, 4), (256, 3, 3), (256, 256, 6)])
def test_no_more_runs_are_open_than_may_be(
    storage: str, monkeypatch: pytest.MonkeyPatch, at_once: int, room: int, most: int
):
    """As the search wants it, and as the limit on open files allows."""
    monkeypatch.setattr(
        "dlsweep.sweep.driver._driver.room_for_runs", lambda wanted: min(wanted, room)
    )
    lines: list[str] = []
    progress = Crowd()
    with Study.open(sweep(SIX, "grid"), storage) as study:
        source = StudySource(study, mode="disabled", at_once=at_once)
        driver = Driver(source, InProcessExecutor(), progress=progress, notify=lines.append)
        driver.run()
        assert [row.status for row in study.rows()] == ["finished"] * 6
    assert progress.most == most
    limit = "the limit on open files (ulimit -n) allows no more"
    assert lines == ([f"at most 3 runs at once instead of 256: {limit}"] if room == 3 else [])


@pytest.mark.parametrize(
    ("method", "target", "order"),
    [
        ("random", None, ["started", "started", "ended", "started", "ended", "ended"]),
        ("random", 2.0, ["started", "ended"] * 3),
        ("bayes", None, ["started", "ended"] * 3),
    ],
)
def test_the_next_run_begins_before_one_is_recorded_unless_it_depends_on_it(
    storage: str, method: str, target: float | None, order: list[str]
):
    metric = {"name": "val_accuracy", "goal": "maximize"}
    if target is not None:
        metric["target"] = target
    notes = Notes()
    with Study.open(sweep(SIX, method, metric=metric, run_cap=3), storage) as study:
        source = StudySource(study, mode="disabled", at_once=2)
        source.at_once = 2 if source.patient else 1
        driver = Driver(source, InProcessExecutor(), jobs=Alone(), progress=notes)
        driver.run()
        assert [row.status for row in study.rows()] == ["finished"] * 3
    assert [entry for entry, _ in notes.entries if "epoch" not in entry] == order


def test_a_source_without_runs_for_now_is_waited_for(storage: str):
    class Slow(StudySource):
        waited = 0

        def take(self, n: int) -> list[Run]:
            return super().take(1) if self.waited % 3 == 2 else []

        def wait(self) -> None:
            self.waited += 1

    with Study.open(sweep(SIX, "grid", run_cap=2), storage) as study:
        source = Slow(study, mode="disabled", at_once=8)
        Driver(source, InProcessExecutor()).run()
        assert [row.status for row in study.rows()] == ["finished"] * 2
    assert source.waited == 2  # and then both are there, one after the other


def test_where_no_worker_can_start_no_run_is_taken(storage: str):
    class Broken(InProcessExecutor):
        closed = False

        def start(self) -> None:
            raise ExecutorError("a worker cannot start: it has no legs")

        def close(self) -> None:
            self.closed = True

    executor = Broken()
    with Study.open(sweep(SIX, "grid"), storage) as study:
        with pytest.raises(ExecutorError, match="no legs"):
            run(study, executor=executor)
        assert study.taken == 0
    assert executor.closed


def test_an_error_of_the_driver_leaves_its_runs_to_the_next(storage: str):
    def fail() -> None:
        raise OSError("the disk is on fire")

    with (
        Study.open(sweep(SIX, "grid"), storage) as study,
        pytest.raises(OSError, match="on fire"),
    ):
        run(study, executor=SteppedExecutor(), notes=Notes(once("epoch 1", fail)))
    with Study.open(sweep(SIX, "grid"), storage) as study:
        run(study)
        assert [row.status for row in study.rows()] == ["finished"] * 6


def test_a_study_that_is_stopped_is_left(storage: str):
    endless = sweep({**SIX, "epochs": {"value": 10**6}}, "grid")
    with Study.open(endless, storage) as study:
        stop = once("epoch 2", lambda: stop_study(storage))
        lines: list[str] = []
        source = StudySource(study, mode="disabled", at_once=256)
        progress = Notes(stop)
        driver = Driver(source, InProcessExecutor(), progress=progress, notify=lines.append)
        driver.run()
        assert driver.leaving
        assert {row.status for row in study.rows()} == {"running"}
        assert len(list(study.checkpoints.iterdir())) == 1
    assert lines == ["leaving after the present epoch; Ctrl-C again leaves now"]
