from __future__ import annotations

import hashlib
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from dlsweep._store import store
from dlsweep.data._cache import Damaged, cache_root, read_checked

CONTENT = bytes(range(256)) * 16
MD5 = hashlib.md5(CONTENT).hexdigest()


def test_cache_root_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    monkeypatch.setenv("DLSWEEP_DATA", "/own")
    assert cache_root(tmp_path) == tmp_path
    assert cache_root() == Path("/own")
    monkeypatch.setenv("DLSWEEP_DATA", "~/own")
    assert cache_root() == Path("/home/somebody/own")
    monkeypatch.setenv("DLSWEEP_DATA", "")
    assert cache_root() == Path("/xdg/dlsweep/data")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_root() == Path("/home/somebody/.cache/dlsweep/data")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_root() == Path("/home/somebody/.cache/dlsweep/data")


def test_stored_file_is_read_back_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    store(path, b"old")
    store(path, CONTENT)
    assert read_checked(path, MD5) == CONTENT
    assert list(path.parent.iterdir()) == [path]


def test_stored_file_has_the_rights_that_others_need(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        store(tmp_path / "file", CONTENT)
    finally:
        os.umask(umask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_a_failed_write_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    store(path, CONTENT)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store(path, b"new")
    assert read_checked(path, MD5) == CONTENT
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content", [CONTENT[:-1], b"", CONTENT + b"\0", b"\1" + CONTENT[1:]], ids=len
)
def test_damage_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(Damaged, match=f"{len(content)} bytes with MD5 .*, expected MD5 {MD5}"):
        read_checked(tmp_path / "file", MD5)


def test_a_directory_in_the_files_place_is_damage(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(Damaged, match="cannot be read"):
        read_checked(tmp_path / "file", MD5)


def test_a_missing_file_is_not_damage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_checked(tmp_path / "file", MD5)
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError):
        read_checked(tmp_path / "file" / "below", MD5)


LARGE = CONTENT * 2048  # 8 MiB: writing it takes long enough to be seen half done
_barrier: Barrier


def _start_together(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _fill_again_and_again(path: Path) -> tuple[int, int]:
    """How often the file was whole, and how often damaged, among writers and deleters."""
    whole = damaged = 0
    md5 = hashlib.md5(LARGE).hexdigest()
    _barrier.wait(timeout=60)
    for turn in range(12):
        store(path, LARGE)
        try:
            read_checked(path, md5)
            whole += 1
        except FileNotFoundError:
            pass
        except Damaged:
            damaged += 1
        if turn % 5 == 4:
            path.unlink(missing_ok=True)
    return whole, damaged


@pytest.mark.process
def test_several_processes_fill_the_cache_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    path = tmp_path / "set" / "file"
    with ProcessPoolExecutor(
        3, mp_context=context, initializer=_start_together, initargs=(context.Barrier(3),)
    ) as pool:
        results = list(pool.map(_fill_again_and_again, [path] * 3))
    assert sum(damaged for _, damaged in results) == 0
    assert sum(whole for whole, _ in results) > 18
    assert [p for p in path.parent.iterdir() if p != path] == []
