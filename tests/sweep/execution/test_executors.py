"""The contract of an executor, over every implementation."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import load
from dlsweep.sweep.execution import (
    END,
    Asked,
    Broken,
    Cause,
    Checkpoint,
    Done,
    Epoch,
    Event,
    Executor,
    ExecutorError,
    InProcessExecutor,
    Left,
    Notice,
    ProcessExecutor,
    Resumed,
    StackJob,
    choose_executor,
    choose_program_executor,
)
from dlsweep.training import train_stack

TINY = RunConfig(dataset="digits", epochs=2, hidden_size=8, figures="none")
ENDLESS = dataclasses.replace(TINY, epochs=10**6)
PATIENCE = 120.0  # seconds; far more than anything takes


@pytest.fixture(scope="module")
def in_process() -> Iterator[Executor]:
    executor = InProcessExecutor()
    executor.start()
    yield executor
    executor.close()


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    """Two processes for all tests: each takes seconds to import PyTorch."""
    executor = ProcessExecutor(2)
    executor.start()
    while executor.free < 2:
        executor.events()
    yield executor
    executor.close()


@pytest.fixture(params=["in_process", "processes", "ray"])
def executor(request: pytest.FixtureRequest) -> Executor:
    """Each executor in turn; ``ray`` is a fixture of the folder's conftest."""
    found: Executor = request.getfixturevalue(request.param)
    return found


def drain(executor: Executor, until: Callable[[list[Event]], bool]) -> list[Event]:
    """Collect events until a condition holds, recording every result."""
    found: list[Event] = []
    end = time.monotonic() + PATIENCE
    while not until(found):
        assert time.monotonic() < end, found
        for event in executor.events():
            found.append(event)
            if isinstance(event, Epoch) and event.ended:
                executor.recorded(event.job)
    return found


def ended(*jobs: int) -> Callable[[list[Event]], bool]:
    def condition(events: list[Event]) -> bool:
        return set(jobs) <= {event.job for event in events if isinstance(event, END)}

    return condition


def epochs(events: Sequence[Event], job: int) -> list[Epoch]:
    return [event for event in events if isinstance(event, Epoch) and event.job == job]


class TestExecutor:
    """What holds for every executor."""

    def test_events_of_a_job_come_in_order_and_equal_training_alone(self, executor: Executor):
        configs = [TINY, dataclasses.replace(TINY, epochs=1, seed=1)]
        slots = executor.free
        executor.submit(StackJob(7, configs))
        assert executor.free == slots - 1
        first, second, end = drain(executor, ended(7))
        assert executor.free == slots
        assert isinstance(first, Epoch)
        assert isinstance(second, Epoch)
        assert (first.metrics.keys(), first.ended.keys()) == ({0, 1}, {1})
        assert (second.metrics.keys(), second.ended.keys()) == ({0}, {0})
        assert end == Done(7)
        alone = train_stack(configs, load("digits"))
        for outcome, result in ((second.ended[0], alone[0]), (first.ended[1], alone[1])):
            assert outcome.status == "finished"
            assert outcome.summary == pytest.approx(result.summary())
        assert second.metrics[0].val_loss == pytest.approx(alone[0].history[-1].val_loss)

    def test_a_job_asks_which_members_stop(self, executor: Executor):
        configs = [dataclasses.replace(TINY, epochs=3, seed=seed) for seed in range(3)]
        executor.submit(StackJob(5, configs, asks=True))
        found: list[Event] = []
        asked = 0
        while not ended(5)(found):
            for event in executor.events():
                found.append(event)
                if isinstance(event, Asked):
                    asked += 1
                    executor.answer(5, {1: "stopped"} if asked == 2 else {})
        trained = epochs(found, 5)
        questions = [event.metrics for event in found if isinstance(event, Asked)]
        assert [event.metrics for event in trained] == questions
        assert [set(event.ended) for event in trained] == [set(), {1}, {0, 2}]
        assert trained[1].ended[1].status == "stopped"
        alone = train_stack(configs, load("digits"))  # the others get what they would have got
        for i in (0, 2):
            assert trained[2].ended[i].summary == pytest.approx(alone[i].summary())

    def test_one_member_is_stopped_and_the_others_go_on(self, executor: Executor):
        configs = [ENDLESS, dataclasses.replace(TINY, epochs=60, seed=1)]
        executor.submit(StackJob(6, configs))
        drain(executor, lambda events: bool(epochs(events, 6)))
        executor.stop(6, 0, "stopped")
        found = drain(executor, ended(6))
        outcomes = {i: o for event in epochs(found, 6) for i, o in event.ended.items()}
        assert (outcomes[0].status, outcomes[1].status) == ("stopped", "finished")
        assert max(event.metrics[1].epoch for event in epochs(found, 6) if 1 in event.metrics) == 60

    def test_an_error_is_broken_with_its_reason(self, executor: Executor):
        executor.submit(StackJob(8, [dataclasses.replace(TINY, device="cuda:99")]))
        [event] = drain(executor, ended(8))
        assert isinstance(event, Broken)
        assert event.reason.startswith("device: got 'cuda:99'")
        assert "\n" not in event.reason
        assert "Traceback" in event.details
        assert event.cause is Cause.ERROR
        executor.submit(StackJob(9, [TINY]))  # the worker goes on
        assert drain(executor, ended(9))[-1] == Done(9)

    def test_memory_that_runs_out_is_told_from_errors(self, executor: Executor):
        executor.submit(OutOfMemory(10))
        [event] = drain(executor, ended(10))
        assert isinstance(event, Broken)
        assert event.cause is Cause.MEMORY

    def test_a_dropped_job_frees_its_slot(self, executor: Executor):
        executor.submit(StackJob(11, [ENDLESS]))
        drain(executor, lambda events: bool(epochs(events, 11)))
        executor.drop(11)
        found = drain(executor, ended(11))
        assert isinstance(found[-1], Broken)
        executor.start()  # until a worker is there again
        executor.submit(StackJob(12, [TINY]))
        assert drain(executor, ended(12))[-1] == Done(12)


@dataclasses.dataclass(frozen=True)
class OutOfMemory(StackJob):
    """A job for which there is not enough memory."""

    configs: Sequence[RunConfig] = (TINY,)

    def _train(self, context: object) -> Iterator[Event]:
        raise MemoryError
        yield


@pytest.fixture(params=["in_process", "processes", "ray"])
def own(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """An executor that a test may tell to leave, which it does not recover from."""
    if request.param == "ray":
        executor: Executor = request.getfixturevalue("make_ray")()
    else:
        executor = InProcessExecutor() if request.param == "in_process" else ProcessExecutor(1)
    executor.start()
    yield executor
    executor.close()


class TestCheckpoints:
    """What holds for checkpoints under every executor."""

    def test_a_job_that_was_left_goes_on_from_its_checkpoint(self, own: Executor, tmp_path: Path):
        configs = [dataclasses.replace(TINY, epochs=n, seed=n) for n in (1, 400)]
        checkpoint = Checkpoint(tmp_path / "c" / "1.safetensors", frozenset({0, 1}))
        own.submit(StackJob(1, configs, checkpoint=checkpoint))
        before = drain(own, lambda events: bool(epochs(events, 1)))
        own.leave()
        before += drain(own, ended(1))
        assert before[-1] == Left(1)
        trained = epochs(before, 1)
        assert 0 in trained[0].ended
        assert len(trained) < 400

        again = InProcessExecutor()
        again.start()
        # The first run has ended: a checkpoint without it is of no use while its result is needed.
        again.submit(StackJob(2, configs, checkpoint=checkpoint))
        notice = drain(again, bool)[0]
        assert isinstance(notice, Notice)
        assert notice.text == (
            "checkpoint 1.safetensors is not used (a run that has not ended is missing from it); "
            "2 runs start again"
        )
        again.drop(2)
        drain(again, ended(2))
        again.start()
        needed = dataclasses.replace(checkpoint, needed=frozenset({1}))
        again.submit(StackJob(3, configs, checkpoint=needed))
        found = drain(again, lambda events: bool(epochs(events, 3)))
        assert isinstance(found[0], Resumed)
        assert found[0].histories == {1: [event.metrics[1] for event in trained]}
        assert epochs(found, 3)[0].metrics[1].epoch == len(trained) + 1
        again.close()

    def test_a_checkpoint_without_a_member_waits_until_its_result_is_recorded(
        self, own: Executor, tmp_path: Path
    ):
        path = tmp_path / "1.safetensors"
        configs = [dataclasses.replace(TINY, epochs=n, seed=n) for n in (2, 10**6)]
        checkpoint = Checkpoint(path, frozenset({0, 1}))
        own.submit(StackJob(1, configs, checkpoint=checkpoint, save_seconds=0.0))
        found: list[Event] = []
        while not any(event.ended for event in epochs(found, 1)):
            found += own.events()
        count = len(epochs(found, 1))
        while len(epochs(found, 1)) < count + 20:  # many checkpoints are due meanwhile
            found += own.events()
        resumed = self._resumed(configs, Checkpoint(path, frozenset({0, 1})))
        assert {len(history) for history in resumed.histories.values()} == {1}
        own.recorded(1)
        while len(epochs(found, 1)) < count + 40:
            found += own.events()
        own.leave()
        drain(own, ended(1))
        resumed = self._resumed(configs, Checkpoint(path, frozenset({1})))
        assert resumed.histories.keys() == {1}

    def _resumed(self, configs: Sequence[RunConfig], checkpoint: Checkpoint) -> Resumed:
        executor = InProcessExecutor()
        executor.start()
        executor.submit(StackJob(1, configs, checkpoint=checkpoint, save_seconds=10**6))
        event = drain(executor, bool)[0]
        executor.close()
        assert isinstance(event, Resumed)
        return event


# Processes


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def workers_of(pid: int) -> list[int]:
    """The worker processes of a process."""
    found = []
    for child in children(pid):
        command = Path(f"/proc/{child}/cmdline").read_bytes()
        if b"execution._worker" in command:
            found.append(child)
    return found


def gone(pids: Sequence[int]) -> bool:
    def alive(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    end = time.monotonic() + PATIENCE
    while any(map(alive, pids)):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("oom", [False, True])
def test_a_killed_worker_breaks_its_job_and_is_replaced(oom: bool, monkeypatch: pytest.MonkeyPatch):
    kills = [5]
    monkeypatch.setattr("dlsweep.sweep.execution._processes.kills_for_memory", lambda: kills[0])
    before = set(workers_of(os.getpid()))
    executor = ProcessExecutor(1)
    executor.start()
    executor.submit(StackJob(1, [ENDLESS]))
    drain(executor, lambda events: bool(epochs(events, 1)))
    kills[0] += oom
    [worker] = set(workers_of(os.getpid())) - before
    os.kill(worker, signal.SIGKILL)
    broken = drain(executor, ended(1))[-1]
    assert isinstance(broken, Broken)
    assert broken.reason.startswith("its process was killed (SIGKILL)")
    assert broken.cause is (Cause.MEMORY if oom else Cause.DEATH)
    executor.start()
    executor.submit(StackJob(2, [TINY]))
    assert drain(executor, ended(2))[-1] == Done(2)
    last = set(workers_of(os.getpid())) - before
    executor.close()
    assert gone([worker, *last])


def test_signals_of_the_process_group_do_not_reach_the_workers(processes: Executor):
    workers = workers_of(os.getpid())
    processes.submit(StackJob(20, [dataclasses.replace(TINY, epochs=40)]))
    for pid in workers:
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
    assert drain(processes, ended(20))[-1] == Done(20)
    assert workers_of(os.getpid()) == workers


SCRIPT = """
import dataclasses, sys
from pathlib import Path
with open("body.log", "a") as log:
    print("body", file=log)
from dlsweep.config import RunConfig
from dlsweep.sweep.execution import END, ProcessExecutor, StackJob
executor = ProcessExecutor(2)
executor.start()
config = RunConfig(dataset="digits", epochs=int(sys.argv[1]), hidden_size=8)
executor.submit(StackJob(1, [config]))
while True:
    for event in executor.events():
        print(type(event).__name__, flush=True)
        if isinstance(event, END):
            executor.close()
            sys.exit()
"""


def test_workers_do_not_run_the_script_that_started_them(tmp_path: Path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py", "2"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["Epoch", "Epoch", "Done"]
    assert (tmp_path / "body.log").read_text().split() == ["body"]


def test_workers_end_with_a_driver_that_is_killed(tmp_path: Path):
    (tmp_path / "script.py").write_text(SCRIPT)
    driver = subprocess.Popen(
        [sys.executable, "script.py", "1000000"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    with driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "Epoch\n"
        workers = workers_of(driver.pid)
        assert workers
        driver.kill()
    assert gone(workers)


@pytest.mark.parametrize(
    ("module", "content", "reason"),
    [
        ("torch", "raise OSError('libcudart.so.13: cannot open shared object file')",
         "OSError: libcudart.so.13: cannot open shared object file"),
        ("multiprocessing", "import sys; sys.exit('no semaphores here')",
         "no semaphores here"),
    ],
)  # fmt: skip
def test_a_worker_that_cannot_start_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, content: str, reason: str
):
    (tmp_path / f"{module}.py").write_text(content)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    executor = ProcessExecutor(1)
    with pytest.raises(ExecutorError) as caught:
        executor.start()
    executor.close()
    assert str(caught.value) == (
        f"a worker cannot start: its process ended with exit code 1: {reason}"
    )


def test_a_worker_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    executor = ProcessExecutor(1)
    monkeypatch.setattr("dlsweep.sweep.execution._messages.__version__", "9.9")
    with pytest.raises(ExecutorError, match=r"^a worker on this machine has dlsweep .*, this mach"):
        executor.start()
    executor.close()


def test_the_executor_of_a_device(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)

    def slots(*arguments: object) -> int:
        executor = choose_executor(*arguments)  # type: ignore[arg-type]
        assert isinstance(executor, ProcessExecutor)
        return executor.slots

    assert slots("cpu") == 6
    assert slots("cpu", 4) == 4
    assert slots("cpu", None, 100) == 6
    assert slots("cpu", 2, 1) == 1  # no more than there are runs
    assert isinstance(choose_executor("cpu", 1), InProcessExecutor)
    assert isinstance(choose_executor("cuda"), InProcessExecutor)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    assert isinstance(choose_executor("auto"), InProcessExecutor)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert slots("auto") == 2
    assert isinstance(choose_executor("cuda:1"), InProcessExecutor)
    monkeypatch.setattr("dlsweep.sweep.execution._choose._ON_WINDOWS", True)
    assert isinstance(choose_executor("cpu", 4), InProcessExecutor)
    with pytest.raises(ConfigError, match="on Windows no programs are run: they run under Linux"):
        choose_program_executor(2)
