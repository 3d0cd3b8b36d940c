"""What becomes of a local sweep that is interrupted, and of stacks that break."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from dlsweep.config import RunConfig
from dlsweep.sweep.driver import Driver, Progress, StudySource
from dlsweep.sweep.execution import Broken, Cause, Executor, InProcessExecutor, StackJob
from dlsweep.sweep.execution._checkpoints import decode, encode
from dlsweep.sweep.study import Row, Study, read_study
from dlsweep.training import StackState
from tests.sweep.driver.faulty import Notes, SteppedExecutor
from tests.sweep.helpers import sweep
from tests.wandb_server import WandbServer, wandb_cli

GRID = sweep(
    {
        "dataset": {"value": "digits"},
        "train_size": {"value": 100},
        "epochs": {"values": [2, 4]},
        "hidden_size": {"values": [8, 9]},
        "optimizer": {"values": ["sgd", "nadam"]},
        "dropout": {"value": 0.1},
    },
    "grid",
)


class Cut(BaseException):
    """The end of a process, at a moment of our choice."""


class Moments(Notes):
    """Does something at one of the moments at which progress is shown; by default, cuts it off."""

    def __init__(self, moment: int = -1) -> None:
        super().__init__(self._at_moment)
        self.moment = moment
        self.act: Callable[[], None] | None = None

    def _at_moment(self, entry: tuple[str, int]) -> None:
        if len(self.entries) == self.moment:
            if self.act is None:
                raise Cut
            self.act()

    @property
    def ends(self) -> list[int]:
        return [row.number for row in self.rows]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def driver(
    study: Study, executor: Executor, progress: Progress | None = None, mode: str = "disabled"
) -> Driver:
    source = StudySource(study, mode=mode, at_once=256)
    return Driver(source, executor, progress=progress, save_seconds=0.0)


def go(
    storage: str,
    executor: Executor | None = None,
    progress: Progress | None = None,
    mode: str = "disabled",
) -> list[Row]:
    with Study.open(GRID, storage) as study:
        driver(study, executor or InProcessExecutor(), progress, mode).run()
        return study.rows()


def seen(row: Row) -> tuple[Any, ...]:
    """What must be equal of a run, however often it was interrupted: all but the time it took."""
    history = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in row.history]
    return row.number, row.status, dict(row.config), dict(row.summary), history


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    return go(str(tmp_path_factory.mktemp("undisturbed") / "study.db"))


def test_cut_off_at_any_moment_the_sweep_comes_to_the_same(undisturbed: list[Row], tmp_path: Path):
    whole = Moments()
    go(str(tmp_path / "whole.db"), progress=whole)
    assert len(whole.ends) == 8
    last = len(whole.entries)
    for moment in sorted({*range(1, 14, 2), *range(14, last + 1, 6), last}):
        storage = str(tmp_path / f"{moment}.db")
        first, second = Moments(moment), Moments()
        with pytest.raises(Cut):
            go(storage, progress=first)
        rows = go(storage, progress=second)
        assert [seen(row) for row in rows] == [seen(row) for row in undisturbed]
        assert sorted(first.ends + second.ends) == list(range(8))
        assert not list(tmp_path.glob(f"{moment}.db.checkpoints"))


def leave_at(moment: int, storage: str, mode: str = "disabled") -> tuple[Path, Moments]:
    """Leave a sweep at some moment: its checkpoint, and what was trained."""
    with Study.open(GRID, storage) as study:
        progress = Moments(moment)
        leaving = driver(study, SteppedExecutor(), progress, mode)
        progress.act = leaving.leave
        leaving.run()
        assert leaving.leaving
        [file] = study.checkpoints.iterdir()
        return file, progress


def test_an_epoch_that_was_saved_is_not_trained_again():
    """It is logged again, for the run's new record; the time it took is the proof."""
    file, progress = leave_at(10, "study.db")  # in the second epoch of the first stack
    trained = [number for entry, number in progress.entries if entry == "epoch 2"]
    saved = decode(file.read_bytes())
    rows = {row.number: row for row in go("study.db")}
    members = saved.facts["members"]
    assert 0 < len(members) < len(trained)  # some ended with that epoch
    for member in members:
        number = sorted(trained)[member["index"]]
        seconds = [epoch["seconds"] for epoch in rows[number].history]
        assert [values["seconds"] for values in member["history"]] == seconds[:2]


def change(path: Path, edit: Callable[[StackState], None]) -> None:
    state = decode(path.read_bytes())
    edit(state)
    path.write_bytes(encode(state))


def other_version(state: StackState) -> None:
    state.facts["identity"]["dlsweep"] = "0.0.1"


def other_members(state: StackState) -> None:
    del state.facts["members"][0]


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "it is incomplete ("),
        (lambda path: change(path, other_version), "other dlsweep than the stack's (0.0.1, now "),
        (lambda path: change(path, other_members), "array "),
    ],
)
def test_a_checkpoint_that_cannot_be_used_costs_a_line(
    undisturbed: list[Row],
    caplog: pytest.LogCaptureFixture,
    harm: Callable[[Path], None],
    why: str,
):
    harm(leave_at(3, "study.db")[0])
    rows = go("study.db")
    assert [seen(row) for row in rows] == [seen(row) for row in undisturbed]
    [line] = [r.message for r in caplog.records if "checkpoint" in r.message]
    name, _, reason = line.removeprefix("checkpoint ").partition(" is not used (")
    assert name.endswith(".safetensors")
    assert reason.startswith(why)
    assert line.endswith("; 4 runs start again")


def test_a_full_disk_costs_a_line(
    undisturbed: list[Row], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dlsweep.sweep.execution._checkpoints.store", full)
    rows = go("study.db")
    assert [seen(row) for row in rows] == [seen(row) for row in undisturbed]
    folder = Path("study.db.checkpoints").absolute() / read_study(storage="study.db").name
    lines = [r.message for r in caplog.records if "No space" in r.message]
    assert lines == [f"no checkpoint in {folder}: No space left on device"]


def test_each_run_leaves_one_whole_folder_to_sync(
    undisturbed: list[Row], wandb_server: WandbServer, tmp_path: Path
):
    """However often the sweep was left and went on, and a stack broke."""
    for moment in (3, 4, 14):
        leave_at(moment, "study.db", mode="offline")
    hits = [KILLED]
    executor = SteppedExecutor(lambda job: hits.pop() if hits else None, epochs=2)
    rows = go("study.db", executor, mode="offline")
    assert not hits
    shown = read_study(storage="study.db").folders  # of the run that shows the data
    folders = sorted(f for f in tmp_path.glob("wandb/offline-run-*") if str(f) not in shown)
    assert len(shown) == 1
    assert len(folders) == len(rows) == 8
    assert [str(folder) for folder in folders] == sorted(row.info["directory"] for row in rows)
    synced = wandb_cli("sync", "--yes", *map(str, folders), cwd=tmp_path)
    assert synced.returncode == 0, synced.stdout
    for row, expected in zip(rows, undisturbed, strict=True):
        got = wandb_server.runs[row.run_id]
        assert got.state == "finished"
        assert got.column("epoch") == [epoch["epoch"] for epoch in expected.history]
        assert got.column("val_loss") == [epoch["val_loss"] for epoch in expected.history]


# Stacks that break

KILLED = Broken(0, "its process was killed", cause=Cause.DEATH)


def guilty(config: RunConfig) -> bool:
    return (config.hidden_size, config.optimizer, config.epochs) == (9, "sgd", 4)


def by_guilt(rows: Sequence[Row]) -> tuple[Row, list[Row]]:
    [one] = [row for row in rows if guilty(RunConfig(**row.config))]
    return one, [row for row in rows if row is not one]


def when_guilty(broken: Broken) -> Callable[[StackJob], Broken | None]:
    """Break the stacks of one run."""
    return lambda job: broken if any(map(guilty, job.configs)) else None


def sizes(executor: SteppedExecutor) -> list[int]:
    return [len(job.configs) for job in executor.jobs]


def test_a_run_that_kills_its_process_fails_after_four_and_the_others_live(
    undisturbed: list[Row], caplog: pytest.LogCaptureFixture
):
    executor = SteppedExecutor(when_guilty(KILLED))
    rows = go("study.db", executor)
    # The stack of four twice, then each of the four alone, one of them twice; and the other stack.
    assert sorted(sizes(executor)) == [1, 1, 1, 1, 1, 4, 4, 4]
    one, others = by_guilt(rows)
    assert one.status == "failed"
    assert one.reason == "its process was killed; 4 workers have died training this run"
    for row, expected in zip(others, by_guilt(undisturbed)[1], strict=True):
        assert row.status == expected.status == "finished"
        assert row.summary["test_loss"] == pytest.approx(expected.summary["test_loss"], rel=1e-4)
    lines = [record.message for record in caplog.records if "killed" in record.message]
    assert lines == [
        "its process was killed; 4 runs again",
        "its process was killed; 4 runs again, alone",
        "its process was killed; run 6 again",
    ]


def test_deaths_are_counted_over_interruptions():
    for _ in range(2):  # each time its first stack dies once, and then the sweep is cut off
        with pytest.raises(Cut):
            go("study.db", SteppedExecutor(lambda job: KILLED), Moments(5))
    with Study.open(GRID, "study.db") as study:
        left = study.left_over()
    assert sorted(run.deaths for _, runs in left for run in runs) == [0] * 4 + [2] * 4


def test_a_stack_that_a_death_hits_once_is_the_same_stack(undisturbed: list[Row]):
    hits = [KILLED]
    executor = SteppedExecutor(lambda job: hits.pop() if hits else None, epochs=3)
    rows = go("study.db", executor)
    assert [seen(row) for row in rows] == [seen(row) for row in undisturbed]
    assert sizes(executor) == [4, 4, 4]


def test_what_does_not_fit_into_memory_is_halved(caplog: pytest.LogCaptureFixture):
    full = Broken(0, "OutOfMemoryError: CUDA out of memory", cause=Cause.MEMORY)
    executor = SteppedExecutor(lambda job: full if len(job.configs) > 2 else None)
    rows = go("study.db", executor)
    assert {row.status for row in rows} == {"finished"}
    assert sizes(executor) == [4, 2, 2, 4, 2, 2]
    lines = [record.message for record in caplog.records if "memory" in record.message]
    assert lines == [f"{full.reason}; 4 runs again, in stacks of 2"] * 2


def test_what_does_not_fit_even_alone_fails():
    full = Broken(0, "MemoryError: none left", cause=Cause.MEMORY)
    executor = SteppedExecutor(when_guilty(full))
    rows = go("study.db", executor)
    one, others = by_guilt(rows)
    assert (one.status, one.reason) == ("failed", full.reason)
    assert {row.status for row in others} == {"finished"}
    assert sorted(sizes(executor)) == [1, 1, 2, 2, 4, 4]


def test_an_error_fails_only_the_run_that_makes_it():
    wrong = Broken(0, "ValueError: no", "Traceback …")
    executor = SteppedExecutor(when_guilty(wrong))
    one, others = by_guilt(go("study.db", executor))
    assert (one.status, one.reason) == ("failed", wrong.reason)
    assert {row.status for row in others} == {"finished"}
    assert sorted(sizes(executor)) == [1, 1, 1, 1, 4, 4]


def test_a_stack_that_is_lost_again_and_again_fails_in_the_end(caplog: pytest.LogCaptureFixture):
    lost = Broken(0, "its node has left the cluster", cause=Cause.LOST)
    executor = SteppedExecutor(lambda job: lost if any(map(guilty, job.configs)) else None)
    rows = go("study.db", executor)
    assert sizes(executor).count(4) == 11  # the one stack ten times, the other one once
    assert sorted(row.status for row in rows) == ["failed"] * 4 + ["finished"] * 4
    assert caplog.text.count("its node has left the cluster; 4 runs again") == 9
