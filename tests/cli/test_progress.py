"""The live progress of a sweep, in a terminal and elsewhere."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dlsweep.cli._progress import LiveProgress
from dlsweep.cli._time_left import TimeLeft, duration
from dlsweep.config import RunConfig
from dlsweep.sweep import Metric, Row, Run
from dlsweep.sweep.file import Settings
from dlsweep.training import EpochMetrics, cost
from tests.cli.conftest import users_environment

SWEEP = """
method: grid
metric: {name: val_accuracy, goal: maximize}
parameters:
  dataset: {value: digits}
  epochs: {value: 20}
  hidden_size: {values: [8, 9]}
  optimizer: {values: [adam, sgd]}
"""


def test_in_a_terminal_one_line_is_kept_up_to_date(tmp_path: Path):
    (tmp_path / "s.yaml").write_text(SWEEP)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "dlsweep", "sweep", "s.yaml", "--workers", "1"],
        cwd=tmp_path,
        env=users_environment(TERM="xterm", LINES="40"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            read = os.read(ours, 65536)
        except OSError:  # on Linux the end of a terminal is an error
            break
        if not read:
            break
        shown += read
    os.close(ours)
    assert process.wait(30) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())

    lines = re.findall(r"(\d)/4 runs done, (\d) running([^\r\n]*)", text)
    assert ("0", "2") in [line[:2] for line in lines]
    assert lines[0][:2] != ("0", "0")
    assert "0/4 runs done, starting" in text
    assert re.search(r"\n4 runs in \d+ s, \d+ runs a minute", text)
    done, running, rest = lines[-1]
    assert (done, running) == ("4", "0")
    assert re.search(r"highest val_accuracy 0\.\d{4}", rest)
    assert any(re.search(r"about \d+ (s|min) left", line[2]) for line in lines)
    assert "1/4 " not in text.partition(" runs done")[0]
    assert " finished val_accuracy " not in text  # no line for each run there
    assert "best: " in text
    assert "next: dlsweep runs" in text


def row(number: int, value: float | None, **more: str) -> Row:
    return Row(number, more.pop("run_id", f"id{number}"), f"run-{number}", **{
        "status": "finished", "config": {}, "value": value, **more,
    })  # fmt: skip


def epoch(n: int) -> EpochMetrics:
    return EpochMetrics(n, 1.0, 0.5, 1.0, 0.5, 0.1, 0.0)


def test_elsewhere_each_run_that_ends_is_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    before = [row(0, 0.7), row(1, None, status="failed", reason="x"), row(2, 0.9, status="waiting")]
    before.append(row(3, None, status="failed", run_id=""))  # was never a configuration
    runs = [Run(n, RunConfig(epochs=2), f"id{n}", f"run-{n}") for n in (2, 4)]
    with LiveProgress(Metric(), before, 5) as progress:
        progress.started(runs)
        clock[0] = 10.0
        progress.epoch(runs[0], epoch(1))
        progress.epoch(runs[1], epoch(1))
        progress.epoch(runs[0], epoch(2))
        progress.ended(row(2, 0.8))  # with half of the other: 1.5 runs in 10 s, 1.5 to go
        progress.ended(row(4, None, status="diverged"))
        progress.ended(row(5, 0.1, status="early_stopped"))
    assert capsys.readouterr().err.splitlines() == [
        "3/5 run-2 finished val_accuracy 0.8000  highest val_accuracy 0.8000  about 10 s left",
        "4/5 run-4 diverged  highest val_accuracy 0.8000  about 5 s left",
        "5/5 run-5 early stopped val_accuracy 0.1000  highest val_accuracy 0.8000  about 0 s left",
    ]


def test_the_best_is_the_smallest_where_that_is_the_goal(capsys: pytest.CaptureFixture[str]):
    with LiveProgress(Metric("val_loss", "minimize"), [], None) as progress:
        for n, value in enumerate((0.5, 0.3, 0.4)):
            progress.ended(row(n, value))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("lowest val_loss ")[1].strip() for line in lines] == [
        "0.5000",
        "0.3000",
        "0.3000",
    ]
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]


def test_the_time_left_of_unequal_runs_is_right(monkeypatch: pytest.MonkeyPatch):
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    sizes = [(h, b) for h in (16, 64, 256) for b in (16, 64, 256)]
    configs = [RunConfig(hidden_size=h, batch_size=b, epochs=3) for h, b in sizes]
    configs.sort(key=cost, reverse=True)
    runs = [Run(n, config, f"id{n}", f"run-{n}") for n, config in enumerate(configs)]
    took = [7 * cost(run.config) + 0.3 for run in runs if isinstance(run.config, RunConfig)]
    left = TimeLeft(len(runs))
    clock[0] = 60.0  # until the first one begins
    left.planned(runs[:5])  # the rest later
    said: list[tuple[float, float]] = []
    for i, run in enumerate(runs):
        left.started([run])
        if i == 3:
            left.planned(runs[5:])
        for n in (1, 2, 3):
            clock[0] += took[i] / 3
            left.epoch(run, n)
        left.ended(run.number)
        said.append((left.seconds() or 0.0, sum(took[i + 1 :])))
    for estimate, truth in said[3:-1]:
        assert truth / 1.5 < estimate < 1.5 * truth
    assert said[-1] == (pytest.approx(0.0, abs=1e-9), 0)


def test_the_time_left_of_programs_is_that_of_their_mean(monkeypatch: pytest.MonkeyPatch):
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    runs = [Run(n, Settings({"x": n}), f"id{n}", f"run-{n}") for n in range(8)]
    left = TimeLeft(8)
    left.planned(runs)
    left.started(runs[:1])
    left.started(runs[1:2])
    assert left.seconds() is None
    clock[0] = 10.0
    left.ended(0)
    left.started(runs[2:3])
    assert left.seconds() == 30.0  # one about to end and one begun, five to go: 0 + 10 + 50, by two


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (89, "89 s"), (600, "10 min"), (7200, "2.0 h")]
)
def test_durations(seconds: float, said: str):
    assert duration(seconds) == said
