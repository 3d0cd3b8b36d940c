"""`dlsweep sweep` with a program of the user's own: what is said, what is kept, what fails how."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from dlsweep.cli import main
from dlsweep.sweep import StudyTable, read_study
from dlsweep.sweep.execution import _choose
from tests.cli.conftest import dlsweep, users_environment
from tests.conftest import REPOSITORY

Refused = Callable[..., list[str]]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="programs of a shell")

BUILTIN = "dlsweep: training dlsweep's built-in networks, many at a time"
PROGRAMS = REPOSITORY / "tests" / "programs"


def write(program: str, parameters: str, name: str = "job.sh", **more: str) -> None:
    """A program in the working directory, and a sweep file ``s.yaml`` that names it."""
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(program)
    words = "[sh, '${program}', '${args}']" if name.endswith(".sh") else None
    keys = {"program": name, "command": words, "method": "grid", **more}
    keys.setdefault("metric", "{name: loss, goal: minimize}")
    lines = [f"{key}: {value}\n" for key, value in keys.items() if value]
    Path("s.yaml").write_text("".join(lines) + f"parameters: {parameters}\n")


def sweep(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    """`dlsweep sweep s.yaml ARGUMENTS` in this process: its output and its errors."""
    capsys.readouterr()
    ended = main(["sweep", "s.yaml", *arguments])
    out, err = capsys.readouterr()
    assert ended == code, err
    return out, err


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What `dlsweep ARGUMENTS` prints."""
    capsys.readouterr()
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def statuses(table: StudyTable) -> list[str]:
    return [row.status for row in table.rows]


# What is run


def test_a_program_runs_in_the_working_directory(folder: Path, capsys: pytest.CaptureFixture[str]):
    write('pwd; echo "$@"', "{x: {value: 1}, y: {value: a b}}", "code/job.sh")
    out, err = sweep(capsys)
    said = "dlsweep: running `sh code/job.sh ${args}` for each point, one at a time"
    assert err.splitlines()[0] == said
    [row] = read_study().rows
    assert Path(row.info["output"]).read_text().splitlines() == [str(folder), "--x=1 --y=a b"]
    assert "next: dlsweep runs s-" in out


@pytest.mark.parametrize(
    ("program", "flag"),
    [
        ("import sys\nfrom dlsweep.cli import train_main\nsys.exit(train_main())\n", []),
        ("print('mine')\n", ["--builtin"]),
    ],
)
def test_what_hands_over_is_built_in_and_so_is_what_a_flag_says(
    program: str, flag: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
):
    builtin = "{dataset: {value: digits}, epochs: {value: 1}, figures: {value: none}}"
    write(program, builtin, "mine.py", metric="{name: val_accuracy, goal: maximize}")
    _, err = sweep(capsys, "--workers", "1", *flag)
    assert err.splitlines()[0] == BUILTIN
    assert read_study().best is not None


def test_a_program_that_is_not_there(refused: Refused):
    write("", "{x: {value: 1}}")
    os.rename("job.sh", "jobs.sh")
    assert refused(main, "sweep", "s.yaml") == [
        "program: job.sh: no such file; did you mean jobs.sh? --builtin trains the built-in "
        "networks instead"
    ]


def test_flags_that_have_no_effect_are_refused(refused: Refused):
    write("", "{dataset: {value: digits}, x: {value: 1}}")
    why = "has no effect on a program; CUDA_VISIBLE_DEVICES says which GPUs it may use"
    assert refused(main, "sweep", "s.yaml", "--device", "cpu") == [f"--device: {why}"]
    assert refused(main, "sweep", "s.yaml", "--timeout", "soon") == [
        "--timeout: got 'soon', expected a number of seconds > 0"
    ]
    write("", "{dataset: {value: digits}}")
    why = "is for programs; the built-in networks are trained here"
    flags = ["--timeout", "9", "--keep-going", "--resume"]
    assert refused(main, "sweep", "s.yaml", "--builtin", *flags) == [
        f"{flag}: {why}" for flag in ("--timeout", "--keep-going", "--resume")
    ]


# Metrics

HOW = """
import json, os, sys
how = sys.argv[1].partition("=")[2]
if how == "code":
    print("no such data\\n", file=sys.stderr)
    sys.exit(3)
if how == "killed":
    os.kill(os.getpid(), 9)
if how == "raises":
    raise ValueError("bad x")
import wandb
run = wandb.init()
if how == "typo":
    run.log({"train_loss": 1.0, "acc": 0.5})
elif how == "by hand":
    run.log({"loss": 9.0})
    run.summary["loss"] = 0.25
else:
    run.log({"loss": 5.0})
    run.log({"loss": len(json.dumps(run.config.how))})
"""


def test_metrics_and_failures_of_any_kind(folder: Path, capsys: pytest.CaptureFixture[str]):
    values = "[[1, x], by hand, code, killed, null, raises, true, typo]"
    write(HOW, f"{{how: {{values: {values}}}}}", "job.py")
    out, err = sweep(capsys, "--workers", "2", "--mirror", "mirror.log")
    assert "running `python job.py ${args}` for each point, 2 at a time; --workers changes" in err
    table = read_study()
    found = {json.dumps(row.config["how"]): row for row in table.rows}
    values = {how: row.value for how, row in found.items()}
    assert values == {
        '[1, "x"]': 8,
        '"by hand"': 0.25,
        '"code"': None,
        '"killed"': None,
        "null": 4,
        '"raises"': None,
        "true": 4,
        '"typo"': None,
    }
    failed = {how: row.reason for how, row in found.items() if row.status == "failed"}
    assert failed == {
        '"code"': "the program ended with exit code 3: no such data",
        '"killed"': "the program was killed (SIGKILL), as happens when memory runs out",
        '"raises"': "the program ended with exit code 1: ValueError: bad x",
    }
    assert {row.status for how, row in found.items() if how not in failed} == {"finished"}
    typo = found['"typo"'].name
    what = f"{typo} ended without logging loss; it logged acc, train_loss; did you mean"
    assert f"dlsweep: {what} 'train_loss'?" in err.splitlines()
    assert "      python job.py '--how=by hand'" in out.splitlines()

    outputs = f"dlsweep.db.output/{table.name}/RUN/output.log"
    line = f"all that each of the 3 failed runs wrote: {outputs}"
    assert line in out.splitlines()
    assert line in shown(capsys, "runs").splitlines()
    for row in table.rows:
        if row.status == "failed":
            assert row.info["output"] == str(folder / outputs.replace("RUN", row.name))
    assert "Traceback" in Path(found['"raises"'].info["output"]).read_text()

    records = list(csv.DictReader(io.StringIO(shown(capsys, "export"))))
    exported = {r["name"]: (r["how"], r["loss"], r["status"]) for r in records}
    assert exported[found['[1, "x"]'].name] == ('[1, "x"]', "8.0", "finished")
    assert exported[found["null"].name][0] == ""
    as_json = json.loads(shown(capsys, "export", "--format", "json"))
    assert {json.dumps(r["config"]["how"]): r["value"] for r in as_json} == values

    shown(capsys, "export", "--format", "optuna", "--output", "export.log")
    for file in ("mirror.log", "export.log"):
        storage = JournalStorage(JournalFileBackend(file))
        [name] = optuna.get_all_study_names(storage)
        study = optuna.load_study(study_name=name, storage=storage)
        assert study.best_value == 0.25
        assert len(study.trials) == 8
        complete = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
        assert sorted(t.values[0] for t in complete) == [0.25, 4, 4, 8]


def test_the_target_ends_the_sweep(folder: Path, capsys: pytest.CaptureFixture[str]):
    program = (
        "import wandb\nrun = wandb.init()\nrun.define_metric('score', summary='max')\n"
        "for value in (run.config.x, 0.0):\n    run.log({'score': value})\n"
    )
    metric = "{name: score.max, goal: maximize, target: 2}"
    write(program, "{x: {values: [1.0, 2.0, 3.0, 4.0]}}", "job.py", metric=metric)
    sweep(capsys, "--workers", "1")
    assert [row.value for row in read_study().rows] == [1.0, 2.0]


def test_a_sweep_without_a_metric_ranks_nothing(capsys: pytest.CaptureFixture[str], folder: Path):
    write("exit 0", "{x: {values: [1, 2]}}", metric="")
    out, err = sweep(capsys)
    assert "the sweep has no metric" in out
    assert "without logging" not in err
    assert statuses(read_study()) == ["finished"] * 2


# Failures

FAILS = "test -e mended || { echo 'no module named data' >&2; exit 1; }"
SIX = "{x: {values: [1, 2, 3, 4, 5, 6]}}"


def test_the_first_five_failures_alike_stop_the_sweep(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    write(FAILS, SIX)
    _, err = sweep(capsys, "--workers", "1", code=1)
    table = read_study()
    reason = "the program ended with exit code 1: no module named data"
    assert err.splitlines()[-3:] == [
        f"error: the first 5 runs failed: {reason}",
        f"       all that x5-4 wrote is in dlsweep.db.output/{table.name}/x5-4/output.log",
        "dlsweep: the same command runs them again; --keep-going goes on whatever fails",
    ]
    assert statuses(table) == ["waiting"] * 5

    _, err = sweep(capsys, "--workers", "1", "--keep-going", code=1)
    assert err.splitlines()[-1] == f"error: all 6 runs failed: {reason}"

    Path("s.yaml").write_text(Path("s.yaml").read_text().replace("6]", "7]"))
    for _ in range(2):  # a program that is not mended stops it again
        _, err = sweep(capsys, "--workers", "2", code=1)
        assert f"error: the first 5 runs failed: {reason}" in err
    ids = [row.run_id for row in read_study().rows]
    Path("mended").touch()
    sweep(capsys, "--workers", "2")
    assert statuses(read_study()) == ["finished"] * 6
    assert [row.run_id for row in read_study().rows][: len(ids)] == ids


def test_failures_that_differ_go_on(folder: Path, capsys: pytest.CaptureFixture[str]):
    write('echo "cannot read $1"; exit 2', "{x: {values: [a, b, c, d, e, f]}}")
    _, err = sweep(capsys, "--workers", "2", code=1)
    assert "error: all 6 runs failed: the program ended with exit code 2: cannot read --x=" in err
    assert statuses(read_study()) == ["failed"] * 6


def test_a_program_that_hangs_has_failed_after_the_timeout(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    write("test $1 = --x=1 || sleep 1000", "{x: {values: [1, 2]}}")
    sweep(capsys, "--timeout", "0.5")
    fine, late = sorted(read_study().rows, key=lambda row: row.config["x"])
    assert fine.status == "finished"
    assert (late.status, late.reason) == ("failed", "the program had not ended after 0.5 s")


# Several at once


def test_two_run_at_once_and_share_the_threads(folder: Path, capsys: pytest.CaptureFixture[str]):
    both = 'touch "$WANDB_RUN_ID.here"; until [ $(ls *.here | wc -l) = 2 ]; do sleep 0.05; done\n'
    write(both + "echo $OMP_NUM_THREADS", "{x: {values: [1, 2]}}")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OMP_NUM_THREADS")
        patch.setattr("torch.get_num_threads", lambda: 8)
        sweep(capsys, "--workers", "2", "--timeout", "60")
    rows = read_study().rows
    assert statuses(read_study()) == ["finished"] * 2
    assert [Path(row.info["output"]).read_text() for row in rows] == ["4\n", "4\n"]


def test_by_default_there_is_one_for_each_core(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(_choose, "_cores", lambda: 3)
    monkeypatch.setattr("dlsweep.training.free_memory", lambda device: None)
    write("exit 0", SIX)
    _, err = sweep(capsys)
    assert "for each point, 3 at a time; --workers changes that" in err


# While it runs


class Command:
    """`dlsweep sweep s.yaml` in a session of its own, as a terminal has it.

    Args:
        arguments: more of them.
        terminal: whether what it prints goes to a terminal.
    """

    def __init__(self, *arguments: str, terminal: bool = False) -> None:
        self._ours, theirs = pty.openpty() if terminal else os.pipe()
        self.text = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dlsweep", "sweep", "s.yaml", *arguments],
            env=users_environment(TERM="xterm", LINES="40"),
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        os.set_blocking(self._ours, False)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds, while the command runs."""
        deadline = time.monotonic() + 90
        while not condition():
            self._read()
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.02)

    def said(self, text: str) -> bool:
        self._read()
        return text in self.text

    def _read(self) -> None:
        try:
            while data := os.read(self._ours, 65536):
                self.text += data.decode(errors="replace")
        except OSError:  # there is no more now, or the terminal is closed
            return

    def end(self) -> int:
        """Wait for the end; the exit code."""
        while self.process.poll() is None:
            self._read()  # else the terminal may be full
            time.sleep(0.02)
        self._read()
        os.close(self._ours)
        return self.process.returncode


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def use(program: str, parameters: str = "{x: {value: 1}}", **more: str) -> None:
    """One of the example programs."""
    write((PROGRAMS / program).read_text(), parameters, program, **more)


def test_the_latest_value_is_seen_while_a_program_runs(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    use("waits.py")
    command = Command(terminal=True)
    command.wait(lambda: command.said("-0: loss 1.0000"))
    command.wait(lambda: "running 1" in re.sub(r"\s+", " ", shown(capsys, "runs")))
    _, line, *_ = shown(capsys, "runs").splitlines()
    assert line.split() == ["s-0", "1.0000", "running", "1"]
    with subprocess.Popen(
        [sys.executable, "-m", "dlsweep", "runs", "--watch"],
        env=users_environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as watch:
        assert watch.stdout is not None
        seen = watch.stdout.readline() + watch.stdout.readline()
        Path("go").touch()
        seen += watch.stdout.read()
    assert command.end() == 0
    assert re.search(r"1\.0000 +running 1", seen)
    assert re.search(r"s-0 +0\.5000\n", seen)
    assert "best: s-0  loss 0.5000" in command.text


def test_stop_and_resume(folder: Path):
    use("waits.py", "{x: {values: [1, 2]}}")
    command = Command("--workers", "1")
    command.wait(lambda: bool(list(folder.glob("wandb/offline-run-*/*.wandb"))))
    assert dlsweep("stop", cwd=folder).returncode == 0
    assert command.end() == 0
    name = read_study().name
    assert command.text.splitlines()[-1] == (
        "dlsweep: stopped with `dlsweep stop`: 0 of 2 runs are done, those that were running are "
        f"run again; `dlsweep resume {name}` lets it go on"
    )
    ids = [row.run_id for row in read_study().rows]
    Path("go").touch()
    assert dlsweep("resume", cwd=folder).returncode == 0
    assert Command().end() == 0
    rows = read_study().rows
    assert [row.value for row in rows] == [0.5, 0.5]
    assert [row.run_id for row in rows][: len(ids)] == ids


def test_ctrl_c_interrupts_the_programs_and_the_same_command_goes_on(folder: Path):
    use("resumes.py", "{x: {value: 1}}")
    command = Command()
    command.wait(lambda: Path("state").exists() and Path("state").read_text() == "2")
    command.process.send_signal(signal.SIGINT)
    assert command.end() == 130
    what, *lines = command.text.splitlines()
    assert "resumes.py ${args}` for each point, one at a time" in what
    assert lines == [
        "dlsweep: the programs were interrupted and have 30 s to end; Ctrl-C again kills them",
        "dlsweep: 0 of 1 runs are done, those that were running are run again; the same command "
        "goes on",
        "interrupted",
    ]
    [row] = read_study().rows
    assert row.status == "waiting"
    [first] = folder.glob("wandb/offline-run-*")
    assert first.name.endswith(row.run_id)

    assert Command("--resume").end() == 0
    [again] = read_study().rows
    assert (again.run_id, again.status) == (row.run_id, "finished")
    assert [epoch["loss"] for epoch in again.history] == [1, 1 / 2, 1 / 3, 1 / 4]
    output = Path(again.info["output"]).read_text()
    assert "resume None with" in output
    assert "resume allow with" in output


def test_a_run_that_was_interrupted_begins_again(folder: Path):
    use("waits.py")
    command = Command()
    command.wait(lambda: bool(list(folder.glob("wandb/offline-run-*/*.wandb"))))
    command.process.send_signal(signal.SIGKILL)
    assert command.end() == -signal.SIGKILL
    [first] = folder.glob("wandb/offline-run-*")
    [row] = read_study().rows
    Path("go").touch()
    assert Command().end() == 0
    [again] = read_study().rows
    assert (again.run_id, again.status) == (row.run_id, "finished")
    assert [epoch["loss"] for epoch in again.history] == [1.0, 0.5]
    [kept] = folder.glob("wandb/offline-run-*")
    assert kept != first


def test_ctrl_c_twice_kills_the_programs(folder: Path):
    use("stubborn.py")
    command = Command()
    command.wait(lambda: Path("pids").exists())
    pids: list[int] = json.loads(Path("pids").read_text())
    command.process.send_signal(signal.SIGINT)
    command.wait(lambda: command.said("Ctrl-C again kills them"))
    assert all(map(alive, pids))
    command.process.send_signal(signal.SIGINT)
    assert command.end() == 130
    deadline = time.monotonic() + 30
    while any(map(alive, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert command.text.splitlines()[-1] == (
        "dlsweep: 0 of 1 runs are done, those that were running are run again; the same command "
        "goes on"
    )
