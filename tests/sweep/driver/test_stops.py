"""Runs that a user or early termination stops, whatever happens to their stacks."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest

from dlsweep.sweep.driver import Driver, StudySource
from dlsweep.sweep.execution import Broken, Cause
from dlsweep.sweep.file import SweepFile
from dlsweep.sweep.study import Row, Study
from tests.sweep.driver.faulty import Notes, SteppedExecutor
from tests.sweep.helpers import sweep

KILLED = Broken(0, "its process was killed", cause=Cause.DEATH)
HYPERBAND = {"type": "hyperband", "min_iter": 1, "eta": 2, "strict": True}
TINY = {
    "dataset": {"value": "digits"},
    "train_size": {"value": 100},
    "hidden_size": {"value": 8},
    "figures": {"value": "none"},
}


class Clicks(StudySource):
    """A study whose runs are stopped when something happens.

    Args:
        study: the study.
        clicks: for entries of ``Notes``, such as ("epoch 3", 0), the number of the run to stop.
    """

    def __init__(self, study: Study, clicks: dict[tuple[str, int], int]) -> None:
        super().__init__(study, mode="disabled", at_once=256)
        self.clicks = clicks
        self.ids: dict[int, str] = {}
        self.asked: list[int] = []

    def take(self, n: int) -> list[Any]:
        runs = super().take(n)
        self.ids.update((run.number, run.run_id) for run in runs)
        return runs

    def note(self, entry: tuple[str, int]) -> None:
        if entry in self.clicks:
            self.asked.append(self.clicks.pop(entry))

    def stops_asked(self) -> Collection[str]:
        asked, self.asked = self.asked, []
        return [self.ids[number] for number in asked]


@pytest.fixture
def go(tmp_path: Path) -> Callable[..., tuple[list[Row], Notes]]:
    """Trains a sweep, in a study of its own."""

    def train(
        swept: SweepFile,
        executor: SteppedExecutor,
        clicks: dict[tuple[str, int], int] | None = None,
        save_seconds: float = 0.0,
    ) -> tuple[list[Row], Notes]:
        storage = tmp_path / f"{len(list(tmp_path.iterdir()))}.db"
        with Study.open(swept, str(storage)) as study:
            source = Clicks(study, clicks or {})
            notes = Notes(source.note)
            Driver(source, executor, progress=notes, save_seconds=save_seconds).run()
            return study.rows(), notes

    return train


def seen(rows: list[Row]) -> list[Any]:
    """What must be equal of runs however their stacks break."""
    return [(row.status, [epoch["val_loss"] for epoch in row.history]) for row in rows]


def breaking_once(epochs: int) -> SteppedExecutor:
    hits = [KILLED]
    return SteppedExecutor(lambda job: hits.pop() if hits else None, epochs)


def test_a_run_is_stopped_beside_early_termination(go: Any):
    """The rule has stopped none by then."""
    four = {**TINY, "epochs": {"value": 20}, "seed": {"values": [1, 2, 3, 4]}}
    rule = {"type": "hyperband", "min_iter": 15}
    swept = sweep(four, "grid", early_terminate=rule)
    rows, _ = go(swept, SteppedExecutor(), {("epoch 3", 2): 2})
    assert [(row.number, row.status) for row in rows if len(row.history) < 15] == [(2, "stopped")]
    assert 4 <= len(rows[2].history) <= 5


def test_a_run_that_waits_is_stopped_at_once(go: Any):
    """Runs of other sizes wait in their stacks while the first one trains."""
    sizes = {**TINY, "epochs": {"value": 2}, "hidden_size": {"values": [8, 9]}}
    executor = SteppedExecutor()
    swept = sweep({**sizes, "seed": {"values": [1, 2]}}, "grid")
    whole, notes = go(swept, SteppedExecutor())
    first = notes.entries[0][1]
    waiting = next(
        row.number
        for row in whole
        if row.config["hidden_size"] != whole[first].config["hidden_size"]
    )
    rows, notes = go(swept, executor, {("epoch 1", first): waiting})
    assert [len(job.configs) for job in executor.jobs] == [2, 1]
    assert rows[waiting].reason == "stopped while it waited to be trained"
    assert ("started", waiting) not in notes.entries
    others = [i for i in range(4) if i != waiting]
    assert [seen(rows)[i] for i in others] == [seen(whole)[i] for i in others]


def test_a_run_that_is_trained_again_is_stopped_when_it_has_caught_up(go: Any):
    """Else it would end with fewer epochs than it has logged."""
    two = {**TINY, "epochs": {"value": 9}, "seed": {"values": [1, 2]}}
    swept = sweep(two, "grid")
    whole, _ = go(swept, SteppedExecutor())
    executor = breaking_once(epochs=6)
    # Its stack breaks before it can obey, and there is no checkpoint.
    rows, notes = go(swept, executor, {("epoch 6", 1): 1}, save_seconds=10**6)
    assert [len(job.configs) for job in executor.jobs] == [2, 2]
    assert [row.status for row in rows] == ["finished", "stopped"]
    assert 6 < len(rows[1].history) < 9
    epochs = [entry for entry, number in notes.entries if number == 1 and "epoch" in entry]
    assert epochs == [f"epoch {n}" for n in range(1, len(rows[1].history) + 1)]
    assert seen(rows)[0] == seen(whole)[0]
    assert seen(rows)[1][1] == seen(whole)[1][1][: len(rows[1].history)]


def test_a_member_that_has_ended_before_is_not_trained_for_ever(go: Any):
    """It is trained again with its stack, but no longer than the others need."""
    swept = sweep({**TINY, "epochs": {"values": [6, 10**6]}}, "grid")
    executor = breaking_once(epochs=5)
    rows, _ = go(swept, executor, {("epoch 2", 1): 1}, save_seconds=10**6)
    assert [(row.config["epochs"], row.status) for row in rows] == [
        (6, "finished"),
        (10**6, "stopped"),
    ]
    assert [len(job.configs) for job in executor.jobs] == [2, 2]
    assert 2 < len(rows[1].history) < 5


@pytest.mark.parametrize("save_seconds", [0.0, 10**6])
@pytest.mark.parametrize("question", [1, 2, 3])
def test_early_termination_counts_an_epoch_once(go: Any, question: int, save_seconds: float):
    """The stack breaks when the driver has answered, before the epoch is recorded."""

    class Breaking(SteppedExecutor):
        questions = 0

        def answer(self, job: int, stop: Any) -> None:
            super().answer(job, stop)
            self.questions += 1
            if self.questions == question:
                self.break_now(KILLED)

    rates = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2]
    eight = {**TINY, "epochs": {"value": 5}, "learning_rate": {"values": rates}}
    metric = {"name": "val_loss", "goal": "minimize"}
    swept = sweep(eight, "grid", early_terminate=HYPERBAND, metric=metric)
    whole, _ = go(swept, SteppedExecutor())
    executor = Breaking()
    rows, _ = go(swept, executor, save_seconds=save_seconds)
    assert [len(job.configs) for job in executor.jobs] == [8, 8]
    assert seen(rows) == seen(whole)
    assert len({len(row.history) for row in rows}) > 2
