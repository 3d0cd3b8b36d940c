"""What becomes of a local sweep that is interrupted, and of stacks that break."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from dlsweep.config import RunConfig
from dlsweep.data import Dataset, load
from dlsweep.sweep import HereTrainer, LocalSweep, Point, Row, Study, Trainer, read_study
from dlsweep.sweep._checkpoints import read_checkpoint, write_checkpoint
from dlsweep.sweep._jobs import Broken, Cause, Checkpoint, Event
from dlsweep.training import EpochMetrics, Judge, Layout
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


class Watch:
    """Counts what it is told; cuts the sweep off at the moment ``cut``."""

    def __init__(self, cut: int = -1, act: Callable[[], None] | None = None) -> None:
        self.moments = 0
        self.cut = cut
        self.act = act
        self.ends: list[int] = []
        self.epochs: list[tuple[int, int]] = []

    def _moment(self) -> None:
        self.moments += 1
        if self.moments == self.cut:
            if self.act is None:
                raise Cut
            self.act()

    def started(self, points: Sequence[Point]) -> None:
        self._moment()

    def trained(self, point: Point, metrics: EpochMetrics) -> None:
        self.epochs.append((point.number, metrics.epoch))
        self._moment()

    def ended(self, row: Row) -> None:
        self.ends.append(row.number)
        self._moment()


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits", train_size=100)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def here(data: Dataset) -> HereTrainer:
    return HereTrainer(lambda _: data, save_seconds=0.0)


def go(
    storage: str, trainer: Trainer, watch: Watch | None = None, mode: str = "disabled"
) -> list[Row]:
    with Study.open(GRID, storage) as study:
        local = LocalSweep(study, trainer, mode=mode, settings={}, watcher=watch or Watch())
        local.run()
        return study.rows()


def seen(row: Row) -> tuple[Any, ...]:
    """What must be equal of a run, however often it was interrupted: all but the time it took."""
    history = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in row.history]
    return row.number, row.status, dict(row.config), dict(row.summary), history


@pytest.fixture(scope="module")
def undisturbed(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    return go(str(tmp_path_factory.mktemp("undisturbed") / "study.db"), here(digits))


def test_cut_off_at_any_moment_the_sweep_comes_to_the_same(
    digits: Dataset, undisturbed: list[Row], tmp_path: Path
):
    watch = Watch()
    go(str(tmp_path / "count.db"), here(digits), watch)
    assert len(watch.ends) == 8
    for cut in sorted({*range(1, 14, 2), *range(14, watch.moments + 1, 6), watch.moments}):
        storage = str(tmp_path / f"{cut}.db")
        first, second = Watch(cut), Watch()
        with pytest.raises(Cut):
            go(storage, here(digits), first)
        rows = go(storage, here(digits), second)
        assert [seen(row) for row in rows] == [seen(row) for row in undisturbed]
        assert sorted(first.ends + second.ends) == list(range(8))
        assert not list(tmp_path.glob(f"{cut}.db.*"))


def test_an_epoch_that_was_saved_is_not_trained_again(digits: Dataset, tmp_path: Path):
    """It is told again, for the run's new record; the time it took is the proof."""
    storage = str(tmp_path / "study.db")
    trainer = here(digits)
    with Study.open(GRID, storage) as study:
        watch = Watch()
        local = LocalSweep(study, trainer, mode="disabled", settings={}, watcher=watch)
        watch.act, watch.cut = local.leave, 10  # in the second epoch of the first stack
        local.run()
        assert local.left
        assert {epoch for _, epoch in watch.epochs} == {1, 2}
        [file] = study.checkpoints.iterdir()
    saved = read_checkpoint(file)
    assert saved is not None
    rows = {row.number: row for row in go(storage, here(digits))}
    for member in saved.facts["members"]:
        number = sorted({number for number, _ in watch.epochs})[member["index"]]
        seconds = [epoch["seconds"] for epoch in rows[number].history]
        assert [values[-1] for values in member["history"]] == seconds[:2]


def leave_after(moment: int, storage: str, data: Dataset, mode: str = "disabled") -> Path:
    """Leave a sweep after some moment, and find its checkpoint."""
    with Study.open(GRID, storage) as study:
        watch = Watch(moment)
        local = LocalSweep(study, here(data), mode=mode, settings={}, watcher=watch)
        watch.act = local.leave
        local.run()
        [file] = study.checkpoints.iterdir()
        return file


def other_version(path: Path) -> None:
    state = read_checkpoint(path)
    assert state is not None
    state.facts["identity"]["dlsweep"] = "0.0.1"
    write_checkpoint(path, state)


def other_members(path: Path) -> None:
    state = read_checkpoint(path)
    assert state is not None
    del state.facts["members"][0]
    write_checkpoint(path, state)


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "it is not whole"),
        (other_version, "other dlsweep than the stack's (0.0.1, now "),
        (other_members, "array "),
    ],
)
def test_a_checkpoint_that_is_of_no_use_costs_a_line(
    digits: Dataset,
    undisturbed: list[Row],
    caplog: pytest.LogCaptureFixture,
    harm: Callable[[Path], None],
    why: str,
):
    harm(leave_after(3, "study.db", digits))
    rows = go("study.db", here(digits))
    assert [seen(row) for row in rows] == [seen(row) for row in undisturbed]
    [line] = [r.message for r in caplog.records if "checkpoint" in r.message]
    name, _, reason = line.removeprefix("checkpoint ").partition(" is not used (")
    assert name.endswith(".safetensors")
    assert reason.startswith(why)
    assert line.endswith("; 4 runs start again")


def test_a_full_disk_costs_a_line(
    digits: Dataset,
    undisturbed: list[Row],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dlsweep.sweep._checkpoints.write_checkpoint", full)
    rows = go("study.db", here(digits))
    assert [seen(row) for row in rows] == [seen(row) for row in undisturbed]
    assert ": No space left on device" in caplog.text


def test_each_run_leaves_one_whole_folder_to_sync(
    digits: Dataset, undisturbed: list[Row], wandb_server: WandbServer, tmp_path: Path
):
    for moment in (3, 4, 14):
        leave_after(moment, "study.db", digits, mode="offline")
    rows = go("study.db", here(digits), mode="offline")
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
        assert got.column("val_loss") == [epoch["val_loss"] for epoch in expected.history]


# --- Stacks that break ---------------------------------------------------------------------------


class Faulty(HereTrainer):
    """Breaks stacks for which ``fault`` says so, after so many epochs."""

    def __init__(
        self, data: Dataset, fault: Callable[[Sequence[RunConfig]], Broken | None], epochs: int = 1
    ) -> None:
        super().__init__(lambda _: data, save_seconds=0.0)
        self.fault = fault
        self.epochs = epochs
        self.sizes: list[int] = []

    def start(
        self,
        job: int,
        configs: Sequence[RunConfig],
        *,
        compile_for: Layout | None = None,
        judge: Judge | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.sizes.append(len(configs))
        self.job, self.left = job, self.epochs
        self.broken = self.fault(configs)
        super().start(job, configs, judge=judge, checkpoint=checkpoint)

    def wait(self) -> Sequence[Event]:
        if self.broken is not None and self.left == 0:
            self.close()
            return [dataclasses.replace(self.broken, job=self.job)]
        self.left -= 1
        return super().wait()


def guilty(config: RunConfig) -> bool:
    return (config.hidden_size, config.optimizer, config.epochs) == (9, "sgd", 4)


def by_guilt(rows: Sequence[Row]) -> tuple[Row, list[Row]]:
    [one] = [row for row in rows if guilty(RunConfig(**row.config))]
    return one, [row for row in rows if row is not one]


KILLED = Broken(0, "its process was killed", cause=Cause.DEATH)


def test_a_run_that_kills_its_process_fails_after_three_and_the_others_live(
    digits: Dataset, undisturbed: list[Row], caplog: pytest.LogCaptureFixture
):
    trainer = Faulty(digits, lambda configs: KILLED if any(map(guilty, configs)) else None)
    rows = go("study.db", trainer)
    # The stack of four twice, then each of the four alone; and the other stack of four.
    assert sorted(trainer.sizes) == [1, 1, 1, 1, 4, 4, 4]
    one, others = by_guilt(rows)
    assert one.status == "failed"
    assert one.reason == "its process was killed; 3 processes have died training this run"
    for row, expected in zip(others, by_guilt(undisturbed)[1], strict=True):
        assert row.status == expected.status == "finished"
        assert row.summary["test_loss"] == pytest.approx(expected.summary["test_loss"], rel=1e-4)
    lines = [record.message for record in caplog.records if "killed" in record.message]
    assert (
        lines
        == [
            "its process was killed; 4 runs again",
            "its process was killed; 4 runs again, alone",
            "its process was killed; run 5 again",
        ][: len(lines)]
    )


def test_deaths_are_counted_over_interruptions(digits: Dataset):
    def always(configs: Sequence[RunConfig]) -> Broken:
        return KILLED

    for moment in (2, 2):  # each time its first stack dies once
        watch = Watch(moment)
        with pytest.raises(Cut):
            go("study.db", Faulty(digits, always, epochs=0), watch)
    with Study.open(GRID, "study.db") as study:
        points = study.left_over()
    assert sorted(point.deaths for point in points) == [0] * 4 + [2] * 4


def test_a_stack_that_a_death_hits_once_is_the_same_stack(digits: Dataset, undisturbed: list[Row]):
    hits = [KILLED]
    trainer = Faulty(digits, lambda configs: hits.pop() if hits else None, epochs=3)
    rows = go("study.db", trainer)
    assert [seen(row) for row in rows] == [seen(row) for row in undisturbed]
    assert trainer.sizes == [4, 4, 4]


def test_what_does_not_fit_into_memory_is_halved(digits: Dataset, caplog: pytest.LogCaptureFixture):
    full = Broken(0, "OutOfMemoryError: CUDA out of memory", cause=Cause.MEMORY)
    trainer = Faulty(digits, lambda configs: full if len(configs) > 2 else None)
    rows = go("study.db", trainer)
    assert {row.status for row in rows} == {"finished"}
    assert trainer.sizes == [4, 2, 2, 4, 2, 2]
    lines = [record.message for record in caplog.records if "memory" in record.message]
    assert lines == [f"{full.reason}; 4 runs again, in stacks of 2"] * 2


def test_what_does_not_fit_even_alone_fails(digits: Dataset):
    full = Broken(0, "MemoryError: none left", cause=Cause.MEMORY)
    trainer = Faulty(digits, lambda configs: full if any(map(guilty, configs)) else None)
    rows = go("study.db", trainer)
    one, others = by_guilt(rows)
    assert (one.status, one.reason) == ("failed", full.reason)
    assert {row.status for row in others} == {"finished"}
    assert sorted(trainer.sizes) == [1, 1, 2, 2, 4, 4]


def test_an_error_fails_only_the_run_that_makes_it(digits: Dataset):
    wrong = Broken(0, "ValueError: no", "Traceback …")
    trainer = Faulty(digits, lambda configs: wrong if any(map(guilty, configs)) else None)
    one, others = by_guilt(go("study.db", trainer))
    assert (one.status, one.reason) == ("failed", wrong.reason)
    assert {row.status for row in others} == {"finished"}
    assert sorted(trainer.sizes) == [1, 1, 1, 1, 4, 4]
