"""Ctrl-C and SIGTERM while a sweep trains."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from dlsweep.sweep import Row, read_study
from dlsweep.sweep._checkpoints import read_checkpoint
from dlsweep.sweep._interrupt import leaving_on_signals

SWEEP = """
method: grid
metric: {name: val_accuracy, goal: maximize}
parameters:
  dataset: {value: digits}
  epochs: {value: %d}
  hidden_size: {value: 8}
  seed: {values: [0, 1, 2]}
"""

LEAVING = "leaving after the present epoch; Ctrl-C again leaves now"


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
    """`dlsweep sweep` in a process group of its own, as a terminal has it."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "dlsweep", "sweep", "s.yaml", *more]
        self.errors = folder / "errors.log"
        with open(self.errors, "w") as errors:
            self.process = subprocess.Popen(
                command, cwd=folder, stderr=errors, start_new_session=True
            )

    def signal(self, number: int) -> None:
        """To all of the group."""
        os.killpg(self.process.pid, number)

    def wait_for_epochs(self) -> None:
        """Until the sweep trains: its first checkpoint is there."""
        while not list(self.folder.glob("dlsweep.db.checkpoints/*/*.safetensors")):
            assert self.process.poll() is None
            time.sleep(0.05)

    def end(self) -> tuple[int, str]:
        code = self.process.wait(timeout=300)
        return code, self.errors.read_text()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("WANDB_DIR", raising=False)
    (tmp_path / "s.yaml").write_text(SWEEP % 2000)
    return tmp_path


def saved(path: Path) -> tuple[int, list[Any]]:
    """The epoch of a checkpoint and the history of its first member."""
    state = read_checkpoint(path)
    assert state is not None
    return state.facts["epoch"], state.facts["members"][0]["history"]


def rows(folder: Path) -> list[Row]:
    return list(read_study(str(folder / "dlsweep.db")).rows)


@pytest.mark.skipif(os.name != "posix", reason="signals to a group of processes")
def test_one_signal_saves_and_the_same_command_goes_on(folder: Path):
    command = Command(folder, "--workers", "2")
    command.wait_for_epochs()
    command.signal(signal.SIGINT)
    check_saved(command)
    [path] = folder.glob("dlsweep.db.checkpoints/*/1.safetensors")
    epoch, history = saved(path)

    command = Command(folder, "--workers", "1")
    while saved(path)[0] == epoch:
        assert command.process.poll() is None
        time.sleep(0.05)
    command.signal(signal.SIGTERM)
    check_saved(command)
    later, longer = saved(path)
    assert later > epoch
    assert longer[:epoch] == history  # the seconds that each epoch took are among it


def check_saved(command: Command) -> None:
    """It has left because of a signal, and every run waits."""
    code, errors = command.end()
    assert code == 130
    assert LEAVING in errors
    assert "0 of 3 runs are done, those in training are saved; the same command goes on" in errors
    assert "Traceback" not in errors
    assert "not used" not in errors
    assert {row.status for row in rows(command.folder)} == {"waiting"}


@pytest.mark.skipif(os.name != "posix", reason="signals to a group of processes")
def test_ctrl_c_twice_leaves_now(folder: Path):
    long = SWEEP.replace("digits}", "fashion_mnist}\n  batch_size: {value: 4}")
    (folder / "s.yaml").write_text(long % 2000)
    command = Command(folder, "--workers", "2")
    while not list(folder.glob("wandb/offline-run-*")):
        assert command.process.poll() is None
        time.sleep(0.05)
    command.signal(signal.SIGINT)
    while LEAVING not in command.errors.read_text():
        assert command.process.poll() is None
        time.sleep(0.05)
    command.signal(signal.SIGINT)
    code, errors = command.end()
    assert code == 130
    assert "those in training are as last saved; the same command goes on" in errors
    assert "Traceback" not in errors
