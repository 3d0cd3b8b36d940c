"""A run that was begun several times, offline, sent to W&B as one by the real client."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlsweep.tracking import TransactionLog, find_logs, join_logs
from tests.wandb_server import WandbServer, wandb_cli

PROGRAM = """
import sys, wandb, numpy as np
begin, name = int(sys.argv[1]), sys.argv[2]
with wandb.init(id="run1", project="p", name=name, config={name: begin}) as run:
    for i in range(begin, begin + 3):
        run.log({"loss": 1 / (i + 1)})
    run.log({"image": wandb.Image(np.full((4, 4), begin)), name: begin})
"""


@pytest.fixture
def logs(tmp_path: Path) -> list[Path]:
    """The logs of three processes of one run, each with four rows and an image."""
    environment = os.environ | {"WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path)}
    for begin, name in ((0, "first"), (3, "second"), (6, "third")):
        command = [sys.executable, "-c", PROGRAM, str(begin), name]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    return find_logs(tmp_path, "run1")


def test_all_rows_and_files_arrive(logs: list[Path], wandb_server: WandbServer) -> None:
    rows = [row.values for log in logs for row in TransactionLog(log).read()]
    assert len(rows) == 12
    join_logs(logs)
    [log] = find_logs(logs[-1].parents[2], "run1")
    assert log == logs[-1]
    joined = TransactionLog(log)
    read = joined.read()
    assert [row.step for row in read] == list(range(12))
    assert [row.values for row in read] == rows
    assert joined.exit_code == 0

    synced = wandb_cli("sync", "--yes", str(log.parent), cwd=log.parent)
    assert "ERROR" not in synced.stdout
    [run] = wandb_server.runs.values()
    assert (run.display_name, run.state) == ("first", "finished")
    assert run.config == {"first": 0, "second": 3, "third": 6}
    assert run.column("_step") == list(range(12))
    assert run.column("loss") == [1 / (i + 1) for i in range(9)]
    assert {"first": 0, "second": 3, "third": 6, "loss": 1 / 9}.items() <= run.summary.items()
    assert sum(name.startswith("media/images/") for name in run.files) == 3
    assert wandb_server.unknown == []


def test_what_a_killed_process_left_is_kept(logs: list[Path], wandb_server: WandbServer) -> None:
    first = logs[0].read_bytes()
    logs[0].write_bytes(first[: len(first) // 2])
    logs[1].write_bytes(b"")
    begun = len(TransactionLog(logs[0]).read())
    join_logs([*logs[::2], logs[1]])
    [log] = find_logs(logs[1].parents[2], "run1")
    read = TransactionLog(log).read()
    assert [row.step for row in read] == list(range(begun + 4))
    synced = wandb_cli("sync", "--yes", str(log.parent), cwd=log.parent)
    assert "ERROR" not in synced.stdout
    [run] = wandb_server.runs.values()
    assert run.column("_step") == list(range(begun + 4))
