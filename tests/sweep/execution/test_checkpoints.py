"""Checkpoints: whole or not there, and no more often than training can bear."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from dlsweep.sweep import _checkpoints as checkpoints
from dlsweep.sweep._checkpoints import (
    CheckpointError,
    Saver,
    read_checkpoint,
    tidy,
    write_checkpoint,
)
from dlsweep.training import StackState

STATE = StackState(
    {"epoch": 3, "members": [{"history": [[1, 0.1, float("nan"), float("inf")]]}]},
    {
        "steps": np.array(7),
        "parameters": np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4),
        "nothing": np.zeros((0, 4)),
        "columns": np.arange(6.0).reshape(2, 3).T,
    },
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dlsweep.db.checkpoints" / "study" / "1.safetensors"


def test_what_is_written_is_read(path: Path):
    assert read_checkpoint(path) is None
    write_checkpoint(path, STATE)
    write_checkpoint(path, STATE)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    found = read_checkpoint(path)
    assert found is not None
    assert json.dumps(found.facts) == json.dumps(STATE.facts)
    assert found.arrays.keys() == STATE.arrays.keys()
    for name, array in STATE.arrays.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array)


def damage_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-7]), "it is not whole"),
        (lambda path: path.write_bytes(b""), "it is not whole"),
        (lambda path: path.write_text("not a checkpoint at all"), "it is not whole"),
        (lambda path: save_file({"a": np.zeros(3)}, path), "it is not whole"),
        (damage_middle, "its checksum is wrong"),
    ],
)
def test_what_is_not_whole_is_refused(path: Path, damage: Callable[[Path], None], message: str):
    write_checkpoint(path, STATE)
    damage(path)
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(path)


@pytest.mark.parametrize("step", ["save_file", "_flush"])
def test_a_death_while_writing_leaves_the_one_before(
    path: Path, step: str, monkeypatch: pytest.MonkeyPatch
):
    write_checkpoint(path, STATE)
    before = path.read_bytes()

    def dies(*arguments: object) -> None:
        if step == "save_file":
            (path.parent / "1.safetensors.part").write_bytes(before[:50])
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, step, dies)
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(path, StackState({"epoch": 4}, {}))
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 2
    tidy(path.parent, keep={path})
    assert list(path.parent.iterdir()) == [path]


def test_tidying_removes_folders_only_when_they_are_empty(path: Path):
    write_checkpoint(path, STATE)
    other = path.with_name("notes.txt")
    other.write_text("mine")
    tidy(path.parent)
    assert list(path.parent.iterdir()) == [other]
    other.unlink()
    tidy(path.parent)
    assert not path.parent.parent.exists()
    tidy(path.parent)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


def test_the_slower_the_disk_the_fewer_checkpoints(path: Path, monkeypatch: pytest.MonkeyPatch):
    clock = Clock()
    monkeypatch.setattr(checkpoints, "time", clock)

    class SlowStack:
        seconds = 0.01

        def state(self) -> StackState:
            clock.now += self.seconds
            return STATE

    saver, stack = Saver(path, least=2.0, share=0.02), SlowStack()
    assert not saver.due()  # a stack that takes less than two seconds has none
    clock.now += 2
    assert saver.due()
    saver.save(stack)  # type: ignore[arg-type]
    assert not saver.due()
    clock.now += 2
    assert saver.due()
    stack.seconds = 1.0
    saver.save(stack)  # type: ignore[arg-type]
    clock.now += 49
    assert not saver.due()  # one second in writing is 2 % of fifty
    clock.now += 1
    assert saver.due()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_an_os_error(path: Path):
    path.parent.mkdir(parents=True)
    path.parent.chmod(0o500)
    with pytest.raises(OSError, match="ermission denied"):
        write_checkpoint(path, STATE)
