"""`dlsweep agent`, as a user types it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlsweep.cli import main
from tests.cli.conftest import dlsweep, users_environment
from tests.conftest import REPOSITORY
from tests.tracking.facts import check_confusion, check_run
from tests.wandb_server import Sweep, WandbServer, wandb_cli

SPACE = {
    "dataset": {"value": "digits"},
    "epochs": {"value": 2},
    "hidden_size": {"value": 8},
    "optimizer": {"values": ["sgd", "adam"]},
    "seed": {"values": [1, 2]},
}

# Minutes of epochs, each of one step: too few steps to be worth compiling for.
LONG = {**SPACE, "epochs": {"value": 20_000}, "batch_size": {"value": 1293}}


def add(server: WandbServer, **more: Any) -> Sweep:
    config = {"method": "grid", "program": "train.py", "parameters": SPACE, **more}
    return server.add_sweep(config, entity="team", project="plants")


def test_the_runs_of_a_sweep(wandb_server: WandbServer, tmp_path: Path):
    sweep = add(wandb_server, program="classify.py")
    done = dlsweep(
        *("agent", f"team/plants/{sweep.id}", "--workers", "1", "--device", "CPU"),
        cwd=tmp_path,
        **wandb_server.env(),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "4 runs: 4 finished\n"
    told = "the sweep's program, classify.py, is not run: dlsweep trains its runs itself"
    assert done.stderr.count(told) == 1
    assert "4/4 run" in done.stderr
    for run_id in sweep.runs:
        run = wandb_server.runs[run_id]
        assert check_run(run).device == "cpu"
        assert run.sweep == sweep.id
        check_confusion(run, "test")
    assert wandb_server.unknown == []


def test_no_more_runs_than_asked_for(wandb_server: WandbServer, tmp_path: Path):
    sweep = add(wandb_server)
    arguments = ["--count", "1", "--stack", "3", "-e", "team", "-p", "plants", "--workers", "1"]
    done = dlsweep("agent", sweep.id, *arguments, cwd=tmp_path, **wandb_server.env())
    assert (done.returncode, done.stdout) == (0, "1 run: 1 finished\n")
    assert len(sweep.runs) == 1


@pytest.mark.parametrize(
    "kind", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_signal_gives_the_runs_back(wandb_server: WandbServer, tmp_path: Path, kind: int):
    sweep = add(wandb_server, parameters=LONG)
    agent = subprocess.Popen(
        [sys.executable, "-m", "dlsweep", "agent", f"team/plants/{sweep.id}", "--workers", "2"],
        cwd=tmp_path,
        env=users_environment(**wandb_server.env()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wandb_server.wait_for(lambda: any(r.history for r in wandb_server.runs.values()), 90)
        if kind == signal.SIGINT:
            os.killpg(agent.pid, kind)  # as a terminal does: to every process
        else:
            agent.send_signal(kind)
        out, err = agent.communicate(timeout=90)
    finally:
        agent.kill()
        agent.wait()
    assert agent.returncode == 128 + kind, err
    assert out == "4 runs: 4 interrupted\n"
    assert "the runs end with this epoch and go back to the sweep" in err
    assert "Traceback" not in err
    runs = [wandb_server.runs[run_id] for run_id in sweep.runs]
    assert {(run.state, run.exit_code) for run in runs} == {("preempted", 128 + kind)}
    assert sorted(sweep.preempted) == sorted(sweep.runs)


@pytest.mark.slow
def test_twice_ctrl_c_is_now_and_nothing_is_lost(wandb_server: WandbServer, tmp_path: Path):
    sweep = add(wandb_server, parameters=LONG)
    with wandb_server.fail("hang", only="file_stream"):
        agent = subprocess.Popen(
            [sys.executable, "-m", "dlsweep", "agent", f"team/plants/{sweep.id}", "--workers", "2"],
            cwd=tmp_path,
            env=users_environment(**wandb_server.env()),
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            until = time.monotonic() + 90
            while sum(f.stat().st_size for f in tmp_path.glob("wandb/run-*/*.wandb")) < 2**18:
                assert time.monotonic() < until
                time.sleep(0.05)
            agent.send_signal(signal.SIGINT)
            assert agent.stderr is not None
            while "Ctrl-C ends them now" not in agent.stderr.readline():
                pass
            agent.send_signal(signal.SIGINT)
            _, err = agent.communicate(timeout=60)
        finally:
            agent.kill()
            agent.wait()
    assert agent.returncode == 130
    assert "interrupted; `wandb sync` uploads what W&B does not have yet" in err
    folders = [str(path) for path in (tmp_path / "wandb").glob("run-*")]
    done = wandb_cli("sync", "--include-online", *folders, cwd=tmp_path, env=wandb_server.env())
    assert done.returncode == 0, done.stdout
    assert len(wandb_server.runs) == 4
    assert any(run.history for run in wandb_server.runs.values()), done.stdout


# Bad input


def test_without_an_account(refused: Callable[..., list[str]], without_mode: None):
    account = "agent: no W&B account is set up here; see `wandb login`"
    assert refused(main, "agent", "team/plants/abc12345") == [account]


def test_flags_are_looked_at_together(refused: Callable[..., list[str]]):
    problems = refused(
        *(main, "agent", "a/b/c/d", "--stack", "0", "--count", "x", "--device", "tpu"),
        "--worker",
    )
    assert problems[0] == "--worker: no such flag; did you mean --workers?"
    assert problems[1].startswith("--stack: got '0', expected")
    assert problems[2].startswith("--count: got 'x', expected")
    assert problems[3].startswith("device: got 'tpu'")
    assert len(problems) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a/b/c/d", "expected ID, PROJECT/ID or ENTITY/PROJECT/ID"),
        ("sweep.yaml", "a sweep file; `wandb sweep sweep.yaml` makes a sweep and says its id"),
    ],
)
def test_a_malformed_sweep_id(refused: Callable[..., list[str]], text: str, said: str):
    assert refused(main, "agent", text) == [f"sweep id: got {text!r}, {said}"]


def test_a_sweep_that_is_not_there(refused: Callable[..., list[str]], wandb_server: WandbServer):
    host = wandb_server.url.removeprefix("http://")
    [problem] = refused(main, "agent", "team/plants/nothing")
    assert problem == f"sweep id: there is no sweep team/plants/nothing at {host}"


def test_a_sweep_with_settings_that_there_are_not(
    refused: Callable[..., list[str]], wandb_server: WandbServer
):
    more = {"optimiser_kind": {"value": 1}, "net": {"parameters": {"widht": {"values": [1]}}}}
    sweep = add(wandb_server, parameters={**SPACE, **more})
    problems = refused(main, "agent", f"team/plants/{sweep.id}")
    assert [problem.partition(";")[0] for problem in sorted(problems)] == [
        f"sweep team/plants/{sweep.id}: net.widht: no such setting",
        f"sweep team/plants/{sweep.id}: optimiser_kind: no such setting",
    ]
    assert sweep.runs == []


def test_nobody_at_the_address(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with WandbServer() as server:
        env = server.env()
    done = dlsweep("agent", "team/plants/abc12345", cwd=folder, **env)
    assert done.returncode == 1
    host = env["WANDB_BASE_URL"].removeprefix("http://")
    assert done.stderr == f"error: W&B: {host} cannot be reached: Connection refused\n"
    assert (REPOSITORY / "train.py").exists()
