"""Full disks, folders that vanish, files where folders must be: one line, code 1, nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlsweep.cli import main
from dlsweep.sweep import read_study
from tests.cli.conftest import dlsweep, users_environment

SMALL = ["--dataset", "digits", "--epochs", "1", "--hidden_size", "8", "--figures", "none"]
SWEEP = """
method: grid
metric: {{name: val_accuracy, goal: maximize}}
parameters:
  dataset: {{value: digits}}
  epochs: {{value: {epochs}}}
  hidden_size: {{value: 8}}
  figures: {{value: none}}
  learning_rate: {{values: [0.01, 0.001]}}
"""


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The only error of a command that has ended with code 1."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return line


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A disk of a megabyte with a study in it, and no room left."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        (disk / "s.yaml").write_text(SWEEP.format(epochs=1))
        done = dlsweep("sweep", "s.yaml", "--workers", "1", "--count", "1", cwd=disk)
        assert done.returncode == 0, done.stderr
        shutil.rmtree(disk / "wandb")
        with (disk / "fill").open("wb", buffering=0) as file:
            while True:
                try:
                    file.write(b"x" * 4096)
                except OSError:
                    break
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_on_a_full_disk_commands_say_so_and_what_was_recorded_is_read(full: Path):
    for command in (["train", *SMALL], ["sweep", "s.yaml", "--workers", "1"]):
        assert "the disk is full" in one_line(dlsweep(*command, cwd=full))
    for command in (["export", "--output", "x.csv"], ["report", "--output", "x.html"]):
        line = one_line(dlsweep(*command, cwd=full))
        assert "cannot be written: No space left on device" in line
    assert "1 finished" in dlsweep("runs", cwd=full).stdout
    (full / "fill").unlink()
    done = dlsweep("sweep", "s.yaml", "--workers", "1", cwd=full)
    assert done.returncode == 0
    assert len(read_study(str(full / "dlsweep.db")).rows) == 2


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_a_file_where_the_folder_of_the_runs_must_be(command: str, tmp_path: Path):
    (tmp_path / "s.yaml").write_text(SWEEP.format(epochs=1))
    (tmp_path / "wandb").write_text("notes")
    words = ["train", *SMALL] if command == "train" else ["sweep", "s.yaml", "--workers", "1"]
    assert "wandb/" in one_line(dlsweep(*words, cwd=tmp_path))
    assert (tmp_path / "wandb").read_text() == "notes"


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_a_folder_that_is_removed_while_runs_are_trained(command: str, tmp_path: Path):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "s.yaml").write_text(SWEEP.format(epochs=100_000))
    words = ["train", *SMALL, "--epochs", "100000"] if command == "train" else None
    words = words or ["sweep", "s.yaml", "--workers", "1"]
    with subprocess.Popen(
        [sys.executable, "-m", "dlsweep", *words],
        cwd=folder,
        env=users_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        end = time.monotonic() + 60
        while not list(folder.glob("wandb/*/*.wandb")) and time.monotonic() < end:
            time.sleep(0.1)
        shutil.rmtree(folder)
        _, err = process.communicate(timeout=60)
    line = one_line(subprocess.CompletedProcess(words, process.returncode, "", err))
    assert "removed" in line or "cannot be written" in line


def test_outputs_below_a_file_end_with_code_1(folder: Path, capsys: pytest.CaptureFixture[str]):
    Path("s.yaml").write_text(SWEEP.format(epochs=1))
    for words in (
        ["sweep", "s.yaml", "--storage", "s.yaml/x.db"],
        ["train", *SMALL, "--study", "x", "--storage", "s.yaml/x.db"],
        ["export", "--output", "s.yaml/runs.csv"],
        ["report", "--output", "s.yaml/x.html"],
    ):
        assert main(words) == 1, words
        err = capsys.readouterr().err
        assert "s.yaml" in err
        assert len([line for line in err.splitlines() if line.startswith("error: ")]) == 1
    assert os.listdir() == ["s.yaml"]
