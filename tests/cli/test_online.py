"""`dlsweep sweep --online` at a server that stops taking anything."""

from __future__ import annotations

import shlex
from pathlib import Path

from dlsweep.sweep import read_study
from tests.cli.conftest import dlsweep
from tests.tracking.facts import check_run
from tests.wandb_server import WandbServer

SWEEP = """
name: beds
method: grid
metric: {name: val_accuracy, goal: maximize}
parameters:
  dataset: {value: digits}
  epochs: {value: 2}
  hidden_size: {value: 8}
  seed: {values: [1, 2]}
"""


def test_one_line_says_how_the_rest_is_sent(wandb_server: WandbServer, tmp_path: Path):
    """And the command ends, though wandb would go on trying."""
    (tmp_path / "s.yaml").write_text(SWEEP)
    arguments = ["sweep", "s.yaml", "--online", "--workers", "1", "--storage", "a study.db"]
    env = {**wandb_server.env(), "WANDB_FINISH_TIMEOUT": "2"}
    with wandb_server.fail("hang", only="file_stream"):
        done = dlsweep(*arguments, cwd=tmp_path, **env)
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stderr.splitlines() if "W&B does not have" in line]
    said, _, command = line.partition("; send the rest with: ")
    assert said == "dlsweep: W&B does not have all of 3 runs"
    assert "Traceback" not in done.stderr

    program, *words = shlex.split(command)
    assert program == "dlsweep"
    sent = dlsweep(*words, cwd=tmp_path, **env)
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert sent.stdout.splitlines()[0].endswith(": 3 sent")
    rows = read_study(str(tmp_path / "a study.db")).rows
    assert [row.status for row in rows] == ["finished"] * 2
    for row in rows:
        run = wandb_server.runs[row.run_id]
        check_run(run)
        assert run.column("val_loss") == [epoch["val_loss"] for epoch in row.history]
    again = dlsweep(*words, cwd=tmp_path, **env)
    assert again.stdout.splitlines()[0].endswith(": 0 to send, 3 sent while training")


def test_nobody_there_is_said_before_anything_is_made(tmp_path: Path):
    (tmp_path / "s.yaml").write_text(SWEEP)
    with WandbServer() as server:
        env = server.env()
    done = dlsweep("sweep", "s.yaml", "--online", cwd=tmp_path, **env)
    host = env["WANDB_BASE_URL"].removeprefix("http://")
    assert done.returncode == 1
    assert done.stderr == f"error: W&B: {host} cannot be reached: Connection refused\n"
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]
