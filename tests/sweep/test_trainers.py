"""Trainers: here and in processes the same events, and what is left of a process that dies."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from dlsweep.config import RunConfig
from dlsweep.data import load
from dlsweep.sweep import (
    HereTrainer,
    LocalSweep,
    ProcessTrainer,
    Row,
    Study,
    Trainer,
    _processes,
    choose_trainer,
)
from dlsweep.sweep._jobs import (
    SAVE_SECONDS,
    Broken,
    Cause,
    Checkpoint,
    Done,
    Event,
    Job,
    Left,
    Notice,
    Resumed,
    Trained,
)
from dlsweep.sweep._worker import Answer, Mailbox, Word
from dlsweep.training import EpochMetrics, Judge, Layout, Stack, train_stack
from tests.sweep.helpers import sweep

TINY = RunConfig(dataset="digits", epochs=2, hidden_size=8)
FOREVER = dataclasses.replace(TINY, epochs=10**6)


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessTrainer]:
    """Two processes for all tests: each takes seconds to import PyTorch."""
    trainer = ProcessTrainer(2)
    yield trainer
    trainer.start(99, [FOREVER])
    trainer.close()
    assert not any(worker.process.is_alive() for worker in trainer._workers)


@pytest.fixture(params=["here", "processes"])
def trainer(request: pytest.FixtureRequest) -> Trainer:
    if request.param == "here":
        return HereTrainer()
    return request.getfixturevalue("processes")


def events(trainer: Trainer, job: int, configs: Sequence[RunConfig]) -> list[Event]:
    """Train one job and nothing beside it."""
    assert trainer.idle
    trainer.start(job, configs)
    found: list[Event] = []
    while not found or isinstance(found[-1], Trained):
        found += trainer.wait()
    assert trainer.idle
    assert {event.job for event in found} == {job}
    return found


def test_a_job_is_its_epochs_and_an_end(trainer: Trainer):
    configs = [TINY, dataclasses.replace(TINY, epochs=1, seed=1)]
    first, second, end = events(trainer, 7, configs)
    assert isinstance(first, Trained)
    assert isinstance(second, Trained)
    assert (first.end.metrics.keys(), first.end.results.keys()) == ({0, 1}, {1})
    assert (second.end.metrics.keys(), second.end.results.keys()) == ({0}, {0})
    assert end == Done(7)
    alone = train_stack(configs, load("digits"))
    for result, expected in ((second.end.results[0], alone[0]), (first.end.results[1], alone[1])):
        assert result.config == expected.config
        assert result.summary() == pytest.approx(expected.summary())


def test_a_judge_says_who_leaves_with_an_epoch(trainer: Trainer):
    configs = [dataclasses.replace(TINY, epochs=3, seed=seed) for seed in range(3)]
    heard: list[Mapping[int, EpochMetrics]] = []

    def judge(metrics: Mapping[int, EpochMetrics]) -> dict[int, str]:
        heard.append(metrics)
        return {1: "stopped"} if len(heard) == 2 else {}

    trainer.start(5, configs, judge=judge)
    found: list[Event] = []
    while Done(5) not in found:
        found += trainer.wait()
    ends = [event.end for event in found if isinstance(event, Trained)]
    assert [end.metrics for end in ends] == heard
    assert [end.results.keys() for end in ends] == [set(), {1}, {0, 2}]
    assert ends[1].results[1].status == "stopped"
    assert len(ends[1].results[1].history) == 2
    # Its neighbours have what they would have had.
    alone = train_stack(configs, load("digits"))
    for i in (0, 2):
        assert ends[2].results[i].summary() == pytest.approx(alone[i].summary())


@pytest.mark.parametrize("where", ["here", "process"])
def test_what_a_judge_raises_is_no_fault_of_its_stack(where: str):
    trainer: Trainer = HereTrainer() if where == "here" else ProcessTrainer(1)

    def judge(metrics: Mapping[int, EpochMetrics]) -> dict[int, str]:
        raise ConnectionError("no answer")

    trainer.start(1, [FOREVER], judge=judge)
    with pytest.raises(ConnectionError, match="no answer"):
        _any_events(trainer)
    trainer.close()


def _any_events(trainer: Trainer) -> Sequence[Event]:
    while not (found := trainer.wait()):
        pass
    return found


def test_an_error_is_an_event_with_its_reason(trainer: Trainer):
    [event] = events(trainer, 8, [dataclasses.replace(TINY, device="cuda:99")])
    assert isinstance(event, Broken)
    assert event.reason.startswith("device: got 'cuda:99'")
    assert "\n" not in event.reason
    assert "Traceback" in event.details
    assert events(trainer, 9, [TINY])[-1] == Done(9)  # and it can go on


def test_jobs_run_beside_each_other(processes: ProcessTrainer):
    processes.start(1, [TINY])
    assert processes.idle
    processes.start(2, [TINY])
    assert not processes.idle
    found: list[Event] = []
    while len([event for event in found if event in (Done(1), Done(2))]) < 2:
        found += processes.wait()
    one, two = ([e.end for e in found if isinstance(e, Trained) and e.job == n] for n in (1, 2))
    assert one[-1].results[0].summary() == two[-1].results[0].summary()


def test_a_process_that_died_while_idle_is_replaced(monkeypatch: pytest.MonkeyPatch):
    sent: list[tuple[str, Any]] = []

    def hire(self: ProcessTrainer, place: int) -> Any:
        name = "living" if hasattr(self, "_workers") else "dead"
        process = SimpleNamespace(is_alive=lambda: name == "living")
        return SimpleNamespace(
            process=process, say=lambda work: sent.append((name, work)), job=None
        )

    monkeypatch.setattr(ProcessTrainer, "_hire", hire)
    ProcessTrainer(1).start(3, [TINY])
    assert sent == [("living", Job(3, [TINY], None, False, None, SAVE_SECONDS))]


@dataclasses.dataclass
class Lent:
    """The processes of this module for one sweep, which would end them; may kill the first."""

    trainer: ProcessTrainer
    kill: int | None = None

    @property
    def idle(self) -> bool:
        return self.trainer.idle

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
        if job == self.kill:
            configs = [dataclasses.replace(config, epochs=10**6) for config in configs]
        self.trainer.start(job, configs, compile_for=compile_for, judge=judge)

    def wait(self) -> Sequence[Event]:
        found = self.trainer.wait()
        if any(isinstance(event, Trained) and event.job == self.kill for event in found):
            [worker] = [w for w in self.trainer._workers if w.job == self.kill]
            assert worker.process.pid is not None
            os.kill(worker.process.pid, signal.SIGKILL)
            self.kill = None
        return found

    def leave(self) -> None:
        self.trainer.leave()

    def close(self) -> None:
        """Nothing: the next test needs them."""


class Silent:
    """Watches without a word."""

    def started(self, *_: Any) -> None: ...

    def trained(self, *_: Any) -> None: ...

    def ended(self, *_: Any) -> None: ...


PARAMETERS = {
    "dataset": {"value": "digits"},
    "epochs": {"value": 2},
    "hidden_size": {"values": [8, 9, 10]},
    "figures": {"value": "none"},  # numbers only, which can be compared
    "optimizer": {"values": ["sgd", "adam"]},
}


def rows(trainer: Trainer, storage: Path) -> list[Row]:
    with Study.open(sweep(PARAMETERS, "grid"), str(storage)) as study:
        LocalSweep(study, trainer, mode="disabled", settings={}, watcher=Silent()).run()
        return study.rows()


def test_one_process_and_two_come_to_the_same(processes: ProcessTrainer, tmp_path: Path):
    one = rows(HereTrainer(), tmp_path / "one.db")
    two = rows(Lent(processes), tmp_path / "two.db")
    assert [row.status for row in one] == ["finished"] * 6
    assert [row.config for row in one] == [row.config for row in two]
    for a, b in zip(one, two, strict=True):
        assert a.summary == pytest.approx(b.summary)
        for x, y in zip(a.history, b.history, strict=True):
            assert {**x, "seconds": 0} == pytest.approx({**y, "seconds": 0})


def test_the_runs_of_a_process_that_is_killed_are_trained_again(
    processes: ProcessTrainer, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    found = rows(Lent(processes, kill=0), tmp_path / "killed.db")
    alone = rows(HereTrainer(), tmp_path / "undisturbed.db")
    assert "its process was killed (SIGKILL)" in caplog.text
    assert "2 runs again" in caplog.text
    for a, b in zip(found, alone, strict=True):
        assert (a.number, a.status, a.summary) == (b.number, "finished", b.summary)


def test_closing_ends_what_is_running():
    here = HereTrainer()
    here.start(0, [FOREVER])
    assert isinstance(here.wait()[0], Trained)
    here.close()
    assert here.idle
    assert here.wait() == []


def test_the_trainer_of_a_device(monkeypatch: pytest.MonkeyPatch):
    hired: list[tuple[int, int]] = []
    monkeypatch.setattr(ProcessTrainer, "__init__", lambda self, *a: hired.append(a))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    assert isinstance(choose_trainer("cpu"), ProcessTrainer)
    assert isinstance(choose_trainer("cpu", 4), ProcessTrainer)
    assert isinstance(choose_trainer("cpu", runs=100), ProcessTrainer)
    assert isinstance(choose_trainer("cpu", 2, runs=1), ProcessTrainer)
    # No more than there are runs, which share out the cores.
    assert hired == [(6, 1), (4, 1), (6, 1), (1, 6)]
    assert isinstance(choose_trainer("cpu", 1), HereTrainer)
    assert isinstance(choose_trainer("cuda"), HereTrainer)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert isinstance(choose_trainer("auto"), HereTrainer)


# --- Processes that are told to leave, or to die -------------------------------------------------


def pids(trainer: ProcessTrainer) -> list[int]:
    return [worker.process.pid or 0 for worker in trainer._workers]


def test_signals_to_the_whole_group_do_not_reach_the_processes(processes: ProcessTrainer):
    before = pids(processes)
    processes.start(20, [dataclasses.replace(TINY, epochs=10)])
    assert processes.wait() is not None
    for pid in before:
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
    found: list[Event] = []
    while Done(20) not in found:
        found += processes.wait()
    assert pids(processes) == before
    assert all(os.path.exists(f"/proc/{pid}") for pid in before)


@pytest.fixture(params=["here", "processes"])
def leaver(request: pytest.FixtureRequest) -> Iterator[Trainer]:
    """A trainer that a test may tell to leave."""
    trainer: Trainer = HereTrainer() if request.param == "here" else ProcessTrainer(1)
    yield trainer
    trainer.close()


def test_a_stack_that_is_left_goes_on_from_its_checkpoint(leaver: Trainer, tmp_path: Path):
    configs = [dataclasses.replace(TINY, epochs=epochs, seed=epochs) for epochs in (1, 100)]
    checkpoint = Checkpoint(tmp_path / "1.safetensors", frozenset({0, 1}))
    leaver.start(1, configs, checkpoint=checkpoint)
    found: list[Event] = []
    while not any(isinstance(event, Trained) for event in found):
        found += leaver.wait()
    leaver.leave()
    while not isinstance(found[-1], Left):
        found += leaver.wait()
    ends = [event.end for event in found if isinstance(event, Trained)]
    assert len(ends) < 100
    assert 0 in ends[0].results

    # The first run has ended; where its result is still wanted, the checkpoint is of no use.
    again = HereTrainer()
    again.start(2, configs, checkpoint=checkpoint)
    notice, first = again.wait()[0], again.wait()[0]
    assert isinstance(notice, Notice)
    assert notice.text == (
        "checkpoint 1.safetensors is not used (a run that has not ended is not in it); "
        "2 runs start again"
    )
    assert isinstance(first, Trained)
    again.close()
    again.start(3, configs, checkpoint=Checkpoint(checkpoint.path, frozenset({1})))
    resumed = again.wait()[0]
    assert isinstance(resumed, Resumed)
    assert resumed.histories == {1: [end.metrics[1] for end in ends]}
    following = again.wait()[0]
    assert isinstance(following, Trained)
    assert following.end.metrics[1].epoch == len(ends) + 1


class Pipe:
    """A worker's end of a pipe, with what has been said to it."""

    def __init__(self, *said: object) -> None:
        self.said = list(said)
        self.sent: list[object] = []

    def poll(self) -> bool:
        return bool(self.said)

    def recv(self) -> object:
        return self.said.pop(0)

    def send(self, message: object) -> None:
        self.sent.append(message)


def test_results_are_recorded_before_a_checkpoint_is_without_them():
    [first, second] = Stack([TINY], load("digits"))
    pipe = Pipe()
    mailbox = Mailbox(pipe)  # type: ignore[arg-type]
    mailbox.send(Trained(0, first))
    assert mailbox.recorded(wait=False)  # nobody's training has ended
    mailbox.send(Trained(0, second))
    assert not mailbox.recorded(wait=False)
    pipe.said += [Word.LEAVE, Word.RECORDED]
    assert mailbox.recorded(wait=True)
    assert mailbox.leaving
    mailbox.send(Trained(0, second))
    mailbox.send(Trained(0, second))
    pipe.said += [Word.RECORDED]
    assert not mailbox.recorded(wait=False)  # one of them is
    pipe.said += [Word.RECORDED]
    assert mailbox.recorded(wait=False)
    pipe.said += [Word.LEAVE, Answer({0: "stopped"})]
    assert mailbox.judge({}) == {0: "stopped"}
    job = Job(1, [TINY], None, False, None, 0.0)
    pipe.said += [Word.RECORDED, Word.LEAVE, job]  # words to the job before
    assert mailbox.next_job() is job
    assert not mailbox.leaving


@pytest.mark.parametrize("killed_for_memory", [True, False])
def test_a_death_for_memory_is_told_from_others(
    monkeypatch: pytest.MonkeyPatch, killed_for_memory: bool
):
    kills = [5]
    monkeypatch.setattr(_processes, "kills_for_memory", lambda: kills[0])
    trainer = ProcessTrainer(1)
    trainer.start(0, [FOREVER])
    while not trainer.wait():
        pass
    kills[0] += killed_for_memory
    os.kill(pids(trainer)[0], signal.SIGKILL)
    found: list[Event] = []
    while not any(isinstance(event, Broken) for event in found):
        found += trainer.wait()
    assert isinstance(found[-1], Broken)
    assert found[-1].cause is (Cause.MEMORY if killed_for_memory else Cause.DEATH)
    trainer.close()


class Hired:
    """What a process is started with, in place of one."""

    arguments: ClassVar[list[tuple[Any, ...]]] = []

    def __init__(self, target: Any, args: tuple[Any, ...], daemon: bool) -> None:
        assert daemon
        self.arguments.append(args[1:])

    def start(self) -> None: ...


def test_processes_are_spread_over_the_gpus(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(multiprocessing.get_context("spawn"), "Process", Hired, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    Hired.arguments.clear()
    choose_trainer("auto")
    assert Hired.arguments == [(4, 0), (4, 1)]  # threads, GPU
    Hired.arguments.clear()
    choose_trainer("cuda", 3)
    assert Hired.arguments == [(2, 0), (2, 1), (2, 0)]
    Hired.arguments.clear()
    choose_trainer("cpu", 2)
    assert Hired.arguments == [(4, None), (4, None)]
    assert isinstance(choose_trainer("cuda:1"), HereTrainer)


def test_a_stack_that_is_dropped_makes_room_for_another(processes: ProcessTrainer):
    processes.start(1, [FOREVER])
    processes.start(2, [dataclasses.replace(TINY, epochs=50)])
    found: list[Event] = []
    while not any(event.job == 1 for event in found):
        found += processes.wait()
    assert not processes.idle
    processes.drop(1)
    while not any(isinstance(event, Broken) for event in found):
        found += processes.wait()
    assert processes.idle
    processes.start(3, [TINY])
    while not {Done(2), Done(3)} <= {event for event in found if isinstance(event, Done)}:
        found += processes.wait()
    assert [event.job for event in found if isinstance(event, Broken)] == [1]
    assert sum(isinstance(event, Trained) for event in found if event.job == 2) == 50
