"""Checkpoints: complete or not there, and no more often than training can bear."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from dlsweep._store import store
from dlsweep.sweep.execution import Checkpoint
from dlsweep.sweep.execution import _checkpoints as checkpoints
from dlsweep.sweep.execution._checkpoints import (
    CheckpointError,
    Saver,
    decode,
    encode,
    mark,
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


def saver(path: Path, marker: str = "", content: bytes | None = None) -> Saver:
    """A saver, and it must not send anything to a driver."""

    def refuse(content: bytes) -> None:
        raise AssertionError("this worker sees the driver's files")

    return Saver(Checkpoint(path, frozenset(), marker, content), least=2.0, send=refuse)


def check(found: StackState | None) -> None:
    """That a state is ``STATE``."""
    assert found is not None
    assert json.dumps(found.facts) == json.dumps(STATE.facts)
    assert found.arrays.keys() == STATE.arrays.keys()
    for name, array in STATE.arrays.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array)


def test_what_is_written_is_read(path: Path):
    assert saver(path).read() is None
    for _ in range(2):
        saver(path).save(STATE)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    check(saver(path).read())


def damaged(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[-20] ^= 1
    return bytes(changed)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-7], "it is incomplete"),
        (lambda content: b"", "it is incomplete"),
        (lambda content: b"not a checkpoint at all", "it is incomplete"),
        (lambda content: save({"a": np.zeros(3)}), "it is incomplete"),
        (damaged, "its checksum is wrong"),
    ],
)
def test_what_is_damaged_is_refused(path: Path, damage: Callable[[bytes], bytes], message: str):
    store(path, damage(encode(STATE)))
    with pytest.raises(CheckpointError, match=message):
        saver(path).read()


def test_no_prefix_of_a_checkpoint_is_taken_for_one():
    content = encode(STATE)
    check(decode(content))
    for end in range(len(content)):
        with pytest.raises(CheckpointError):
            decode(content[:end])


def test_a_file_that_cannot_be_read_is_refused(path: Path):
    path.mkdir(parents=True)
    with pytest.raises(CheckpointError, match="directory"):
        saver(path).read()


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_death_while_writing_leaves_the_one_before(
    path: Path, step: str, monkeypatch: pytest.MonkeyPatch
):
    saver(path).save(STATE)

    def dies(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), dies)
    with pytest.raises(KeyboardInterrupt):
        saver(path).save(StackState({"epoch": 4}, {}))
    monkeypatch.undo()
    check(saver(path).read())
    saver(path).save(StackState({"epoch": 5}, {}))  # and what was left behind does no harm
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_worker_in_another_folder_sends_its_checkpoints_to_the_driver(path: Path, tmp_path: Path):
    mark(path.parent, "this sweep's")
    saver(path, "this sweep's").save(STATE)
    check(saver(path, "this sweep's").read())

    elsewhere = tmp_path / "another machine" / path.name
    for other in ("", "some other sweep's"):  # the folder is not there, or is of another driver
        if other:
            mark(elsewhere.parent, other)
            store(elsewhere, b"somebody else's checkpoint")
        sent: list[bytes] = []
        checkpoint = Checkpoint(elsewhere, frozenset(), "this sweep's", path.read_bytes())
        remote = Saver(checkpoint, least=2.0, send=sent.append)
        check(remote.read())
        remote.save(STATE)
        [content] = sent
        check(decode(content))
        assert elsewhere.exists() == bool(other)
    assert elsewhere.read_bytes() == b"somebody else's checkpoint"
    nothing = Checkpoint(elsewhere, frozenset(), "this sweep's", None)
    assert Saver(nothing, least=2.0, send=sent.append).read() is None


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


def test_the_slower_the_disk_the_fewer_checkpoints(path: Path, monkeypatch: pytest.MonkeyPatch):
    clock = Clock()
    seconds = 0.01

    def slow(state: StackState) -> bytes:
        clock.now += seconds
        return encode(state)

    monkeypatch.setattr(checkpoints, "time", clock)
    monkeypatch.setattr(checkpoints, "encode", slow)
    own = saver(path)  # 2 % of the time at most
    assert not own.due()  # a stack that takes less than two seconds has none
    clock.now += 2
    assert own.due()
    own.save(STATE)
    assert not own.due()
    clock.now += 2
    assert own.due()
    seconds = 1.0
    own.save(STATE)
    clock.now += 49
    assert not own.due()  # one second in writing is 2 % of fifty
    clock.now += 1
    assert own.due()


def test_a_disk_that_fails_is_not_tried_at_every_epoch(path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    clock = Clock()
    monkeypatch.setattr(checkpoints, "time", clock)
    monkeypatch.setattr(checkpoints, "store", full)
    own = saver(path)
    clock.now += 2
    with pytest.raises(OSError, match="No space left"):
        own.save(STATE)
    assert not own.due()
    clock.now += 2
    assert own.due()


def test_a_folder_that_cannot_be_written_to_is_an_os_error(
    path: Path, frozen: Callable[[Path], None]
):
    path.parent.mkdir(parents=True)
    frozen(path.parent)
    with pytest.raises(PermissionError):
        saver(path).save(STATE)
