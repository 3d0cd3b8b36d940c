"""The local sweep between study, trainer and wandb runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from dlsweep.config import RunConfig
from dlsweep.data import Dataset, load
from dlsweep.figures import analyse_run
from dlsweep.sweep import HereTrainer, LocalSweep, Point, Row, Study, Trainer, datasets_of
from dlsweep.sweep._hyperband import to_stop
from dlsweep.sweep._jobs import Broken, Checkpoint, Event, Trained
from dlsweep.tracking import JOB_TYPE
from dlsweep.training import EpochMetrics, Judge, Layout, train_stack
from tests.sweep.helpers import sweep
from tests.tracking.facts import HISTORY, SUMMARY
from tests.wandb_server import WandbServer, wandb_cli

GRID = {
    "dataset": {"value": "digits"},
    "epochs": {"values": [1, 2]},
    "hidden_size": {"value": 8},
    "optimizer": {"values": ["sgd", "adam"]},
}


class Notes:
    """A watcher that writes down what it is told; may raise an error when a run has ended."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.told: list[tuple[str, int]] = []
        self.rows: list[Row] = []
        self.error = error

    def started(self, points: Sequence[Point]) -> None:
        self.told += [("started", point.number) for point in points]

    def trained(self, point: Point, metrics: EpochMetrics) -> None:
        self.told.append((f"trained {metrics.epoch}", point.number))

    def ended(self, row: Row) -> None:
        self.told.append(("ended", row.number))
        self.rows.append(row)
        if self.error is not None:
            raise self.error


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return str(tmp_path / "study.db")


def run(
    study: Study,
    data: Dataset,
    *,
    trainer: Trainer | None = None,
    mode: str = "disabled",
    settings: dict[str, Any] | None = None,
    watcher: Notes | None = None,
) -> Notes:
    watcher = watcher or Notes()
    trainer = trainer or HereTrainer(lambda _: data)
    LocalSweep(study, trainer, mode=mode, settings=settings or {}, watcher=watcher).run()
    return watcher


def test_every_point_becomes_what_it_would_be_alone(digits: Dataset, storage: str):
    with Study.open(sweep(GRID, "grid"), storage) as study:
        told = run(study, digits).told
        rows = study.rows()
    assert [row.status for row in rows] == ["finished"] * 4
    for row in rows:
        [alone] = train_stack([RunConfig(**row.config)], digits)
        numbers = alone.summary()
        assert {k: row.summary[k] for k in numbers} == pytest.approx(numbers)
        assert row.summary.keys() == numbers.keys() | analyse_run(alone).summary().keys()
        assert [e["val_loss"] for e in row.history] == pytest.approx(
            [e.val_loss for e in alone.history]
        )
        assert row.summary["val_confusion"] == alone.val.confusion().tolist()
        assert row.summary["test_confusion"] == alone.test.confusion().tolist()
        assert row.value == row.history[-1]["val_accuracy"]
    for row in rows:
        epochs = [f"trained {n}" for n in range(1, row.config["epochs"] + 1)]
        assert [w for w, number in told if number == row.number] == ["started", *epochs, "ended"]


def test_runs_are_offline_runs_that_sync(
    digits: Dataset, storage: str, wandb_server: WandbServer, tmp_path: Path
):
    """Each has a folder of its own and reaches a server later, grouped, with all that it logged."""
    settings = {"wandb_project": "beds", "wandb_entity": "team"}
    with Study.open(sweep(GRID, "grid"), storage) as study:
        run(study, digits, mode="offline", settings=settings)
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
            "per_class",
        }
        pictures = {name.split("_9_")[0].split("/")[-1] for name in got.files if "images" in name}
        assert {name.rsplit("_", 2)[0] for name in pictures} == {"test_right", "test_wrong"}
    assert wandb_server.unknown == []


def test_the_data_are_shown_once_in_a_run_that_is_no_point(
    digits: Dataset, storage: str, wandb_server: WandbServer
):
    settings = {"wandb_project": "beds", "wandb_entity": "team"}
    first = sweep(GRID, "grid", run_cap=2)
    with Study.open(first, storage) as study:
        run(study, digits, mode="online", settings=settings)
        name, rows = study.name, study.rows()
    with Study.open(sweep(GRID, "grid"), storage) as study:  # goes on
        run(study, digits, mode="online", settings=settings)
        assert len(study.rows()) == 4

    assert len(rows) == 2
    assert len(wandb_server.runs) == 5
    [shown] = [got for got in wandb_server.runs.values() if got.job_type == JOB_TYPE]
    assert shown.id not in {row.run_id for row in rows}
    assert (shown.entity, shown.project, shown.group) == ("team", "beds", name)
    assert (shown.display_name, shown.state) == ("digits data", "finished")
    assert shown.config == {"dataset": "digits"}
    pictures = {Path(file).name.rpartition("_0_")[0] for file in shown.files if "images" in file}
    assert pictures == {"class_samples", "class_distribution", "data_pca"}
    [table] = [json.loads(data) for data in shown.artifacts[0].files.values()]
    assert table["columns"] == ["class", "train", "val", "test"]
    assert [sum(row[i] for row in table["data"]) for i in (1, 2, 3)] == [1293, 144, 360]
    assert wandb_server.unknown == []


def test_without_figures_nothing_but_numbers_is_logged(
    digits: Dataset, storage: str, wandb_server: WandbServer
):
    given = sweep({**GRID, "figures": {"value": "none"}}, "grid", run_cap=1)
    with Study.open(given, storage) as study:
        run(study, digits, mode="online")
        [row] = study.rows()
    [got] = wandb_server.runs.values()
    assert got.artifacts == []
    assert not [name for name in got.files if name.startswith("media")]
    assert row.summary.keys() == SUMMARY
    assert {k for entry in got.history for k in entry if not k.startswith("_")} == HISTORY


def test_a_network_that_fits_nowhere_fails_alone(digits: Dataset, storage: str):
    sizes = {**GRID, "hidden_size": {"values": [8, 10**6]}, "num_layers": {"value": 3}}
    with Study.open(sweep(sizes, "grid"), storage) as study:
        run(study, digits)
        rows = study.rows()
    assert {(row.config["hidden_size"], row.status) for row in rows} == {
        (8, "finished"),
        (10**6, "failed"),
    }
    reasons = {row.reason for row in rows if row.status == "failed"}
    assert all(reason.startswith("hidden_size: a network of 2,0") for reason in reasons)


def test_settings_go_before_those_of_the_points(digits: Dataset, storage: str):
    seen: list[RunConfig] = []

    def load_and_note(config: RunConfig) -> Dataset:
        seen.append(config)
        return digits

    with Study.open(sweep({**GRID, "epochs": {"value": 1}}, "grid"), storage) as study:
        run(study, digits, trainer=HereTrainer(load_and_note), settings={"device": "cpu"})
        rows = study.rows()
    assert {config.device for config in seen} == {"cpu"}
    assert {row.config["device"] for row in rows} == {"auto"}  # the points stay what they are


class Breaking:
    """A trainer whose first job breaks after an epoch; what is left it trains as it should."""

    def __init__(self, data: Dataset) -> None:
        self.here = HereTrainer(lambda _: data)
        self.epochs = 0
        self.closed = False

    @property
    def idle(self) -> bool:
        return self.here.idle

    processes = 2

    def start(
        self,
        job: int,
        configs: Sequence[RunConfig],
        *,
        compile_for: Layout | None = None,
        judge: Judge | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.here.start(job, configs, compile_for=compile_for, judge=judge)

    def wait(self) -> Sequence[Event]:
        events = self.here.wait()
        if all(isinstance(event, Trained) and event.job == 0 for event in events):
            self.epochs += 1
            if self.epochs == 2:
                self.here.close()
                return [Broken(0, "out of luck", "Traceback …")]
        return events

    def leave(self) -> None:
        self.here.leave()

    def close(self) -> None:
        self.closed = True


def test_what_breaks_fails_only_the_runs_still_in_it(
    digits: Dataset, storage: str, wandb_server: WandbServer
):
    # Two stacks, by hidden_size; in each, one run has one epoch and one has two.
    given = {**GRID, "optimizer": {"value": "sgd"}, "hidden_size": {"values": [8, 9]}}
    trainer = Breaking(digits)
    with Study.open(sweep(given, "grid"), storage) as study:
        notes = run(study, digits, trainer=trainer, mode="online")
        rows = study.rows()
    found = {(r.config["hidden_size"], r.config["epochs"]): r for r in rows}
    assert {key: row.status for key, row in found.items()} == {
        (9, 1): "finished",
        (9, 2): "failed",  # the first to be trained, for it costs more
        (8, 1): "finished",
        (8, 2): "finished",
    }
    broken = found[9, 2]
    assert (broken.reason, broken.value) == ("out of luck", None)
    assert "directory" in broken.info
    assert broken.number in [row.number for row in notes.rows]
    got = wandb_server.runs[broken.run_id]
    assert (got.state, got.summary["reason"]) == ("failed", "out of luck")
    assert trainer.closed


def test_an_interrupted_sweep_goes_on_where_it_was(
    digits: Dataset, storage: str, wandb_server: WandbServer
):
    given = sweep(GRID, "grid")
    trainer = HereTrainer(lambda _: digits)
    with Study.open(given, storage) as study:
        notes = Notes(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            run(study, digits, trainer=trainer, mode="online", watcher=notes)
    assert trainer.idle
    [ended] = notes.rows
    [shown] = [run for run in wandb_server.runs.values() if run.job_type == JOB_TYPE]
    states = {run.id: run.state for run in wandb_server.runs.values() if run is not shown}
    assert states.pop(ended.run_id) == "finished"
    assert list(states.values()) == ["failed"] * 3

    with Study.open(given, storage) as study:
        assert sorted(row.status for row in study.rows()) == ["finished"] + ["waiting"] * 3
        again = run(study, digits)
        rows = study.rows()
    assert [row.status for row in rows] == ["finished"] * 4
    assert ended.number not in {number for _, number in again.told}
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
    given = sweep(EIGHT, "grid", early_terminate=HYPERBAND)
    rule = given.early_terminate
    assert rule is not None
    with Study.open(given, storage) as study:
        run(study, digits, mode="online")
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


def test_runs_of_an_earlier_command_count_for_hyperband(digits: Dataset, storage: str):
    with Study.open(sweep(EIGHT, "grid", run_cap=6), storage) as study:
        for point in study.ask(6):
            study.finish(point, "finished", [{"val_accuracy": 2.0}] * 4)
    with Study.open(sweep(EIGHT, "grid", early_terminate=HYPERBAND), storage) as study:
        run(study, digits)
        rows = study.rows()
    assert [(row.status, len(row.history)) for row in rows[6:]] == [("stopped", 1)] * 2


def test_the_data_sets_of_a_sweep():
    assert datasets_of(sweep({"epochs": {"value": 1}})) == ["fashion_mnist"]
    assert datasets_of(sweep({"dataset": {"values": ["MNIST", "digits"]}})) == ["mnist", "digits"]
    assert datasets_of(sweep({"dataset": {"value": "digits"}})) == ["digits"]


def test_what_is_compiled_once_stays_compiled(
    digits: Dataset, storage: str, monkeypatch: pytest.MonkeyPatch
):
    """However little is left of the sweep at its end."""
    layouts: list[Layout | None] = []

    class Noting(HereTrainer):
        def start(
            self,
            job: int,
            configs: Sequence[RunConfig],
            *,
            compile_for: Layout | None = None,
            judge: Judge | None = None,
            checkpoint: Checkpoint | None = None,
        ) -> None:
            layouts.append(compile_for)
            super().start(job, configs, judge=judge)

    left: list[float] = []

    def pays(member_steps: float, processes: int, device: str) -> bool:
        left.append(member_steps)
        return len(left) == 2  # the second of three stacks

    monkeypatch.setattr("dlsweep.sweep._stacks.compiling_pays", pays)
    monkeypatch.setattr("dlsweep.sweep._stacks.free_memory", lambda *_: None)
    monkeypatch.setattr("dlsweep.sweep._local.choose_device", lambda _: torch.device("cuda"))
    given = {**GRID, "hidden_size": {"values": [7, 8, 9]}}
    with Study.open(sweep(given, "grid"), storage) as study:
        run(study, digits, trainer=Noting(lambda _: digits))
        configs = [RunConfig(**row.config) for row in study.rows()]
    assert layouts == [None, Layout.of(configs), Layout.of(configs)]
    assert left[0] > left[1] > 0
    assert len(left) == 2  # it is not asked again
