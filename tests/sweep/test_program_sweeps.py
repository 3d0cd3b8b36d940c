"""Programs as people write them, swept by the command: killed, finished, sent to W&B, reported."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from dlsweep.sweep import Row, read_study
from dlsweep.tracking import TransactionLog
from tests.cli.conftest import dlsweep, users_environment
from tests.conftest import REPOSITORY
from tests.sweep.program_cases import CASES, PYTHON, SLOW, Case
from tests.wandb_server import WandbServer
from tests.wandb_server._points import points

PROGRAMS = REPOSITORY / "tests" / "programs"
PATIENCE = 240.0
MARK = "DLSWEEP_TEST_MARK"

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        not Path("/proc/self/environ").exists(), reason="looks for processes in /proc"
    ),
]


# The command, its processes, and what it leaves


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by their names, joined by dots, without wandb's own."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        elif prefix or not name.startswith("_"):
            found[prefix + name] = value
    return found


def identity(values: Mapping[str, Any]) -> str:
    """What two equal points have in common, whatever the order of their settings."""
    return json.dumps(flat(values), sort_keys=True)


def processes(mark: str) -> list[str]:
    """The commands of the processes that have inherited a mark."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes():
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found.append(f"{process.name} {command}")
        except OSError:  # it has ended, or is another user's, or no process
            continue
    return found


@dataclass
class Sweeper:
    """`dlsweep sweep` in a folder of its own.

    Attributes:
        folder: has the sweep file and the program.
        flags: of the command.
        mark: what all its processes have in their environment.
    """

    folder: Path
    flags: Sequence[str]
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def command(self) -> list[str]:
        return ["sweep", "own.yaml", *self.flags]

    def kill(self, ready: Callable[[Path, int], bool]) -> None:
        """Begin the sweep, kill its driver -9 when that is ready, and wait for the programs' end.

        Args:
            ready: gets the folder and how many runs have ended.
        """
        driver = subprocess.Popen(
            [sys.executable, "-m", "dlsweep", *self.command],
            cwd=self.folder,
            env=users_environment(**{MARK: self.mark}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        lines: list[str] = []
        assert driver.stderr is not None
        reader = threading.Thread(target=lines.extend, args=[driver.stderr])
        reader.start()
        deadline = time.monotonic() + PATIENCE
        try:
            while not ready(self.folder, sum(line[:1].isdigit() for line in lines)):
                assert driver.poll() is None, "".join(lines)
                assert time.monotonic() < deadline, "".join(lines)
                time.sleep(0.02)
        finally:
            driver.kill()
            driver.wait()
            reader.join()
            driver.stderr.close()
        self.check_no_process()

    def finish(self, code: int) -> str:
        """Go on with the sweep to its end; what was printed."""
        done = dlsweep(*self.command, cwd=self.folder, **{MARK: self.mark})
        assert done.returncode == code, done.stdout + done.stderr
        self.check_no_process()
        return done.stdout

    def check_no_process(self) -> None:
        """Nothing is left of the sweep, after at most a while."""
        deadline = time.monotonic() + 30
        while left := processes(self.mark):
            assert time.monotonic() < deadline, left
            time.sleep(0.05)

    def rows(self) -> list[Row]:
        """The runs of the study, in the order of their numbers."""
        return list(read_study(str(self.folder / "dlsweep.db")).rows)

    def wandb_folders(self) -> list[Path]:
        return list(self.folder.glob("wandb/*run-*"))


Begin = Callable[..., Sweeper]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Make the folder of a sweep; afterwards no process of it is left."""
    sweepers: list[Sweeper] = []

    def make(sweep: Mapping[str, Any], *flags: str, beside: Sequence[str] = ()) -> Sweeper:
        folder = tmp_path / f"own-{len(sweepers)}"
        folder.mkdir()
        (folder / "own.yaml").write_text(yaml.safe_dump(dict(sweep), sort_keys=False))
        for name in (sweep["program"], *beside):
            shutil.copy(PROGRAMS / name, folder)
        sweepers.append(Sweeper(folder, flags))
        return sweepers[-1]

    yield make
    for sweeper in sweepers:
        for process in processes(sweeper.mark):
            os.kill(int(process.split()[0]), signal.SIGKILL)


# The tests


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name, case in CASES.items()
    ],
)
def test_killed_in_the_middle_it_is_finished_sent_and_reported(
    case: Case, begin: Begin, wandb_server: WandbServer
) -> None:
    sweeper = begin(case.sweep(), "--workers", "2", *case.flags, beside=case.beside)
    sweeper.kill(lambda _, ended: ended > 0)
    before = {row.run_id: row for row in sweeper.rows()}
    statuses = [row.status for row in before.values()]
    assert "waiting" in statuses, statuses

    sweeper.finish(case.code)
    rows = sweeper.rows()
    check_rows(case, rows)
    assert before.keys() <= {row.run_id for row in rows}
    for row in rows:
        if before.get(row.run_id, row).status != "waiting":  # it has not been run again
            assert row == before.get(row.run_id, row)
    check_folders(case, sweeper, rows)
    check_sent(case, sweeper, rows, wandb_server)
    check_reports(case, sweeper, rows)


def check_rows(case: Case, rows: Sequence[Row]) -> None:
    """Every point is in the study once, with what it comes to."""
    assert sorted(identity(row.config) for row in rows) == sorted(map(identity, grid(case)))
    for row in rows:
        point = row.config
        assert row.status == case.status(point), row
        expected = case.value(point)
        if expected is not None:
            assert row.value == pytest.approx(expected), row
        elif case.rows is None or row.status == "failed":
            assert row.status != "finished"
            assert row.reason or row.status == "stopped", row
        if case.rows is not None:
            assert len(row.history) == case.rows, row


def grid(case: Case) -> list[dict[str, Any]]:
    """The points of a case, nested as W&B's server would hand them out."""
    return list(points(case.sweep(), random.Random()))


def check_folders(case: Case, sweeper: Sweeper, rows: Sequence[Row]) -> None:
    """Each run has its output and one wandb folder."""
    for row in rows:
        output = Path(row.info["output"])
        place = output.relative_to(sweeper.folder / "dlsweep.db.output")
        assert place.parts[1:] == (row.name, "output.log")
        assert output.is_file()
    folders = [folder.name.rpartition("-")[2] for folder in sweeper.wandb_folders()]
    assert sorted(folders) == sorted(row.run_id for row in rows if case.tracked)
    kept = [Path(row.info["directory"]) for row in rows if "directory" in row.info]
    assert set(kept) == set(sweeper.wandb_folders())


def check_sent(case: Case, sweeper: Sweeper, rows: Sequence[Row], server: WandbServer) -> None:
    """`dlsweep sync` sends each run whole, to a server that knows no such sweep."""
    done = dlsweep("sync", cwd=sweeper.folder, **server.env())
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.unknown == []
    if not case.tracked:
        assert server.runs == {}
        return
    assert server.runs.keys() == {row.run_id for row in rows}
    configs = {identity(point): point for point in grid(case)}
    for row in rows:
        run = server.runs[row.run_id]
        assert run.sweep is None
        assert run.config == {**configs[identity(row.config)], **case.config}
        assert run.display_name == (case.name or row.name)
        if row.status != "failed":
            logged = [dict(logged) for logged in row.history]
            assert [flat(logged) for logged in run.history] == logged
        assert run.state == ("finished" if row.status == "finished" else "failed"), row
    again = dlsweep("sync", cwd=sweeper.folder, **server.env())
    assert f": 0 to send, {len(rows)} sent before" in again.stdout


def check_reports(case: Case, sweeper: Sweeper, rows: Sequence[Row]) -> None:
    """The table, the export and the report have the program's settings and its metric."""
    names = {name for name in rows[0].config if len({str(row.config[name]) for row in rows}) > 1}
    valued = [row for row in rows if row.value is not None]
    shown = dlsweep("runs", cwd=sweeper.folder)
    assert shown.returncode == 0, shown.stderr
    for name in (*names, *([case.metric] if valued else [])):
        assert name in shown.stdout
    exported = dlsweep("export", cwd=sweeper.folder)
    assert exported.returncode == 0, exported.stderr
    found = list(csv.DictReader(io.StringIO(exported.stdout)))
    assert len(found) == len(rows)
    by_name = {row.name: row for row in rows}
    for line in found:
        row = by_name[line["name"]]
        assert row.config.keys() <= line.keys()
        if row.value is not None:
            assert float(line[case.metric]) == row.value
    made = dlsweep("report", "--output", "report.html", cwd=sweeper.folder)
    assert made.returncode == 0, made.stdout + made.stderr
    page = (sweeper.folder / "report.html").read_text()
    for name in (*names, *([case.metric] if valued else [])):
        assert name in page
    text = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    if not any("accuracy" in name for row in rows for name in row.info["logged"]):
        assert "accurac" not in (made.stdout + text).lower()
    assert "dlsweep train" not in text
    assert "train.py --" not in text.replace(f" {case.program} ", " ")


def test_killed_while_two_run_both_are_run_again(begin: Begin) -> None:
    parameters = {"x": {"values": [1, 2, 3]}}
    case = Case("waits.py", parameters, lambda point: 0.5, rows=2, command=PYTHON)
    sweeper = begin(case.sweep(), "--workers", "2")

    def two_have_logged(folder: Path, ended: int) -> bool:
        database = folder / "dlsweep.db"
        logs = folder.glob("wandb/*run-*/*.wandb")
        counts = [len(TransactionLog(path).read()) for path in logs]
        return database.exists() and counts == [1, 1]

    sweeper.kill(two_have_logged)
    assert [row.status for row in sweeper.rows()] == ["waiting", "waiting"]
    killed = set(sweeper.wandb_folders())
    assert len(killed) == 2
    (sweeper.folder / "go").touch()
    sweeper.finish(0)
    check_rows(case, sweeper.rows())
    check_folders(case, sweeper, sweeper.rows())
    assert not killed & set(sweeper.wandb_folders())


def test_a_program_that_is_resumed_is_sent_whole(begin: Begin, wandb_server: WandbServer) -> None:
    parameters = {"x": {"values": [1]}}
    case = Case("resumes.py", parameters, lambda point: 0.25, rows=4)
    sweeper = begin(case.sweep(), "--workers", "1", "--resume")

    def two_rows_are_kept(folder: Path, ended: int) -> bool:
        logs = list(folder.glob("wandb/*run-*/*.wandb"))
        return [len(TransactionLog(path).read()) for path in logs] == [2]

    sweeper.kill(two_rows_are_kept)
    sweeper.finish(0)
    rows = sweeper.rows()
    check_rows(case, rows)
    check_folders(case, sweeper, rows)
    check_sent(case, sweeper, rows, wandb_server)
    [run] = wandb_server.runs.values()
    assert run.column("_step") == [0, 1, 2, 3]
    assert run.column("loss") == [1, 1 / 2, 1 / 3, 1 / 4]


def test_early_termination_sends_sigterm(begin: Begin) -> None:
    case = CASES["terminated early"]
    sweeper = begin(case.sweep(), "--workers", "1")  # the good one first
    shown = sweeper.finish(0)
    rows = sweeper.rows()
    check_rows(case, rows)
    stopped = [row for row in rows if row.status == "stopped"]
    assert len(stopped) == 1
    for row in stopped:
        assert (sweeper.folder / f"terminated-{row.run_id}").read_text() == "SIGTERM"
        assert 2 <= len(row.history) < 3600
    assert len(list(sweeper.folder.glob("terminated-*"))) == 1
    assert "python converges.py --lr=0.5" in shown


@pytest.mark.slow
def test_a_bayes_search_one_at_a_time_can_be_repeated(begin: Begin) -> None:
    sweep = {
        "program": "argparse_train.py",
        "method": "bayes",
        "run_cap": 12,
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {
            "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0},
            "width": {"values": [4, 8, 16]},
        },
    }
    first, second, killed = (begin(sweep, "--workers", "1") for _ in range(3))
    first.finish(0)
    second.finish(0)
    killed.kill(lambda _, ended: ended > 10)
    killed.finish(0)
    rows = first.rows()
    points = [row.config for row in rows]
    assert len({identity(point) for point in points}) == 12
    assert [row.value for row in rows] == pytest.approx([point["lr"] / 3 for point in points])
    assert [row.config for row in second.rows()] == points
    assert [row.value for row in second.rows()] == [row.value for row in rows]
    best = min(rows, key=lambda row: row.config["lr"])
    assert read_study(str(second.folder / "dlsweep.db")).ranked()[0].config == best.config
    # An interrupted search draws what it had not drawn yet anew.
    configs = [row.config for row in killed.rows()]
    assert configs[:11] == points[:11]
    assert len({identity(config) for config in configs}) == 12
    assert {row.status for row in killed.rows()} == {"finished"}
