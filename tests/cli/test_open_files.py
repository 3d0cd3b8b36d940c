"""The limit on open files, which limits how many runs are open at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dlsweep.sweep import read_study
from tests.cli.conftest import users_environment
from tests.tracking.facts import check_run
from tests.wandb_server import WandbServer

pytest.importorskip("resource")

RUNS, ROOM = 8, 3
FILE: dict[str, Any] = {
    "program": "train.py",
    "method": "grid",
    "parameters": {
        "dataset": {"value": "digits"},
        "epochs": {"value": 1},
        "hidden_size": {"value": 8},
        "figures": {"value": "none"},
        "seed": {"values": list(range(RUNS))},
    },
}


def with_few_files(*arguments: str, cwd: Path, **env: str) -> str:
    """Run `dlsweep ARGUMENTS` with files for three runs at once; standard error."""
    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 112; exec "$@"', "sh", sys.executable, "-m", "dlsweep", *arguments],
        cwd=cwd,
        env=users_environment(**env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def line(instead_of: int) -> str:
    limit = "the limit on open files (ulimit -n) allows no more"
    return f"dlsweep: at most {ROOM} runs at once instead of {instead_of}: {limit}\n"


def test_of_an_agent(wandb_server: WandbServer, tmp_path: Path):
    sweep = wandb_server.add_sweep(FILE, entity="team", project="plants")
    path = f"team/plants/{sweep.id}"
    told = with_few_files(
        "agent", path, "--builtin", "--workers", "2", cwd=tmp_path, **wandb_server.env()
    )
    assert told.count(line(64)) == 1
    assert len(sweep.runs) == RUNS
    for run_id in sweep.runs:
        check_run(wandb_server.runs[run_id])


def test_of_a_local_sweep(tmp_path: Path):
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump({**FILE, "name": "few"}))
    told = with_few_files("sweep", "sweep.yaml", "--builtin", "--workers", "2", cwd=tmp_path)
    assert told.count(line(256)) == 1
    rows = read_study(str(tmp_path / "dlsweep.db"), "few").rows
    assert [row.status for row in rows] == ["finished"] * RUNS
    spans = [(row.started, row.finished) for row in rows]
    at_once = [sum(a < start < b for a, b in spans) for start, _ in spans]
    assert max(at_once) < ROOM
