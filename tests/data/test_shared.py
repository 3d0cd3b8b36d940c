"""One copy of the data for all processes of a machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dlsweep.data import _shared
from dlsweep.data._shared import KEPT, SUFFIX, shared

IMAGES, LABELS = torch.rand(50, 1, 3, 3, generator=torch.manual_seed(0)), torch.arange(50)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nothing is shared on Windows")


def made() -> list[torch.Tensor]:
    return [IMAGES, LABELS, IMAGES[:7]]


def never() -> list[torch.Tensor]:
    raise AssertionError("there is a file")


def same(found: object) -> bool:
    return all(torch.equal(a, b) for a, b in zip(found, made(), strict=True))  # type: ignore[call-overload]


def test_made_once_and_then_mapped(tmp_path: Path):
    path = tmp_path / "cache" / f"a{SUFFIX}"
    assert same(shared(path, made))
    found = shared(path, never)
    assert same(found)
    assert [tensor.dtype for tensor in found] == [torch.float32, torch.int64, torch.float32]
    assert all(tensor.data_ptr() % 64 == 0 for tensor in found)
    assert [file.name for file in path.parent.glob(f"*{SUFFIX}*")] == [path.name]


def test_what_a_process_writes_is_its_own(tmp_path: Path):
    path = tmp_path / f"a{SUFFIX}"
    first = shared(path, made)
    first[0][:] = -1
    first[1].zero_()
    assert same(shared(path, never))


@pytest.mark.parametrize("damage", ["cut", "empty", "bit", "other"])
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: str):
    path = tmp_path / f"a{SUFFIX}"
    shared(path, made)
    whole = path.read_bytes()
    changed = {
        "cut": whole[:-100],
        "empty": b"",
        "bit": whole[:700] + bytes([whole[700] ^ 1]) + whole[701:],
        "other": b"something else",
    }
    path.unlink()
    path.write_bytes(changed[damage])
    assert same(shared(path, made))
    assert path.read_bytes() == whole


def test_where_nothing_can_be_kept_the_data_is_there_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_shared, "store", full)
    assert same(shared(tmp_path / f"a{SUFFIX}", made))
    assert not list(tmp_path.glob(f"*{SUFFIX}"))


def test_only_the_newest_are_kept(tmp_path: Path):
    for i in range(KEPT + 2):
        shared(tmp_path / f"{i}{SUFFIX}", made)
        os.utime(tmp_path / f"{i}{SUFFIX}", (i, i))
    assert len(list(tmp_path.glob(f"*{SUFFIX}"))) == KEPT
    assert (tmp_path / f"{KEPT + 1}{SUFFIX}").exists()


@pytest.mark.process
@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs Linux's /proc")
def test_processes_that_race_have_one_copy_between_them(tmp_path: Path):
    """Of 40 MB that both have read, hardly anything is in their private memory."""
    program = f"""
import pathlib, re, sys, torch
from dlsweep.data._shared import shared
path = pathlib.Path({str(tmp_path)!r}) / "big{SUFFIX}"
tensors = shared(path, lambda: [torch.ones(10_000_000)])
assert tensors[0].sum() == 10_000_000
print("read", flush=True)
sys.stdin.readline()
text = pathlib.Path("/proc/self/smaps").read_text()
(part,) = re.findall(re.escape(str(path)) + r"\\n(.*?)VmFlags", text, re.DOTALL)
sizes = {{name: int(kb) for name, kb in re.findall(r"^(\\w+): +(\\d+) kB", part, re.MULTILINE)}}
print(sizes["Rss"], sizes["Private_Dirty"] + sizes["Private_Clean"], flush=True)
sys.stdin.readline()
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "read\n"
        for process in processes:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            resident, private = map(int, process.stdout.readline().split())
            assert resident > 35_000
            assert private < 1_000
    finally:
        for process in processes:
            process.communicate("\n")


def test_a_folder_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    assert same(shared(tmp_path / "file" / f"a{SUFFIX}", made))
