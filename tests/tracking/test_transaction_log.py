"""The transaction log of a run, written by the real client and read as it grows."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from wandb.proto.wandb_internal_pb2 import Record

from dlsweep.tracking import TransactionLog, find_log, find_logs
from dlsweep.tracking._transaction_log import LoggedRow, LoggedRun
from tests.wandb_server import WandbServer, wandb_cli

pytestmark = pytest.mark.process

BLOCK = 32 * 1024
SWEEP = "sweep002"
"""The first sweep of a server, after its project."""

EVERYTHING = """
import math, wandb
config = {"lr": 0.1, "net": {"width": 8, "act": {"name": "relu"}}, "sizes": [1, 2], "a.b": None}
run = wandb.init(name="shown", config=config | {"empty": {}})
run.define_metric("val/acc", summary="max")
run.define_metric("loss*", summary="min,mean")
run.define_metric("hidden", summary="none")
run.define_metric("every", step_metric="epoch")
for i in range(40):
    run.log({
        "val/acc": [0.1, 0.9, 0.5][i % 3], "val.acc": i, "loss": 3.0 / (i + 1), "hidden": i,
        "nested": {"a": i, "b": {"c": 1e-300, "name": "é✓"}}, "nan": math.nan, "inf": -math.inf,
        "epoch": i * 10, "every": i, "none": None, "flag": True, "large": 2**70, "list": [1, "a"],
        "text": "line\\n" * 2000,
    })
run.log({"table": wandb.Table(columns=["a", "b"], data=[[1, "x"]] * 3)})
run.log({"deep": {"histogram": wandb.Histogram([1, 2, 3])}}, step=77)
run.log({"first half": 1}, commit=False)
run.log({"second half": 2})
run.config.update({"late": {"x": 1}, "net": {"width": 16}, "sizes": 3}, allow_val_change=True)
run.summary["scalar"] = 1
run.summary["scalar"] = {"now": {"nested": 2}}
run.summary["list"] = [1, {"a": 2}]
run.summary["replaced"] = {"x": 1, "y": 2}
run.summary["replaced"] = {"z": 3}
run.summary["changed"] = {"x": 1, "y": 2}
run.summary["changed"]["x"] = 3
run.summary["gone"] = 1
run.summary["gone"] = None
del run.summary["flag"]
del run.summary["nested"]["b"]
run.log({"nested": 5})
run.finish(exit_code=3)
"""

A_ROW_FOR_EACH_LINE = """
import sys, wandb
run = wandb.init()
for i, word in enumerate(sys.stdin):
    if word == "raise\\n":
        raise ValueError("no luck")
    run.log({"x": i, "nested": {"word": word.strip()}})
run.finish()
"""


@contextmanager
def program(text: str, folder: Path, run_id: str = "run1") -> Iterator[subprocess.Popen[str]]:
    """Run a program offline in a folder; it is killed if it has not ended at the end."""
    variables = {
        "WANDB_DIR": str(folder),
        "WANDB_RUN_ID": run_id,
        "WANDB_SWEEP_ID": SWEEP,
        "WANDB_ENTITY": "e",
        "WANDB_PROJECT": "p",
        "WANDB_CONSOLE": "wrap",
        "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL": "0.5",
    }
    with subprocess.Popen(
        [sys.executable, "-c", text],
        cwd=folder,
        env=os.environ | variables,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def run_program(text: str, folder: Path) -> Path:
    """Run a program to its end; returns its transaction log."""
    with program(text, folder) as process:
        process.communicate()
    log = find_log(folder, "run1")
    assert log is not None
    return log


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_program(EVERYTHING, tmp_path_factory.mktemp("everything"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A log of a few rows, in one block."""
    text = "import wandb\nrun = wandb.init(config={'a': 1})\n"
    text += "for i in range(3): run.log({'x': {'y': i}})\nrun.finish()"
    content = run_program(text, tmp_path_factory.mktemp("small")).read_bytes()
    assert len(content) < BLOCK
    return content


def flattened(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value and "_type" not in value:
            found |= flattened(value, f"{before}{name}.")
        else:
            found[before + name] = value
    return found


def as_text(values: Any) -> str:
    """Values to compare, where NaN equals NaN."""
    return json.dumps(values, sort_keys=True, indent=0)


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_all_of_it_is_what_a_server_gets(everything: Path, wandb_server: WandbServer):
    assert wandb_server.add_sweep({}, entity="e", project="p").id == SWEEP
    done = wandb_cli("sync", "--yes", str(everything.parent), cwd=everything.parent)
    assert done.returncode == 0, done.stdout
    [run] = wandb_server.runs.values()

    log = TransactionLog(everything)
    rows = log.read()
    assert as_text([row.values for row in rows]) == as_text(
        [{k: v for k, v in flattened(row).items() if k[0] != "_"} for row in run.history]
    )
    for name in ("step", "runtime", "timestamp"):
        assert [vars(row)[name] for row in rows] == run.column(f"_{name}")
    assert as_text(log.summary) == as_text(flattened(run.summary))
    assert as_text(log.config) == as_text(flattened(run.config))
    assert log.run == LoggedRun("run1", "e", "p", "shown", SWEEP)
    assert (run.id, run.entity, run.project) == ("run1", "e", "p")
    assert (run.display_name, run.sweep) == ("shown", SWEEP)
    assert log.exit_code == run.exit_code == 3


def test_names_and_values_are_as_logged(everything: Path):
    log = TransactionLog(everything)
    rows = log.read()
    assert [row.step for row in rows] == [*range(41), 77, 78]
    assert rows[1].values | {"text": "", "nan": 0} == {
        **{"val/acc": 0.9, "val.acc": 1, "loss": 1.5, "hidden": 1, "epoch": 10, "every": 1},
        **{"nested.a": 1, "nested.b.c": 1e-300, "nested.b.name": "é✓", "nan": 0},
        **{"inf": float("-inf"), "none": None, "flag": True, "large": 2.0**70, "list": [1, "a"]},
        "text": "",
    }
    assert rows[1].values["nan"] != rows[1].values["nan"]
    assert rows[1].values["text"] == "line\n" * 2000
    assert rows[40].values.keys() == {"table"}
    assert rows[40].values["table"]["nrows"] == 3
    assert rows[41].values["deep.histogram"]["_type"] == "histogram"
    assert rows[41].values.keys() == {"deep.histogram", "first half", "second half"}
    assert rows[42].values == {"nested": 5}
    summary = log.summary
    assert summary["val/acc.max"] == 0.9
    assert summary["loss.min"] == 3 / 40
    assert summary.keys().isdisjoint({"hidden", "flag", "gone", "scalar", "_wandb.runtime"})
    assert log.config["net.act.name"] == "relu"
    assert log.config["net.width"] == 16
    assert everything.stat().st_size > 10 * BLOCK


@pytest.mark.parametrize("end", ["finish", "raise", "kill"])
def test_rows_are_seen_while_the_program_runs(end: str, tmp_path: Path):
    with program(A_ROW_FOR_EACH_LINE, tmp_path) as process:
        assert process.stdin is not None
        wait_for(lambda: find_log(tmp_path, "run1") is not None)
        log = TransactionLog(find_log(tmp_path, "run1") or tmp_path)
        rows: list[LoggedRow] = []
        for i, word in enumerate(["one", "two", "three"]):
            process.stdin.write(f"{word}\n")
            process.stdin.flush()
            wait_for(lambda: bool(rows.extend(log.read()) or len(rows) > i))  # noqa: B023
            assert rows[-1].values == {"x": i, "nested.word": word}
            assert log.summary["nested.word"] == word
            assert log.exit_code is None
        if end == "kill":
            process.kill()
        process.communicate("raise\n" if end == "raise" else None)
        rows += log.read()
    assert [row.step for row in rows] == [0, 1, 2]
    assert log.exit_code == {"finish": 0, "raise": 1, "kill": None}[end]
    assert process.returncode == {"finish": 0, "raise": 1, "kill": -signal.SIGKILL}[end]
    assert log.output.endswith("ValueError: no luck\n") == (end == "raise")
    assert log.read() == []


@pytest.mark.parametrize("portion", [1, 7, 4096, BLOCK - 1, BLOCK, 3 * BLOCK + 5])
def test_a_growing_file_gives_every_row_once(
    portion: int, everything: Path, small: bytes, tmp_path: Path
):
    content = small if portion < 4096 else everything.read_bytes()
    (tmp_path / "whole").write_bytes(content)
    whole = TransactionLog(tmp_path / "whole")
    expected = whole.read()
    growing = TransactionLog(tmp_path / "growing")
    assert growing.read() == []  # it need not be there yet
    rows = []
    with growing.path.open("wb") as file:
        for start in range(0, len(content), portion):
            file.write(content[start : start + portion])
            file.flush()
            rows += growing.read()
    assert as_text([*map(vars, rows)]) == as_text([*map(vars, expected)])
    assert as_text(growing.summary) == as_text(whole.summary)
    assert (growing.config, growing.run) == (whole.config, whole.run)
    assert growing.exit_code == whole.exit_code is not None


def test_a_file_cut_off_anywhere_gives_the_rows_before(small: bytes, tmp_path: Path):
    log = tmp_path / "run.wandb"
    log.write_bytes(small)
    expected = TransactionLog(log).read()
    counts = []
    for size in range(len(small)):
        log.write_bytes(small[:size])
        rows = TransactionLog(log).read()
        assert rows == expected[: len(rows)]
        counts.append(len(rows))
    assert counts == sorted(counts)
    assert set(counts) == {0, 1, 2, 3}


def test_a_damaged_byte_costs_the_rest_of_its_block_at_most(small: bytes, tmp_path: Path):
    log = tmp_path / "run.wandb"
    log.write_bytes(small)
    expected = TransactionLog(log).read()
    for place in range(len(small)):
        damaged = bytearray(small)
        damaged[place] ^= 0xFF
        log.write_bytes(damaged)
        reader = TransactionLog(log)
        rows = reader.read()
        assert rows == expected[: len(rows)]
        assert reader.config.keys() <= {"a"}
        # What is appended later, behind the damaged block, is read.
        log.write_bytes(damaged.ljust(BLOCK, b"\0") + small[7:])
        assert reader.read() == expected


@pytest.mark.parametrize("blocks", [(0,), (1,), (2, 3)])
def test_records_behind_a_damaged_block_are_read(
    blocks: tuple[int, ...], everything: Path, tmp_path: Path
):
    expected = TransactionLog(everything).read()
    content = bytearray(everything.read_bytes())
    for block in blocks:
        content[BLOCK * block + 8 : BLOCK * block + 40] = bytes(32)
    log = tmp_path / "run.wandb"
    log.write_bytes(content)
    reader = TransactionLog(log)
    rows = reader.read()
    assert len(expected) - 8 * len(blocks) <= len(rows) < len(expected)
    assert {row.step for row in rows} < {row.step for row in expected}
    assert reader.exit_code == 3


def test_a_record_whose_middle_is_damaged_is_not_joined_over_the_gap(tmp_path: Path):
    def chunk(kind: int, data: bytes) -> bytes:
        crc = zlib.crc32(bytes([kind]) + data)
        return struct.pack("<IHB", crc, len(data), kind) + data

    output = Record()
    output.output_raw.line = "x" * BLOCK
    record = output.SerializeToString()
    half = BLOCK - 2 * 7  # what the file's header and the chunk's leave of the first block
    first, last = chunk(2, record[:half]), chunk(4, record[half:])
    for middle, expected in ((b"", BLOCK), (bytes(BLOCK), 0)):
        (tmp_path / "run.wandb").write_bytes(bytes(7) + first + middle + last)
        log = TransactionLog(tmp_path / "run.wandb")
        log.read()
        assert len(log.output) == min(expected, 4000)


@pytest.mark.parametrize("content", [b"", b":W&B", b"no log at all\n" * 10_000, bytes(100_000)])
def test_what_is_no_log_gives_nothing(content: bytes, tmp_path: Path):
    (tmp_path / "run.wandb").write_bytes(content)
    log = TransactionLog(tmp_path / "run.wandb")
    assert log.read() == []
    assert (log.run, log.exit_code, log.config, log.summary) == (None, None, {}, {})


def test_the_newest_log_of_a_run_is_found(tmp_path: Path):
    def make(folder: str, name: str = "run-a[1].wandb") -> Path:
        (tmp_path / "wandb" / folder).mkdir(parents=True)
        (tmp_path / "wandb" / folder / name).touch()
        return tmp_path / "wandb" / folder / name

    assert find_log(tmp_path, "a[1]") is None
    make("run-20260109_000000-b-a[1]", "run-b-a[1].wandb")
    assert find_log(tmp_path, "a[1]") is None
    made: list[Path] = []
    for folder in (
        "offline-run-20260101_000000-a[1]",
        "run-20260102_000000-a[1]",
        "offline-run-20260103_000000-a[1]",
    ):
        made.append(make(folder))
        assert find_log(tmp_path, "a[1]") == made[-1]
        assert find_logs(tmp_path, "a[1]") == made
    assert find_log(tmp_path, "a1") is None
