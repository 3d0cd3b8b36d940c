"""`dlsweep stop`, `dlsweep resume` and `dlsweep runs` beside a sweep that is being trained."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dlsweep.cli import main
from tests.cli.conftest import users_environment

SWEEP = """
name: long
method: grid
metric: {name: val_accuracy, goal: maximize}
parameters:
  dataset: {value: digits}
  epochs: {value: 100000}
  figures: {value: none}
  hidden_size: {value: 8}
  optimizer: {values: [adam, sgd]}
"""


def test_a_sweep_is_watched_stopped_and_resumed(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "sweep.yaml").write_text(SWEEP)
    place = ("--storage", "a study.db")

    def dlsweep(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*arguments, *place])
        return (code, *capsys.readouterr())

    def train() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "dlsweep", "sweep", "sweep.yaml", *place, "--workers", "1"],
            cwd=folder,
            env=users_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def runs() -> list[dict[str, Any]]:
        code, out, _ = dlsweep("runs", "--format", "json")
        found: list[dict[str, Any]] = json.loads(out) if code == 0 else []
        return found

    training = train()
    try:
        # Its epochs are seen while they are trained.
        while not any(run["history"] for run in runs()):
            assert training.poll() is None, training.communicate()
            time.sleep(0.2)
        assert {run["status"] for run in runs()} == {"running"}
        assert "/100000" in dlsweep("runs")[1]

        wrong = "error: study: got 'lang', no such study; did you mean 'long'?\n"
        assert dlsweep("stop", "lang") == (2, "", wrong)
        _, out, _ = dlsweep("stop", "long")
        assert "is stopped, 2 runs are saved after their present epoch" in out
        again = " --storage 'a study.db'` lets it go on\n"
        assert out.endswith(again)
        _, told = training.communicate(timeout=120)
    finally:
        training.kill()
        training.wait()
    assert training.returncode == 0
    assert "stopped with `dlsweep stop`: 0 of 2 runs are done, those in training are saved" in told
    assert told.endswith(again)
    assert {run["status"] for run in runs()} == {"waiting"}
    assert "; stopped, `dlsweep resume`" in dlsweep("runs", "--watch")[1]

    code, _, told = dlsweep("sweep", "sweep.yaml")
    assert code == 2
    assert "was stopped with `dlsweep stop`; `dlsweep resume long-" in told
    assert told.endswith(again)
    assert "may go on" in dlsweep("resume")[1]
    assert "was not stopped" in dlsweep("resume")[1]
    assert "; stopped" not in dlsweep("runs")[1]
