"""Full disks, folders that vanish, files where folders must be: one line, code 1, nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
  save_model: {{value: true}}
  learning_rate: {{values: [0.01, 0.001]}}
"""


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The only error of a command that has ended with code 1."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return line


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of a megabyte with a study of one run, its model and other data in it."""
    disk = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        (disk / "s.yaml").write_text(SWEEP.format(epochs=1))
        done = dlsweep("sweep", "s.yaml", "--workers", "1", "--count", "1", cwd=disk)
        assert done.returncode == 0, done.stderr
        [model] = disk.glob("wandb/offline-*/files/*.safetensors")
        model.rename(disk / "model.safetensors")
        shutil.rmtree(disk / "wandb")
        images = np.random.default_rng(0).integers(0, 255, (40, 8, 8), dtype=np.uint8)
        np.savez(disk / "own.npz", images=images, labels=np.arange(40) % 2)
        Image.fromarray(images[0]).save(disk / "1.png")
        (disk / "base.yaml").write_text("dataset: digits\n")
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


@pytest.fixture
def full(disk: Path) -> Iterator[Path]:
    """That disk with no room left."""
    with (disk / "fill").open("wb", buffering=0) as file:
        while True:
            try:
                file.write(b"x" * 4096)
            except OSError:
                break
    yield disk
    (disk / "fill").unlink()


@pytest.fixture
def read_only(disk: Path) -> Iterator[Path]:
    """That disk, to be read only."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    yield disk
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


WRITING = [
    ["train", *SMALL, "--study", "x"],
    ["sweep", "s.yaml"],
    ["sweep", "s.yaml", "--mirror", "optuna.log"],
    ["repeat", "--top", "1"],
    ["ablate", "base.yaml", "epochs=1,2", "--output", "one.yaml"],
    ["stop"],
    ["export", "--output", "runs.csv"],
    ["export", "--output", "runs.json"],
    ["export", "--output", "optuna.log", "--format", "optuna"],
    ["report"],
    ["report", "--markdown", "pages"],
    ["predict", "model.safetensors", "1.png", "--save_inputs", "inputs"],
    ["data", "own.npz"],
]
"""Commands that write something."""


@pytest.mark.parametrize("place", ["full", "read_only"])
def test_each_command_says_what_it_cannot_write(
    place: str,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    folder: Path = request.getfixturevalue(place)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DLSWEEP_DATA", str(folder / "cache"))
    for words in WRITING:
        assert main(words) == 1, words
        lines = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
        assert len(lines) == 1, lines
        why = ("full", "No space", "read-only", "Read-only", "cannot be written")
        assert any(word in lines[0] for word in why), lines
    assert main(["runs"]) == 0
    assert "1 finished" in capsys.readouterr().out


def test_after_a_full_disk_a_sweep_goes_on(full: Path, disk: Path):
    assert "the disk is full" in one_line(dlsweep("train", *SMALL, cwd=full))
    (full / "fill").unlink()
    done = dlsweep("sweep", "s.yaml", "--workers", "1", cwd=disk)
    (full / "fill").touch()
    assert done.returncode == 0
    assert len(read_study(str(disk / "dlsweep.db")).rows) == 2


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
        ["ablate", "s.yaml", "epochs=1,2", "--output", "s.yaml/x.yaml"],
        ["train", *SMALL, "--model_save_path", "s.yaml/m"],
        ["predict", "s.yaml", "1.png", "--save_inputs", "s.yaml/x"],
    ):
        assert main(words) == 1, words
        err = capsys.readouterr().err
        assert "s.yaml" in err
        assert len([line for line in err.splitlines() if line.startswith("error: ")]) == 1
    assert os.listdir() == ["s.yaml"]
