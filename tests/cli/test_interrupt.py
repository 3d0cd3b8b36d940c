"""Ctrl-C, SIGTERM and `kill -9` while a sweep trains."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlsweep.sweep import Row, leaving_on_signals, read_study
from tests.cli.conftest import users_environment

SWEEP = """
method: grid
metric: {name: val_accuracy, goal: maximize}
parameters:
  dataset: {value: digits}
  epochs: {value: 1200}
  hidden_size: {value: 8}
  figures: {value: none}
  seed: {values: [0, 1, 2]}
"""

SLOW = SWEEP.replace("value: 1200}", "value: 2000}").replace(
    "value: 8}", "value: 512}\n  batch_size: {value: 1}"
)
"""One epoch of it takes seconds."""

WHAT = "training dlsweep's built-in networks, many at a time"
LEAVING = "leaving after the present epoch; Ctrl-C again leaves now"

PROGRAM = """
import sys
from functools import partialmethod
from dlsweep.cli import main
from dlsweep.sweep import Driver
Driver.__init__ = partialmethod(Driver.__init__, save_seconds=0.0)
sys.exit(main())
"""
"""The command, with the first checkpoint after the first epoch."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals to a group of processes")


def test_the_first_signal_asks_and_ctrl_c_again_interrupts():
    asked: list[int] = []
    before = signal.getsignal(signal.SIGTERM)
    with leaving_on_signals(asked.append):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert set(asked) == {signal.SIGTERM}
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before
    with leaving_on_signals(asked.append):
        os.kill(os.getpid(), signal.SIGINT)
        assert asked[-1] == signal.SIGINT


def test_in_another_thread_signals_are_left_alone():
    done: list[bool] = []

    def work() -> None:
        with leaving_on_signals(lambda _: None):
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]


class Command:
    """`dlsweep sweep` in a session and a process group of its own, as a terminal has it."""

    def __init__(self, folder: Path, workers: int) -> None:
        self._folder = folder
        self._stacks = workers
        self._seen = self._checkpoints()
        self._errors = folder / "errors.log"
        arguments = ["sweep", "s.yaml", "--workers", str(workers)]
        with open(self._errors, "w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *arguments],
                cwd=folder,
                env=users_environment(),
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )

    def _checkpoints(self) -> dict[Path, int]:
        found = self._folder.glob("dlsweep.db.checkpoints/*/*.safetensors")
        return {path: path.stat().st_mtime_ns for path in found}

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds, while the command runs."""
        while not condition():
            assert self.process.poll() is None, self.errors()
            time.sleep(0.02)

    def wait_for_epochs(self) -> None:
        """Wait until every stack has trained since the command began."""
        self.wait(lambda: len(self._checkpoints().items() - self._seen.items()) == self._stacks)

    def signal(self, number: int) -> None:
        """To all of the group."""
        os.killpg(self.process.pid, number)

    def errors(self) -> str:
        """Standard error so far."""
        return self._errors.read_text()

    def end(self) -> tuple[int, str]:
        """Wait for the end: the exit code and standard error; no process may be left."""
        code = self.process.wait(timeout=120)
        end = time.monotonic() + 30
        while processes(self.process.pid):
            assert time.monotonic() < end, processes(self.process.pid)
            time.sleep(0.02)
        return code, self.errors()


def processes(session: int) -> list[str]:
    """The command lines of the processes of a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, its_session, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            if state != "Z" and int(its_session) == session:
                found.append((folder / "cmdline").read_text())
        except OSError:
            continue
    return found


def rows(folder: Path) -> list[Row]:
    return list(read_study(str(folder / "dlsweep.db")).rows)


def seen(folder: Path) -> list[tuple[Any, ...]]:
    """What must be equal of every run, however often it was interrupted."""
    found = []
    for row in rows(folder):
        history = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in row.history]
        found.append((row.number, row.status, dict(row.config), dict(row.summary), history))
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_command_goes_on_and_ends_as_if_undisturbed(workers: int, tmp_path: Path):
    for name in ("undisturbed", "disturbed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "s.yaml").write_text(SWEEP)
    assert Command(tmp_path / "undisturbed", workers).end()[0] == 0

    folder = tmp_path / "disturbed"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        command = Command(folder, workers)
        command.wait_for_epochs()
        command.signal(number)
        code, errors = command.end()
        assert {row.status for row in rows(folder)} == {"waiting"}
        if number == signal.SIGKILL:
            assert code == -number
            continue
        assert code == 130
        done = "0 of 3 runs are done, those in training are saved; the same command goes on"
        expected = [*(f"dlsweep: {line}" for line in (WHAT, LEAVING, done)), "interrupted"]
        assert errors.splitlines() == expected
    code, errors = Command(folder, workers).end()
    assert code == 0
    assert "not used" not in errors  # of a checkpoint
    assert seen(folder) == seen(tmp_path / "undisturbed")
    assert not list(folder.glob("dlsweep.db?*"))


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_twice_leaves_now(workers: int, tmp_path: Path):
    (tmp_path / "s.yaml").write_text(SLOW)
    command = Command(tmp_path, workers)
    command.wait(lambda: bool(list(tmp_path.glob("wandb/offline-run-*"))))
    command.signal(signal.SIGINT)
    command.wait(lambda: LEAVING in command.errors())
    command.signal(signal.SIGINT)
    code, errors = command.end()
    assert code == 130
    assert errors.splitlines() == [
        f"dlsweep: {WHAT}",
        f"dlsweep: {LEAVING}",
        "dlsweep: 0 of 3 runs are done, those in training are as last saved; the same command "
        "goes on",
    ]
    assert {row.status for row in rows(tmp_path)} == {"waiting"}
    assert not list(tmp_path.glob("*.lock"))
