"""Runs of a sweep that W&B does not know, synced by the real client once its id is gone."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from wandb.proto.wandb_internal_pb2 import Record

from dlsweep.tracking import TransactionLog, find_log, forget_sweep
from dlsweep.tracking._leveldb_log import LogReader, read_header, write_log
from tests.wandb_server import WandbServer, wandb_cli

pytestmark = pytest.mark.process

BLOCK = 32 * 1024

PROGRAM = """
import numpy as np, wandb
run = wandb.init(config={"lr": 0.1, "net": {"width": 8}}, name="shown", tags=["t"])
assert run.sweep_id == "unknown1"
for i in range(50):
    run.log({"loss": 1 / (i + 1), "val/acc": i, "text": "x" * 3000})
run.log({"image": wandb.Image(np.eye(4)), "table": wandb.Table(["a"], [[1], [2]])})
run.config.update({"long": "y" * 100_000})
run.summary["best"] = 0.5
with open("model.txt", "w") as file:
    file.write("weights")
run.save("model.txt")
print("a line of output")
run.finish()
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of an unknown sweep."""
    folder = tmp_path_factory.mktemp("program")
    variables = {
        "WANDB_MODE": "offline",
        "WANDB_RUN_ID": "run1",
        "WANDB_SWEEP_ID": "unknown1",
        "WANDB_PROJECT": "p",
        "WANDB_CONSOLE": "wrap",
        "WANDB_DIR": str(folder),
    }
    command = [sys.executable, "-c", PROGRAM]
    subprocess.run(command, cwd=folder, env=os.environ | variables, check=True)
    log = find_log(folder, "run1")
    assert log is not None
    return log.parent


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    shutil.copytree(finished, tmp_path / finished.name)
    return tmp_path / finished.name


def records(log: Path) -> list[bytes]:
    return list(LogReader(log).records())


def run_records(log: Path) -> list[Record]:
    parsed = map(Record.FromString, records(log))
    return [record for record in parsed if record.HasField("run")]


def test_the_server_refuses_a_run_of_an_unknown_sweep(folder: Path, wandb_server: WandbServer):
    synced = wandb_cli("sync", "--yes", str(folder), cwd=folder)
    assert "unknown1 not found" in synced.stdout
    assert wandb_server.runs == {}


def test_a_run_whose_sweep_is_forgotten_arrives_whole(folder: Path, wandb_server: WandbServer):
    forget_sweep(folder / "run-run1.wandb")
    synced = wandb_cli("sync", "--yes", str(folder), cwd=folder, env={"WANDB_CONSOLE": "auto"})
    assert "ERROR" not in synced.stdout
    [run] = wandb_server.runs.values()
    assert (run.id, run.project, run.display_name, run.tags) == ("run1", "p", "shown", ["t"])
    assert (run.sweep, run.state, run.exit_code) == (None, "finished", 0)
    assert run.config == {"lr": 0.1, "net": {"width": 8}, "long": "y" * 100_000}
    assert run.column("loss") == [1 / (i + 1) for i in range(50)]
    assert run.column("text") == ["x" * 3000] * 50
    assert (run.summary["val/acc"], run.summary["best"]) == (49, 0.5)
    assert any("a line of output" in line for line in run.output)
    assert run.files["model.txt"] == b"weights"
    assert any(name.startswith("media/images/image") for name in run.files)
    assert any(name.startswith("media/table/table") for name in run.files)
    assert not any(b"unknown1" in content for content in run.files.values())
    assert wandb_server.unknown == []


def test_all_other_records_stay_as_they_were(folder: Path):
    log = folder / "run-run1.wandb"
    before, header = records(log), read_header(log)
    forget_sweep(log)
    after = records(log)
    assert read_header(log) == header == log.read_bytes()[:7]
    assert log.stat().st_size > 8 * BLOCK
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    for old, new in changed:
        record = Record.FromString(old)
        assert record.run.sweep_id == "unknown1"
        record.run.sweep_id = ""
        assert record == Record.FromString(new)
    assert changed
    assert all(record.run.sweep_id == "" for record in run_records(log))
    assert b"unknown1" not in log.read_bytes()
    assert {path.name for path in folder.glob("run-*")} == {"run-run1.wandb"}


def test_a_log_without_a_sweep_is_left_alone(folder: Path):
    log = folder / "run-run1.wandb"
    forget_sweep(log)
    log.write_bytes(log.read_bytes() + b"an incomplete end")
    before = (log.read_bytes(), log.stat().st_ino)
    forget_sweep(log)
    assert (log.read_bytes(), log.stat().st_ino) == before


def test_a_damaged_end_is_dropped(folder: Path, wandb_server: WandbServer):
    log = folder / "run-run1.wandb"
    content = log.read_bytes()
    log.write_bytes(content[: len(content) // 2])
    expected = TransactionLog(log).read()
    assert 0 < len(expected) < 50
    forget_sweep(log)
    assert TransactionLog(log).read() == expected
    with (folder / "whole").open("wb") as file:
        write_log(file, read_header(log), records(log))
    assert log.read_bytes() == (folder / "whole").read_bytes()
    wandb_cli("sync", "--yes", str(folder), cwd=folder)
    [run] = wandb_server.runs.values()
    assert run.column("loss") == [row.values["loss"] for row in expected]


def test_wandb_s_own_framing(finished: Path, tmp_path: Path):
    log = finished / "run-run1.wandb"
    with (tmp_path / "again").open("wb") as file:
        write_log(file, read_header(log), records(log))
    assert (tmp_path / "again").read_bytes() == log.read_bytes()


def test_records_of_any_size(tmp_path: Path):
    draw = random.Random(0)
    room = BLOCK - 7  # of the first block
    sizes = [room - 7 - left for left in range(16)]  # one that leaves 0, 1, 2 … bytes of its block
    for size in [*sizes, BLOCK - 7, BLOCK - 6, 5 * BLOCK, 0, 1]:
        written = [draw.randbytes(n) for n in (size, 0, 3, size, 2 * BLOCK, 1)]
        with (tmp_path / "log").open("wb") as file:
            write_log(file, b":W&B\xe1\xbe\x00", written)
        assert records(tmp_path / "log") == written
