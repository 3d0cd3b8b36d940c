"""Programs on a Ray cluster."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from dlsweep.sweep.study import read_study
from dlsweep.tracking import TransactionLog
from tests.sweep.execution.ray_cluster import NODE, RayExecutors
from tests.sweep.execution.test_executors import PATIENCE

pytest.importorskip("ray", reason="Ray is not installed")

PROGRAM = """
import os, time
import wandb

with wandb.init() as run:
    run.config.update({"node": os.environ["RAY_RAYLET_PID"], "cwd": os.getcwd()})
    run.log({"loss": run.config["lr"] * 2})
    with open(f"begun-{run.id}", "a") as file:
        print(os.getpid(), os.environ["RAY_RAYLET_PID"], file=file)
    while not os.path.exists("go"):
        time.sleep(0.02)
    run.log({"loss": run.config["lr"]})
"""
LR = [1.0, 0.5, 0.25, 2.0, 4.0, 8.0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with a program and a sweep of six points."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "own.py").write_text(PROGRAM)
    sweep = {
        "method": "grid",
        "program": "own.py",
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {"lr": {"values": LR}},
    }
    (folder / "own.yaml").write_text(yaml.safe_dump(sweep))
    return folder


@contextmanager
def started_sweep(folder: Path, address: str) -> Iterator[subprocess.Popen[str]]:
    """`dlsweep sweep own.yaml` on a cluster, while it runs."""
    sweep = subprocess.Popen(
        [sys.executable, "-m", "dlsweep", "sweep", "own.yaml", "--cluster", address],
        cwd=folder,
        env={name: v for name, v in os.environ.items() if name != "WANDB_DIR"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield sweep
    finally:
        sweep.kill()
        sweep.communicate()


def wait(folder: Path, pattern: str, number: int) -> list[Path]:
    """Wait until there are so many files."""
    end = time.monotonic() + PATIENCE
    while len(found := list(folder.glob(pattern))) < number:
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def test_a_sweep_runs_on_both_nodes(rays: RayExecutors, folder: Path):
    rays.close()
    with started_sweep(folder, rays.address) as sweep:
        wait(folder, "begun-*", 2)  # none ends before both have begun: they run at once
        (folder / "go").touch()
        out, err = sweep.communicate(timeout=PATIENCE)
    assert sweep.returncode == 0, err
    table = read_study(str(folder / "dlsweep.db"))
    assert sorted(row.value or 0 for row in table.rows) == sorted(LR)
    assert {row.status for row in table.rows} == {"finished"}
    for row in table.rows:
        assert [metrics["loss"] for metrics in row.history] == [2 * row.config["lr"], row.value]
        assert Path(row.info["directory"]).parent == folder / "wandb"
    nodes = {node for row in table.rows if (node := _logged(row.info["directory"], "node"))}
    assert len(nodes) == 2
    assert len(list(folder.glob("begun-*"))) == len(LR)
    assert "best: lr" in out


def _logged(directory: str, name: str) -> Any:
    """A value of a run's config, as wandb has it on the disk."""
    [path] = Path(directory).glob("*.wandb")
    log = TransactionLog(path)
    log.read()
    return log.config.get(name)


def test_the_program_of_a_lost_node_is_run_again_elsewhere(rays: RayExecutors, folder: Path):
    rays.close()
    node = rays.cluster.add_node(**NODE)
    with started_sweep(folder, rays.address) as sweep:
        begun = wait(folder, "begun-*", 3)
        there = f" {node.all_processes['raylet'][0].process.pid}\n"
        [lost] = [path for path in begun if path.read_text().endswith(there)]
        [pid, _] = lost.read_text().split()
        rays.cluster.remove_node(node, allow_graceful=False)
        end = time.monotonic() + PATIENCE
        while Path(f"/proc/{pid}").exists():  # the program ends with its node
            assert time.monotonic() < end
            time.sleep(0.05)
        (folder / "go").touch()
        _, err = sweep.communicate(timeout=PATIENCE)
    assert sweep.returncode == 0, err
    assert re.search(r"^dlsweep: its (node|worker) .*; run \d again$", err, re.M), err
    table = read_study(str(folder / "dlsweep.db"))
    assert {row.status for row in table.rows} == {"finished"}
    assert sorted(row.value or 0 for row in table.rows) == sorted(LR)
    assert len(lost.read_text().splitlines()) == 2
    again = lost.name.removeprefix("begun-")
    [folder_of_run] = (folder / "wandb").glob(f"*-{again}")  # that of the lost attempt is gone
    [row] = [row for row in table.rows if row.run_id == again]
    assert Path(row.info["directory"]) == folder_of_run
    assert [metrics["loss"] for metrics in row.history] == [2 * row.config["lr"], row.value]


SCRIPT = """
import json, sys
from pathlib import Path
from dlsweep.sweep.execution import END, Epoch, ProgramJob, choose_executor
from dlsweep.sweep.file import parse_command
absent = Path("absent").absolute()
executor = choose_executor("cpu", 1, cluster=sys.argv[1])
executor.start()
executor.submit(
    ProgramJob(
        *(1, parse_command("own.py", None, []), {"lr": 0.5}),
        *("run1", absent / "jobs" / "1", absent),
        metric="loss",
    )
)
events = []
while not any(isinstance(event, END) for event in events):
    events += executor.events()
executor.close()
ended = [event.ended[0] for event in events if isinstance(event, Epoch) and event.ended]
print(json.dumps([str(events[-1]), *[[o.summary["loss"], o.info] for o in ended]]))
"""


def test_a_working_directory_that_ray_has_shipped(rays: RayExecutors, folder: Path, tmp_path: Path):
    rays.close()
    (folder / "go").touch()
    (tmp_path / "script.py").write_text(SCRIPT)
    config = {"runtime_env": {"working_dir": str(folder)}}  # as `ray job submit` sets it
    done = subprocess.run(
        [sys.executable, "script.py", rays.address],
        cwd=tmp_path,
        env={**os.environ, "RAY_JOB_CONFIG_JSON_ENV_VAR": json.dumps(config)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    last, *ended = json.loads(done.stdout)
    assert last == "Done(job=1)"
    [[loss, info]] = ended
    assert loss == 0.5
    shipped = Path(info["directory"]).parents[1]
    assert "working_dir_files" in shipped.parts
    assert info["output"] == str(shipped / "jobs" / "1" / "output.log")
    assert not (tmp_path / "absent").exists()
