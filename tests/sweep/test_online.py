"""A local sweep whose runs go to W&B while they train: clicks, latency, a server that fails."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from dlsweep.config import RunConfig
from dlsweep.data import Dataset, load
from dlsweep.sweep import (
    HereTrainer,
    LocalSweep,
    Row,
    Study,
    StudyFolders,
    read_study,
    study_folders,
)
from dlsweep.tracking import Opener, TrackingError, is_synced, sync_folders
from dlsweep.training import train_stack
from tests.sweep.helpers import sweep
from tests.sweep.test_agent import Recording, stop_checks  # noqa: F401
from tests.sweep.test_local import Notes
from tests.tracking.facts import check_confusion, check_run
from tests.wandb_server import Run, WandbServer

FOUR = {
    "dataset": {"value": "digits"},
    "epochs": {"value": 20},
    "hidden_size": {"value": 8},
    "seed": {"values": [1, 2, 3, 4]},
}


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    with Study.open(sweep(FOUR, "grid"), str(tmp_path / "study.db")) as study:
        yield study


@pytest.fixture
def folders(study: Study, tmp_path: Path) -> Callable[[], StudyFolders]:
    """What the study has on the disk, as `dlsweep sync` finds it."""
    return lambda: study_folders(read_study(str(tmp_path / "study.db")))


class At(Notes):
    """A watcher that does something once, after an epoch."""

    def __init__(self, epoch: int, action: Any) -> None:
        super().__init__()
        self.epoch, self.action = epoch, action

    def trained(self, point: Any, metrics: Any) -> None:
        super().trained(point, metrics)
        if metrics.epoch == self.epoch:
            action, self.action = self.action, lambda: None
            action()


def make(study: Study, data: Dataset, watcher: Notes | None = None, **more: Any) -> LocalSweep:
    trainer = more.pop("trainer", None) or HereTrainer(lambda _: data)
    settings = {"wandb_project": "beds", "wandb_entity": "team"}
    watcher = watcher or Notes()
    return LocalSweep(study, trainer, mode="online", settings=settings, watcher=watcher)


def check_all(server: WandbServer, rows: Sequence[Row]) -> None:
    """Every run of the study is at the server, whole, with the run that shows the data."""
    assert len(rows) == 4
    for row in rows:
        run = server.runs[row.run_id]
        check_run(run)
        assert (run.entity, run.project, run.display_name) == ("team", "beds", row.name)
        assert run.column("val_loss") == [epoch["val_loss"] for epoch in row.history]
        assert run.summary["test_accuracy"] == row.summary["test_accuracy"]
    assert [run.group for run in server.runs.values()] == [server.runs[rows[0].run_id].group] * 5
    assert server.unknown == []


def check_pictures(server: WandbServer, rows: Sequence[Row]) -> None:
    for row in rows:
        check_confusion(server.runs[row.run_id], "val")
        check_confusion(server.runs[row.run_id], "test")


# A user's click


def test_a_click_on_stop_ends_that_run_alone(
    wandb_server: WandbServer,
    digits: Dataset,
    stop_checks: None,  # noqa: F811
    tmp_path: Path,
):
    most = 3000
    given = sweep({**FOUR, "epochs": {"value": most}}, "grid")
    trainer = Recording(lambda _: digits)

    def click() -> None:
        """At one run, when it has logged something; the others when W&B knows of its end."""
        runs: dict[int, Run] = {}

        def there() -> bool:
            training = (r for r in wandb_server.runs.values() if r.history and "seed" in r.config)
            runs.update((run.config["seed"], run) for run in training)
            return len(runs) == 4

        wandb_server.wait_for(there, 90)
        wandb_server.stop_run(runs[2].id, by="stream")
        wandb_server.wait_for(lambda: runs[2].complete, 90)
        for seed in (1, 3, 4):
            wandb_server.stop_run(runs[seed].id, by="stream")

    user = threading.Thread(target=click)
    with Study.open(given, str(tmp_path / "study.db")) as study:
        user.start()
        local = make(study, digits, trainer=trainer)
        local.run()
        user.join()
        rows = study.rows()
    assert not local.left
    assert local.unsent == 0
    by_seed = {row.config["seed"]: row for row in rows}
    for row in rows:
        run = wandb_server.runs[row.run_id]
        assert (row.status, run.summary["status"]) == ("stopped", "stopped")
        assert (run.state, run.exit_code) == ("failed", 255)
        assert 0 < len(row.history) < most
        assert run.column("val_loss") == [epoch["val_loss"] for epoch in row.history]
        assert row.value == row.history[-1]["val_accuracy"]
    check_pictures(wandb_server, rows)
    # The neighbours are what they are in a stack that nobody leaves, to the last bit.
    longest = max(len(row.history) for row in rows)
    assert len(by_seed[2].history) < longest
    [(configs, compile_for)] = trainer.stacks
    configs = [dataclasses.replace(config, epochs=longest) for config in configs]
    for result in train_stack(configs, digits, compile_for=compile_for):
        row = by_seed[result.config.seed]
        undisturbed = [metrics.val_loss for metrics in result.history]
        assert [e["val_loss"] for e in row.history] == undisturbed[: len(row.history)]


def test_a_click_beside_early_terminate(
    wandb_server: WandbServer,
    digits: Dataset,
    tmp_path: Path,
):
    """The rule has stopped nobody by then; the click is obeyed all the same."""
    rule = {"type": "hyperband", "min_iter": 15}
    given = sweep(FOUR, "grid", early_terminate=rule)
    with Study.open(given, str(tmp_path / "study.db")) as study:

        def click() -> None:
            [job] = local._jobs.values()
            job.runs[0]._ask_to_stop()

        local = make(study, digits, At(3, click))
        local.run()
        stopped = [row for row in study.rows() if row.status == "stopped"]
    assert [len(row.history) for row in stopped if len(row.history) < 15] == [4]


# The network


def test_a_server_that_takes_its_time_keeps_nobody_from_training(
    wandb_server: WandbServer, digits: Dataset, study: Study
):
    """It answers nothing about runs until the last epoch of the first of them is trained."""
    fault = wandb_server.fail("hang", only="UpsertBucket")
    local = make(study, digits, At(20, fault.clear))
    local.run()
    assert fault.hits > 1  # several runs were being opened at a time
    assert local.unsent == 0
    check_all(wandb_server, study.rows())
    check_pictures(wandb_server, study.rows())


@pytest.mark.parametrize("kind", [500, 429, "refuse"])
def test_failures_that_pass(wandb_server: WandbServer, digits: Dataset, study: Study, kind: Any):
    local = make(study, digits, At(3, lambda: wandb_server.fail(kind, times=12)))
    local.run()
    assert [fault.hits for fault in wandb_server.faults] == [12]
    assert local.unsent == 0
    check_all(wandb_server, study.rows())
    check_pictures(wandb_server, study.rows())


@pytest.mark.parametrize("kind", [500, 429, "hang", "refuse"])
def test_a_server_that_does_not_come_back_loses_nothing(
    wandb_server: WandbServer,
    digits: Dataset,
    study: Study,
    folders: Callable[[], StudyFolders],
    kind: Any,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("WANDB_FINISH_TIMEOUT", "2")
    for what in ("FILE_STREAM", "FILE_TRANSFER", "GRAPHQL"):  # else for a minute and a half
        monkeypatch.setenv(f"WANDB_X_{what}_RETRY_MAX", "3")
    monkeypatch.setattr("dlsweep.sweep._background._PATIENCE", 0.5)
    file_stream = "file_stream" if kind == "hang" else None  # nothing else is given up so soon
    local = make(study, digits, At(3, lambda: wandb_server.fail(kind, only=file_stream)))
    local.run()
    assert [row.status for row in study.rows()] == ["finished"] * 4
    assert local.unsent >= 4
    wandb_server.clear_faults()
    waiting = folders().waiting
    assert len(waiting) == local.unsent
    assert sync_folders(waiting) == ""
    check_all(wandb_server, study.rows())
    assert (folders().waiting, folders().missing) == ((), ())


@pytest.mark.parametrize("kind", [503, "refuse"])
def test_runs_that_begin_while_nobody_is_there_are_offline_runs_with_their_own_ids(
    wandb_server: WandbServer,
    digits: Dataset,
    study: Study,
    folders: Callable[[], StudyFolders],
    kind: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "2")
    wandb_server.fail(kind)
    local = make(study, digits)
    local.run()
    assert sum("it is asked again for 2 s" in r.getMessage() for r in caplog.records) == 1
    rows = study.rows()
    assert [row.status for row in rows] == ["finished"] * 4
    assert (local.unsent, wandb_server.runs) == (5, {})
    for row in rows:
        folder = Path(row.info["directory"])
        assert folder.name.startswith("offline-run-")
        assert folder.name.endswith(f"-{row.run_id}")
    wandb_server.clear_faults()
    assert sync_folders(folders().waiting) == ""
    check_all(wandb_server, rows)
    check_pictures(wandb_server, rows)


def test_runs_that_wandb_could_not_open_are_sent_to_their_own_ids(
    wandb_server: WandbServer,
    digits: Dataset,
    study: Study,
    folders: Callable[[], StudyFolders],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "2")
    with wandb_server.fail("hang", only="UpsertBucket"):
        local = make(study, digits)
        local.run()
    wandb_server.runs.clear()  # it may have heard of some after all
    waiting = folders().waiting
    assert len(waiting) == local.unsent == 5
    assert not any(is_synced(folder) for folder in waiting)
    assert sync_folders(waiting) == ""
    check_all(wandb_server, study.rows())


def test_what_was_sent_while_training_is_not_sent_again(
    wandb_server: WandbServer,
    digits: Dataset,
    study: Study,
    folders: Callable[[], StudyFolders],
):
    make(study, digits).run()
    found = folders()
    assert (found.waiting, found.sent, found.online) == ((), (), 5)


def test_nobody_at_the_address_is_refused_at_once(wandb_server: WandbServer):
    Opener("online").check()
    with wandb_server.fail("refuse"), pytest.raises(TrackingError, match="cannot be reached"):
        Opener("online").check()
    Opener("offline").check()


def test_a_run_is_opened_again_only_when_it_is_closed(
    wandb_server: WandbServer, digits: Dataset, study: Study
):
    """Its stack breaks, and wandb's service does not open an id twice."""
    from dlsweep.sweep._jobs import Broken, Cause, Event, Trained

    class Once(HereTrainer):
        epochs = 0

        def wait(self) -> Sequence[Event]:
            events = super().wait()
            self.epochs += sum(isinstance(event, Trained) for event in events)
            if self.epochs != 2:
                return events
            self._running, self.epochs = None, 3
            return [*events, Broken(0, "it broke", cause=Cause.DEATH)]

    local = make(study, digits, trainer=Once(lambda _: digits))
    local.run()
    assert local.unsent == 0
    check_all(wandb_server, study.rows())
    assert isinstance(study.rows()[0].config, dict)
    assert RunConfig(**study.rows()[0].config).epochs == 20
