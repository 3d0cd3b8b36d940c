"""`dlsweep stop`, `dlsweep resume` and `dlsweep runs` beside a sweep that is being trained."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import dlsweep, users_environment
from tests.postgres import Postgres

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
PROGRAM = "import sys; from dlsweep.cli import main; sys.exit(main())"


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return "study.db"
    server: Postgres = request.getfixturevalue("postgres_server")
    return server.create("stopping")


def test_a_sweep_is_watched_stopped_and_resumed(storage: str, tmp_path: Path):
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    place = ("--storage", storage)

    def train() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "sweep", "sweep.yaml", *place, "--workers", "1"],
            cwd=tmp_path,
            env=users_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def runs() -> list[dict[str, Any]]:
        done = dlsweep("runs", *place, "--format", "json", cwd=tmp_path)
        found: list[dict[str, Any]] = json.loads(done.stdout) if done.returncode == 0 else []
        return found

    training = train()
    try:
        # Its epochs are seen while they are trained.
        while not any(run["history"] for run in runs()):
            assert training.poll() is None, training.communicate()
            time.sleep(0.2)
        assert {run["status"] for run in runs()} == {"running"}
        shown = dlsweep("runs", *place, cwd=tmp_path).stdout
        assert "/100000" in shown

        wrong = dlsweep("stop", "lang", *place, cwd=tmp_path)
        assert (wrong.returncode, wrong.stdout) == (2, "")
        assert wrong.stderr == "error: study: got 'lang', no such study; did you mean 'long'?\n"
        stopped = dlsweep("stop", "long", *place, cwd=tmp_path)
        assert "is stopped, 2 runs are saved after their present epoch" in stopped.stdout
        _, told = training.communicate(timeout=120)
    finally:
        training.kill()
        training.wait()
    assert training.returncode == 0
    assert "stopped with `dlsweep stop`: 0 of 2 runs are done, those in training are saved" in told
    assert {run["status"] for run in runs()} == {"waiting"}
    assert "; stopped, `dlsweep resume`" in dlsweep("runs", "--watch", *place, cwd=tmp_path).stdout

    refused = train()
    _, told = refused.communicate(timeout=120)
    assert refused.returncode == 2
    assert "was stopped with `dlsweep stop`; `dlsweep resume long-" in told
    assert "may go on" in dlsweep("resume", *place, cwd=tmp_path).stdout
    assert "was not stopped" in dlsweep("resume", *place, cwd=tmp_path).stdout
    assert "; stopped" not in dlsweep("runs", *place, cwd=tmp_path).stdout
