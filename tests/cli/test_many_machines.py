"""`dlsweep sweep --storage postgresql://…`, the same command several times at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import dlsweep, users_environment
from tests.postgres import Postgres

SWEEP = """
name: shared
method: grid
metric: {name: val_accuracy, goal: maximize}
parameters:
  dataset: {value: digits}
  epochs: {value: 40}
  figures: {value: none}
  hidden_size: {values: [4, 5, 6, 7, 8, 9]}
  optimizer: {values: [adam, sgd]}
"""

# A machine counts as dead after five seconds; stacks are small, so that there are many turns.
PROGRAM = """
import sys
from dlsweep.cli import main
from dlsweep.sweep import _local, _outage, _tables
_tables.GRACE, _outage.HEARTBEAT, _local.ASK_AT_ONCE = 5.0, 0.2, {"grid": 2}
sys.exit(main())
"""


def test_three_commands_train_one_sweep_and_one_of_them_dies(
    postgres_server: Postgres, tmp_path: Path
):
    url = postgres_server.create("commands")
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    words = [sys.executable, "-c", PROGRAM, "sweep", "sweep.yaml"]
    words += ["--storage", url, "--workers", "1"]
    commands = [
        subprocess.Popen(
            words,
            cwd=tmp_path,
            env=users_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    victim = commands.pop()
    assert victim.stderr is not None
    assert " finished val_accuracy " in victim.stderr.readline()
    victim.kill()
    victim.communicate()

    told = [process.communicate(timeout=120) for process in commands]
    assert [process.returncode for process in commands] == [0, 0], told
    for out, err in told:
        assert "hushhush" not in out + err
        assert "--storage 'postgresql+psycopg://sweeper:***@/commands" in out
    listed = dlsweep("runs", "--storage", url, "--format", "json", cwd=tmp_path)
    runs = json.loads(listed.stdout)
    assert [run["status"] for run in runs] == ["finished"] * 12
    assert sorted(run["number"] for run in runs) == list(range(12))
    assert len({json.dumps(run["config"], sort_keys=True) for run in runs}) == 12
    assert len({run["run_id"] for run in runs}) == 12
