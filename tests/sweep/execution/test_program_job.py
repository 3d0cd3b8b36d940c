"""Programs as people write them, each run unchanged as a job."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from dlsweep.sweep.execution import (
    Asked,
    Broken,
    Done,
    Event,
    Executor,
    InProcessExecutor,
    Left,
    ProcessExecutor,
    ProgramJob,
    Resumed,
)
from dlsweep.sweep.execution._program_logs import ProgramLogs
from dlsweep.sweep.file import parse_command
from dlsweep.tracking import Outcome, TransactionLog, find_folders, find_logs
from tests.conftest import REPOSITORY
from tests.sweep.execution.test_executors import PATIENCE, drain, ended, epochs, gone
from tests.wandb_server import WandbServer

PROGRAMS = REPOSITORY / "tests" / "programs"


@pytest.fixture
def executor() -> Iterator[Executor]:
    """Two programs at once."""
    executor = InProcessExecutor(2)
    executor.start()
    while executor.free < 2:
        executor.events()
    yield executor
    executor.close()


Make = Callable[..., ProgramJob]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a job of an example program, with the test's folder as working directory."""

    def make(
        number: int, program: str, settings: Any = None, command: Any = None, **more: Any
    ) -> ProgramJob:
        return ProgramJob(
            number,
            parse_command(str(PROGRAMS / program), command, []),
            settings or {},
            **{
                "run_id": f"run{number}",
                "folder": tmp_path / "jobs" / str(number),
                "cwd": tmp_path,
                "metric": "loss",
                **more,
            },
        )

    return make


def outcome(events: Sequence[Event], job: int) -> Outcome:
    """What a program that has not failed came to."""
    assert [event for event in events if event.job == job][-1] == Done(job)
    last = epochs(events, job)[-1]
    assert last.metrics == {}
    return last.ended[0]


def rows(events: Sequence[Event], job: int) -> list[dict[str, Any]]:
    """The rows that were reported, which are numbered from 1."""
    found = [event.metrics[0] for event in epochs(events, job) if event.metrics]
    assert [metrics.epoch for metrics in found] == list(range(1, len(found) + 1))
    return [metrics.as_dict() for metrics in found]


def broken(executor: Executor, job: ProgramJob) -> Broken:
    executor.submit(job)
    event = drain(executor, ended(job.number))[-1]
    assert isinstance(event, Broken)
    return event


def wait_for(path: Path) -> str:
    """The content of a file, once it is there."""
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    return path.read_text()


# The point, the command line and the metrics


def test_a_program_that_parses_flags(executor: Executor, make: Make, tmp_path: Path):
    job = make(
        1,
        "argparse_train.py",
        {"lr": 1e-05, "width": 16},
        environment={"WANDB_PROJECT": "swept", "WANDB_ENTITY": "us", "WANDB_SWEEP_ID": "sw1"},
    )
    executor.submit(job)
    events = drain(executor, ended(1))
    assert rows(events, 1) == [{"epoch": i, "loss": 1e-05 / (i + 1)} for i in range(3)]
    result = outcome(events, 1)
    assert result.status == "finished"
    assert {"epoch": 2, "loss": 1e-05 / 3}.items() <= result.summary.items()
    assert job.output.read_text().splitlines()[-3:] == [
        f"epoch {i}: width 16, loss 0.000" for i in range(3)
    ]
    [path] = find_logs(tmp_path, "run1")
    log = TransactionLog(path)
    log.read()
    assert log.config == {"lr": 1e-05, "width": 16}
    assert log.run is not None
    assert (log.run.id, log.run.name, log.run.sweep_id) == ("run1", "my run", "")
    assert (log.run.project, log.run.entity) == ("swept", "us")
    assert result.info == {
        "output": str(job.output),
        "directory": str(path.parent),
        "project": "swept",
        "entity": "us",
        "logged": ["epoch", "loss"],
    }


ODD = {"lr": 1e-05, "net": {"width": 3, "act": "é 'x'\n"}, "yes": "yes", "none": None, "l": [1, 2]}


def test_a_program_that_reads_its_configuration_only(
    executor: Executor, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("WANDB_DIR")
    job = make(1, "config_only.py", ODD, ["${env}", "${interpreter}", "${program}"])
    executor.submit(job)
    events = drain(executor, ended(1))
    assert rows(events, 1) == [{"loss": 3 * 1e-05}] * 2
    assert outcome(events, 1).summary["loss"] == 3 * 1e-05
    assert json.loads(job.output.read_text()) == ODD
    assert [path.parent.parent for path in find_logs(tmp_path, "run1")] == [tmp_path / "wandb"]


def test_a_shell_script_with_two_programs_in_another_folder(
    executor: Executor, make: Make, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("WANDB_DIR")
    settings = {"lr": 0.5, "width": 4}
    words = ["/bin/sh", "${program}", "${args}"]
    executor.submit(make(1, "train.sh", settings, words, environment={"WANDB_SWEEP_ID": "sw1"}))
    events = drain(executor, ended(1))
    assert rows(events, 1)[2:] == [{"epoch": 2, "loss": 0.5 / 3}, {"test_loss": 0.05}]
    summary, info = outcome(events, 1).summary, outcome(events, 1).info
    assert (summary["loss"], summary["test_loss"]) == (0.5 / 3, 0.05)
    [log] = find_logs(Path(info["directory"]).parents[1], "run1")
    assert info["directory"] == str(log.parent)
    assert "directories" not in info
    assert b"sw1" not in log.read_bytes()


def test_a_program_that_reads_a_json_file(executor: Executor, make: Make):
    words = ["${env}", "${interpreter}", "${program}", "${args_json_file}"]
    executor.submit(make(1, "json_file.py", {"lr": 0.5, "net": {"width": 2}}, words))
    assert rows(drain(executor, ended(1)), 1) == [{"loss": 2.5}]


PYTHON = ["${env}", "${interpreter}", "${program}"]


@pytest.mark.parametrize(
    ("program", "settings", "words", "expected", "config"),
    [
        ("click_train.py", {"lr": 0.5, "batch-size": 4}, None, [{"loss": 2.0, "augmented": 0}], {}),
        (
            "click_train.py",
            {"lr": 1, "augment": True},
            [*PYTHON, "${args_no_boolean_flags}"],
            [{"loss": 32.0, "augmented": 1}],
            {},
        ),
        (
            "key_value.py",
            {"optimizer": "adam", "lr": 1e-05},
            [*PYTHON, "${args_no_hyphens}"],
            [{"loss": 1e-05, "adam": 1}, {"loss": 5e-06, "adam": 1}],
            {},
        ),
        ("forks.py", {"x": None}, PYTHON, [{"loss": 0}, {"loss": 1}, {"loss": 16}], {}),
        ("sklearn_train.py", {"C": 0.01}, PYTHON, None, {"max_iter": 200}),
        ("torch_train.py", {"lr": 0.1, "activation": "tanh"}, None, None, {"hidden_size": 16}),
    ],
)
def test_programs_as_people_write_them(
    executor: Executor,
    make: Make,
    tmp_path: Path,
    program: str,
    settings: dict[str, Any],
    words: list[str] | None,
    expected: list[dict[str, Any]] | None,
    config: dict[str, Any],
):
    modules = {"sklearn_train.py": "sklearn", "click_train.py": "click"}
    pytest.importorskip(modules.get(program, "torch"))
    job = make(1, program, settings, words, environment={"WANDB_SWEEP_ID": "sw1"})
    executor.submit(job)
    events = drain(executor, ended(1))
    result = outcome(events, 1)
    logged = rows(events, 1)
    assert logged
    assert expected is None or logged == expected
    assert logged[-1].items() <= result.summary.items()
    assert set().union(*logged) == {*result.info["logged"]}
    [path] = find_logs(tmp_path, "run1")
    log = TransactionLog(path)
    log.read()
    assert (settings | config).items() <= log.config.items()
    assert b"sw1" not in path.read_bytes()


def test_a_program_uses_its_share_of_the_threads(make: Make, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("torch.get_num_threads", lambda: 7)
    words = ["/bin/sh", "-c", "echo $OMP_NUM_THREADS $MKL_NUM_THREADS $OPENBLAS_NUM_THREADS"]

    def seen(number: int, slots: int, **more: Any) -> str:
        job = make(number, "silent.py", command=words, **more)
        executor = InProcessExecutor(slots)
        executor.start()
        executor.submit(job)
        outcome(drain(executor, ended(number)), number)
        executor.close()
        return job.output.read_text().strip()

    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert seen(1, 2) == "3 3 3"
    assert seen(2, 8) == "1 1 1"
    assert seen(3, 2, environment={"MKL_NUM_THREADS": "5"}) == "3 5 3"
    assert seen(4, 2, environment={"OMP_NUM_THREADS": "2"}) == "2"
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert seen(5, 2) == "4"


def test_a_run_begun_late_with_names_of_its_own(executor: Executor, make: Make, tmp_path: Path):
    environment = {"WANDB_SWEEP_ID": "sw1", "WANDB_PROJECT": "swept", "WANDB_ENTITY": "us"}
    executor.submit(make(1, "late_init.py", environment=environment))
    events = drain(executor, ended(1))
    assert len(rows(events, 1)) == 5
    assert rows(events, 1)[1] == {"val/acc": 0.5, "val.acc": 0.5, "loss": 0.5}
    result = outcome(events, 1)
    assert {"best": 0.8, "val.acc": 0.2, "final.loss": 0.2}.items() <= result.summary.items()
    assert result.info["logged"] == ["best", "final.loss", "loss", "val.acc", "val/acc"]
    assert (result.info["entity"], result.info["project"]) == ("us", "swept")


def test_nested_names_and_a_summary_of_the_program_s_own(executor: Executor, make: Make):
    executor.submit(make(1, "nested_names.py", metric="best"))
    events = drain(executor, ended(1))
    assert rows(events, 1)[2] == {"val.acc": 0.2, "val/f1": 0.1, "best": 0.7}
    summary = outcome(events, 1).summary
    assert {"val.acc": 0.2, "val/f1": 0.1, "best.max": 0.9, "best": 0.7}.items() <= summary.items()


def test_a_program_that_logs_nothing(executor: Executor, make: Make):
    job = make(1, "silent.py")
    executor.submit(job)
    events = drain(executor, ended(1))
    assert (outcome(events, 1).status, outcome(events, 1).summary) == ("finished", {})
    assert outcome(events, 1).info == {"output": str(job.output), "logged": []}
    assert job.output.read_text() == "nothing to log\n"


def test_two_programs_at_once_are_seen_while_they_run(
    executor: Executor, make: Make, tmp_path: Path
):
    executor.submit(make(1, "waits.py"))
    executor.submit(make(2, "waits.py"))
    assert executor.free == 0
    live = drain(executor, lambda found: {event.job for event in found} == {1, 2})
    assert all(event.metrics[0].as_dict() == {"loss": 1.0} for event in epochs(live, 1))
    (tmp_path / "go").touch()
    events = live + drain(executor, ended(1, 2))
    for job in (1, 2):
        assert rows(events, job) == [{"loss": 1.0}, {"loss": 0.5}]
        assert outcome(events, job).summary["loss"] == 0.5


# Programs that fail


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("error", "the program ended with exit code 1: positive"),
        ("code", "the program ended with exit code 7: no such data set"),
        ("signal", "the program was ended by SIGSEGV: some output"),
    ],
)
def test_a_crash_has_the_last_line_of_output(how: str, reason: str, executor: Executor, make: Make):
    job = make(
        1,
        "crashes.py",
        {"how": how},
        ["${interpreter}", "${program}"],
        # wandb, which is silent in other tests, has the last word.
        environment={"WANDB_SWEEP_ID": "sw1", "WANDB_PROJECT": "p", "WANDB_SILENT": "false"},
    )
    event = broken(executor, job)
    assert event.reason == reason
    assert ("Find logs at" in job.output.read_text()) == (how != "signal")
    [log] = find_logs(job.wandb_dir, "run1")
    assert b"sw1" not in log.read_bytes()
    facts = {"output": str(job.output), "directory": str(log.parent), "logged": []}
    of_the_run = {"entity": "", "project": "p"}
    # A signal may come before wandb has written which run it is.
    assert event.info in ([facts, facts | of_the_run] if how == "signal" else [facts | of_the_run])
    assert "some output" in job.output.read_text()
    executor.submit(make(2, "crashes.py", {"how": "not"}, ["${interpreter}", "${program}"]))
    assert outcome(drain(executor, ended(2)), 2).summary["loss"] == 1.0


def test_a_program_that_cannot_be_started(executor: Executor, make: Make, tmp_path: Path):
    end = "the program ended with exit code"
    absent = make(1, "silent.py", command=["no-such-program"])
    assert broken(executor, absent).reason == (
        f"{end} 127: no-such-program: No such file or directory"
    )
    assert broken(executor, make(2, "absent.py")).reason.startswith(f"{end} 2: ")
    job = make(3, "silent.py", cwd=tmp_path / "absent")
    nowhere = broken(executor, job)
    assert nowhere.reason.startswith("FileNotFoundError: ")
    assert nowhere.info == {"output": str(job.output)}


def test_a_program_that_hangs_is_ended_after_its_timeout(executor: Executor, make: Make):
    event = broken(executor, make(1, "hangs.py", timeout=0.5))
    assert event.reason == "the program had not ended after 0.5 s"


# Programs that are told to end


def test_early_termination_asks_for_rows_with_the_metric(executor: Executor, make: Make):
    executor.submit(make(1, "slow.py", asks=True))
    found: list[Event] = []
    while not ended(1)(found):
        for event in executor.events():
            found.append(event)
            if isinstance(event, Asked):
                stop = {0: "stopped"} if event.metrics[0].epoch >= 5 else {}
                executor.answer(1, stop)
    asked = [event.metrics[0] for event in found if isinstance(event, Asked)]
    assert [(m.epoch, m.as_dict()) for m in asked] == [
        (epoch, {"loss": 1 / (i + 1)}) for i, epoch in enumerate([1, 3, 5])
    ]
    assert len(rows(found, 1)) >= 5
    assert outcome(found, 1).status == "stopped"


def test_a_run_is_stopped(executor: Executor, make: Make):
    executor.submit(make(1, "slow.py", environment={"WANDB_SWEEP_ID": "sw1"}))
    found = drain(executor, lambda events: len(epochs(events, 1)) >= 2)
    executor.stop(1, 0, "stopped")
    found += drain(executor, ended(1))
    result = outcome(found, 1)
    assert result.status == "stopped"
    assert "loss" in result.summary
    assert result.info["logged"] == ["loss", "other"]
    log = Path(result.info["directory"]) / "run-run1.wandb"
    assert b"sw1" not in log.read_bytes()
    assert [row.values for row in TransactionLog(log).read()] == rows(found, 1)


def test_programs_that_are_left_are_interrupted_and_killed_if_that_takes_long(
    executor: Executor, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("dlsweep.sweep.execution._program.LEAVE_SECONDS", 0.5)
    job = make(1, "hangs.py")
    executor.submit(job)
    executor.submit(make(2, "stubborn.py"))
    pids = json.loads(wait_for(tmp_path / "pids"))
    while "begun" not in wait_for(job.output):
        executor.events(0.02)
    executor.leave()
    events = drain(executor, ended(1, 2))
    assert {Left(1), Left(2)} <= set(events)
    assert (tmp_path / "interrupted").exists()
    assert gone(pids)


def test_a_stopped_program_that_ignores_it_is_killed(
    executor: Executor, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("dlsweep.sweep.execution._program.LEAVE_SECONDS", 0.5)
    executor.submit(make(1, "stubborn.py"))
    pids = json.loads(wait_for(tmp_path / "pids"))
    executor.stop(1, 0, "stopped")
    assert outcome(drain(executor, ended(1)), 1).status == "stopped"
    assert gone(pids)


# No process is left


@pytest.mark.parametrize("processes", [False, True])
def test_dropping_and_closing_end_all_processes(
    processes: bool, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("dlsweep.sweep.execution._program.LEAVE_SECONDS", 10**6)
    executor: Executor = ProcessExecutor(1) if processes else InProcessExecutor()
    executor.start()
    executor.submit(make(1, "stubborn.py"))
    dropped = json.loads(wait_for(tmp_path / "pids"))
    executor.drop(1)
    assert isinstance(drain(executor, ended(1))[-1], Broken)
    assert gone(dropped)
    (tmp_path / "pids").unlink()
    executor.start()
    executor.submit(make(2, "stubborn.py"))
    closed = json.loads(wait_for(tmp_path / "pids"))
    executor.stop(2, 0, "stopped")  # while it is given time to end
    executor.close()
    assert gone(closed)


def test_what_a_program_leaves_behind_is_ended(executor: Executor, make: Make, tmp_path: Path):
    words = ["${interpreter}", "${program}", "--leaves-child"]
    executor.submit(make(1, "stubborn.py", command=words))
    assert outcome(drain(executor, ended(1)), 1).status == "finished"
    assert gone(json.loads((tmp_path / "pids").read_text()))


DRIVER = """
import sys
from pathlib import Path
from dlsweep.sweep.execution import InProcessExecutor, ProgramJob
from dlsweep.sweep.file import Command

folder = Path(sys.argv[1])
executor = InProcessExecutor()
executor.start()
executor.submit(ProgramJob(1, Command(program=sys.argv[2]), {}, "run1", folder / "job", folder))
while True:
    executor.events()
"""


def test_programs_end_with_their_driver(tmp_path: Path):
    program = str(PROGRAMS / "stubborn.py")
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path), program])
    pids = json.loads(wait_for(tmp_path / "pids"))
    assert not any(os.getpgid(pid) == os.getpgid(driver.pid) for pid in pids)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert gone(pids)


# Again


def killed_at_once(folder: Path) -> None:
    """What wandb leaves of a run whose program is killed before it has written anything."""
    (folder / "wandb" / "offline-run-20200101_000000-again" / "files").mkdir(parents=True)


def test_a_run_that_is_run_again_begins_anew(executor: Executor, make: Make, tmp_path: Path):
    executor.submit(make(1, "resumes.py", run_id="again"))
    drain(executor, lambda events: len(epochs(events, 1)) == 2)
    executor.drop(1)
    drain(executor, ended(1))
    [before] = find_logs(tmp_path, "again")
    killed_at_once(tmp_path)
    executor.start()
    job = make(2, "resumes.py", run_id="again", folder=tmp_path / "jobs" / "1")
    executor.submit(job)
    events = drain(executor, ended(2))
    assert rows(events, 2) == [{"loss": 1 / 3}, {"loss": 1 / 4}]
    [after] = find_folders(tmp_path, "again")
    assert after != before.parent
    assert job.output.read_text().count("resume None") == 1


def test_a_run_goes_on_where_it_was_interrupted(executor: Executor, make: Make, tmp_path: Path):
    more = {"run_id": "again", "folder": tmp_path / "jobs" / "1", "resume": True}
    executor.submit(make(1, "resumes.py", **more))
    drain(executor, lambda events: len(epochs(events, 1)) == 2)
    executor.drop(1)
    drain(executor, ended(1))
    killed_at_once(tmp_path)
    executor.start()
    job = make(2, "resumes.py", **more)
    executor.submit(job)
    resumed, *events = drain(executor, ended(2))
    assert isinstance(resumed, Resumed)
    history = [(m.epoch, m.as_dict()) for m in resumed.histories[0]]
    history += [(m.epoch, m.as_dict()) for e in epochs(events, 2) for m in e.metrics.values()]
    assert history == [(i, {"loss": 1 / i}) for i in range(1, 5)]
    assert outcome(events, 2).summary["loss"] == 1 / 4
    assert len(find_folders(tmp_path, "again")) == 1
    assert job.output.read_text().count("resume allow") == 2


def test_the_service_of_this_process_is_not_for_programs(
    executor: Executor, make: Make, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WANDB_SERVICE", "3-1-unix-/nowhere")
    executor.submit(make(1, "config_only.py", {"lr": 2, "net": {"width": 3}}))
    assert rows(drain(executor, ended(1)), 1) == [{"loss": 6}] * 2


def test_a_program_sees_the_variables_of_its_job(executor: Executor, make: Make):
    words = ["/bin/sh", "-c", "echo $0 $GPU $WANDB_RUN_ID; readlink /proc/$$/fd/0", "${envvar:GPU}"]
    job = make(1, "silent.py", command=words, environment={"GPU": "3"})
    executor.submit(job)
    outcome(drain(executor, ended(1)), 1)
    assert job.output.read_text() == "3 3 run1\n/dev/null\n"


def test_the_id_of_a_sweep_that_wandb_knows_stays(executor: Executor, make: Make, tmp_path: Path):
    variables = {"WANDB_SWEEP_ID": "sw1"}
    executor.submit(make(1, "argparse_train.py", environment=variables, local_sweep=False))
    outcome(drain(executor, ended(1)), 1)
    [path] = find_logs(tmp_path, "run1")
    log = TransactionLog(path)
    log.read()
    assert log.run is not None
    assert log.run.sweep_id == "sw1"


def test_a_local_sweep_that_is_online(
    executor: Executor, make: Make, wandb_server: WandbServer, tmp_path: Path
):
    variables = {"WANDB_MODE": "online", "WANDB_PROJECT": "swept", "WANDB_SWEEP_ID": "sw1"}
    settings = {"lr": 2, "net": {"width": 3}}
    executor.submit(make(1, "config_only.py", settings, PYTHON, environment=variables))
    events = drain(executor, ended(1))
    assert rows(events, 1) == [{"loss": 6}] * 2
    info = outcome(events, 1).info
    run = wandb_server.runs["run1"]
    assert (run.config, run.sweep, run.state) == (settings, None, "finished")
    assert (info["entity"], info["project"]) == ("", run.project)
    assert run.column("loss") == [6, 6]


def test_a_run_of_a_sweep_that_wandb_knows_is_online(
    executor: Executor, make: Make, wandb_server: WandbServer
):
    sweep = wandb_server.add_sweep({}, project="swept")
    variables = {"WANDB_MODE": "online", "WANDB_PROJECT": "swept", "WANDB_SWEEP_ID": sweep.id}
    more = {"environment": variables, "local_sweep": False}
    executor.submit(make(1, "argparse_train.py", {"lr": 0.5}, **more))
    outcome(drain(executor, ended(1)), 1)
    run = wandb_server.runs["run1"]
    assert (run.sweep, run.project, run.config) == (sweep.id, "swept", {"lr": 0.5, "width": 8})


def test_a_log_that_wandb_had_only_begun_is_not_to_be_sent(tmp_path: Path):
    logs = ProgramLogs(tmp_path, "run1")
    folder = tmp_path / "wandb" / "offline-run-20260101_000000-run1"
    folder.mkdir(parents=True)
    (folder / "run-run1.wandb").write_bytes(b":W&B\xbe\xe1\x00")
    assert logs.read(last=True) == []
    assert "directory" not in logs.info()
