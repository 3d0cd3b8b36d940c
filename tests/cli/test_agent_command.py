"""`dlsweep agent`, as a user types it."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from dlsweep.cli import main
from dlsweep.config import parse_config, parse_flags
from tests.cli.conftest import dlsweep, users_environment
from tests.conftest import REPOSITORY
from tests.sweep.agent.helpers import kill, workers_of
from tests.tracking.facts import check_confusion, check_run
from tests.wandb_server import Sweep, WandbServer, wandb_cli

TRAIN = str(REPOSITORY / "train.py")
"""A program that hands over to dlsweep, so that the built-in networks are trained."""

SPACE = {
    "dataset": {"value": "digits"},
    "epochs": {"value": 2},
    "hidden_size": {"value": 8},
    "optimizer": {"values": ["sgd", "adam"]},
    "seed": {"values": [1, 2]},
}

WHAT = "dlsweep: training dlsweep's built-in networks, many at a time"

# Minutes of epochs, each of one step: too few steps to be worth compiling for.
LONG = {**SPACE, "epochs": {"value": 20_000}, "batch_size": {"value": 1293}}


def add(server: WandbServer, **more: Any) -> Sweep:
    config = {"method": "grid", "program": TRAIN, "parameters": SPACE, **more}
    return server.add_sweep(config, entity="team", project="plants")


def check_end(out: str, server: WandbServer, sweep: Sweep) -> None:
    """The ranked table, the best run and its command, the sweep's address, what to type next."""
    runs = {server.runs[i].display_name: server.runs[i] for i in sweep.runs}
    values = {name: run.column("val_accuracy")[-1] for name, run in runs.items() if run.history}
    table = [line.split() for line in out.splitlines() if re.match(r" *\d+ +\w", line)]
    ranked = [words[1] for words in table if words[1] in values]
    assert sorted(ranked) == sorted(values)
    assert [values[name] for name in ranked] == sorted(values.values(), reverse=True)
    means = {
        optimizer: fmean(v for n, v in values.items() if runs[n].config["optimizer"] == optimizer)
        for optimizer in {runs[name].config["optimizer"] for name in values}
    }
    winner = max(means, key=means.__getitem__)
    best = next(name for name in ranked if runs[name].config["optimizer"] == winner)
    mean = f"val_accuracy {means[winner]:.4f} on average over its seeds"
    lines = out[out.index(f"\nbest: {best}  {mean}") :].splitlines()[2:]
    words = shlex.split(lines[0])
    assert words[:2] == ["dlsweep", "train"]
    config, _ = parse_config(parse_flags(words[2:])[0])
    wanted, _ = parse_config(runs[best].config)
    places = {"wandb_project": None, "wandb_entity": None, "device": "auto"}
    assert dataclasses.replace(config, **places) == dataclasses.replace(wanted, **places)
    assert lines[2] == f"{server.url}/team/plants/sweeps/{sweep.id}"
    assert lines[3].split("  ")[0] == f"next: dlsweep report team/plants/{sweep.id}"


def test_the_runs_of_a_sweep(wandb_server: WandbServer, tmp_path: Path):
    sweep = add(wandb_server)
    done = dlsweep(
        *("agent", f"team/plants/{sweep.id}", "--workers", "1", "--device", "CPU"),
        cwd=tmp_path,
        **wandb_server.env(),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(f"{WHAT}\n") == 1
    assert "4/4 run" in done.stderr
    check_end(done.stdout, wandb_server, sweep)
    assert done.stdout.endswith("\n4 runs: 4 finished\n")
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
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\n1 run: 1 finished\n")
    assert len(sweep.runs) == 1


def test_runs_that_fail_are_counted_and_no_more_is_said_than_is_true(
    wandb_server: WandbServer, tmp_path: Path
):
    contradictory = {"hidden_size": {"value": [8, 8]}, "num_layers": {"values": [1, 3, 4, 5, 6, 2]}}
    sweep = add(wandb_server, parameters={**SPACE, **contradictory, "seed": {"values": [1]}})
    arguments = ["agent", f"team/plants/{sweep.id}", "--workers", "1", "--count", "150"]
    done = dlsweep(*arguments, cwd=tmp_path, **wandb_server.env())
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\n12 runs: 10 failed, 2 finished\n")
    assert "12/12 run" in done.stderr
    assert "every run so far" not in done.stderr
    states = [wandb_server.runs[run_id].state for run_id in sweep.runs]
    assert (states.count("failed"), states.count("finished")) == (10, 2)


def test_where_everything_fails(wandb_server: WandbServer, tmp_path: Path):
    sweep = add(wandb_server, parameters={**SPACE, "seed": {"values": ["x", "y", "z"]}})
    arguments = ["agent", f"team/plants/{sweep.id}", "--workers", "1", "--stack", "3"]
    done = dlsweep(*arguments, cwd=tmp_path, **wandb_server.env())
    assert done.returncode == 1
    assert "dlsweep: every run so far has failed; the agent stops\n" in done.stderr
    *_, last = done.stderr.splitlines()
    assert last.startswith("error: all 6 runs failed: seed: got ")
    assert len(sweep.runs) == 6


# Workers


@pytest.fixture
def dead_workers(tmp_path: Path) -> dict[str, str]:
    """An environment in which no worker can start."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'execution._worker' in ' '.join(sys.orig_argv):\n"
        "    os.write(2, b'ImportError: libtorch.so\\n')\n"
        "    os._exit(1)\n"
    )
    return {"PYTHONPATH": f"{tmp_path}{os.pathsep}{REPOSITORY}"}


def test_a_worker_that_cannot_start(
    wandb_server: WandbServer, tmp_path: Path, dead_workers: dict[str, str]
):
    sweep = add(wandb_server)
    arguments = ["agent", f"team/plants/{sweep.id}", "--workers", "2"]
    done = dlsweep(*arguments, cwd=tmp_path, **wandb_server.env(), **dead_workers)
    assert (done.returncode, done.stdout) == (1, "")
    reason = "its process ended with exit code 1: ImportError: libtorch.so"
    assert done.stderr == f"{WHAT}\nerror: a worker cannot start: {reason}\n"
    assert sweep.runs == []
    assert wandb_server.agents == {}


def test_a_script_without_a_guard_runs_once(wandb_server: WandbServer, tmp_path: Path):
    sweep = add(wandb_server)
    (tmp_path / "script.py").write_text(
        "import sys\n"
        "import dlsweep\n"
        "print('begins', flush=True)\n"
        "rows = dlsweep.agent(sys.argv[1], count=2, workers=2)\n"
        "print([row.status for row in rows])\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py", f"team/plants/{sweep.id}"],
        cwd=tmp_path,
        env=users_environment(**wandb_server.env()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "begins\n['finished', 'finished']\n"), done.stderr
    assert len(sweep.runs) == 2
    for run_id in sweep.runs:
        check_run(wandb_server.runs[run_id])


@pytest.mark.slow
def test_a_killed_worker_goes_on_from_its_checkpoint(wandb_server: WandbServer, tmp_path: Path):
    fewer = {"epochs": {"value": 5000}, "seed": {"values": [1]}}
    sweep = add(wandb_server, parameters={**LONG, **fewer})
    agent = subprocess.Popen(
        [sys.executable, "-m", "dlsweep", "agent", f"team/plants/{sweep.id}", "--workers", "2"],
        cwd=tmp_path,
        env=users_environment(**wandb_server.env(), TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until = time.monotonic() + 90
        while not list(tmp_path.glob("dlsweep-agent-*/*.safetensors")):
            assert time.monotonic() < until
            time.sleep(0.05)
        kill(workers_of(agent.pid)[0])
        out, err = agent.communicate(timeout=300)
    finally:
        agent.kill()
        agent.wait()
    assert agent.returncode == 0, err
    assert out.endswith("2 runs: 2 finished\n")
    assert re.search(r"its process was killed .*; (run \d|\d runs) again\n", err)
    assert "checkpoint" not in err  # it is used
    for run_id in sweep.runs:
        assert wandb_server.runs[run_id].column("epoch") == list(range(1, 5001))
    assert not list(tmp_path.glob("dlsweep-agent-*"))


# Signals


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
    assert out.endswith("\n4 runs: 4 interrupted\n")
    assert err.count("leaving after the present epoch; Ctrl-C again leaves now\n") == 1
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
            while "Ctrl-C again leaves now" not in agent.stderr.readline():
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
        ("sweep.yaml", "a sweep file; `wandb sweep sweep.yaml` makes a sweep and prints its id"),
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


def test_no_server_at_the_address(folder: Path):
    with WandbServer() as server:
        env = server.env()
    done = dlsweep("agent", "team/plants/abc12345", cwd=folder, **env)
    assert done.returncode == 1
    host = env["WANDB_BASE_URL"].removeprefix("http://")
    assert done.stderr == f"error: W&B: {host} cannot be reached: Connection refused\n"
    assert (REPOSITORY / "train.py").exists()
