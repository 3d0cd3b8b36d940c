"""`dlsweep agent` on a W&B sweep of somebody's own program."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import dlsweep, users_environment
from tests.conftest import REPOSITORY
from tests.wandb_server import Sweep, WandbServer, wandb_cli

PROGRAMS = REPOSITORY / "tests" / "programs"
NESTED = {
    "lr": {"values": [0.5, 0.25]},
    "net": {"parameters": {"width": {"values": [8, 16]}}},
}
LOSS = {"name": "loss", "goal": "minimize"}


def add(server: WandbServer, program: str, parameters: dict[str, Any], **more: Any) -> Sweep:
    config = {"method": "grid", "program": program, "metric": LOSS, "parameters": parameters}
    return server.add_sweep({**config, **more}, entity="team", project="plants")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with the programs of tests/programs."""
    folder = tmp_path / "work"
    shutil.copytree(PROGRAMS, folder)
    return folder


def run_agent(
    server: WandbServer, sweep: Sweep, *flags: str, cwd: Path, **env: str
) -> subprocess.CompletedProcess[str]:
    """`dlsweep agent` with the flags, until it ends."""
    name = f"team/plants/{sweep.id}"
    return dlsweep("agent", name, *flags, cwd=cwd, **{**server.env(), **env})


@contextmanager
def started_agent(
    server: WandbServer, sweep: Sweep, *flags: str, cwd: Path
) -> Iterator[subprocess.Popen[str]]:
    """The same while it runs, in a process group of its own as in a terminal."""
    agent = subprocess.Popen(
        [sys.executable, "-m", "dlsweep", "agent", f"team/plants/{sweep.id}", *flags],
        cwd=cwd,
        env=users_environment(**server.env()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield agent
    finally:
        agent.kill()
        agent.communicate()


def processes_in(folder: Path) -> list[str]:
    """The commands of the processes whose working directory is a folder.

    Not the monitor that wandb starts, which ends by itself a second after the service of wandb.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd") == str(folder):
                command = (process / "cmdline").read_text().replace("\0", " ")
                if "wandb-symon" not in command:
                    found.append(command)
        except OSError:  # it has ended
            continue
    return found


def ranked(out: str) -> list[str]:
    """The names in the table of the results, in its order."""
    return [m[1] for line in out.splitlines() if (m := re.match(r" *\d+ +(run\d+) ", line))]


def columns(server: WandbServer, sweep: Sweep, name: str) -> dict[str, list[Any]]:
    return {run_id: server.runs[run_id].column(name) for run_id in sweep.runs}


# Results


def test_the_program_is_run_once_for_each_run_two_at_a_time(
    wandb_server: WandbServer, folder: Path
):
    sweep = add(wandb_server, "argv.py", NESTED)
    with started_agent(wandb_server, sweep, "--workers", "2", cwd=folder) as agent:
        # The programs wait for a file: that both log before it is there shows them side by side.
        wandb_server.wait_for(lambda: _both_log(wandb_server), 90)
        assert len(sweep.runs) == 2
        (folder / "go").touch()
        out, err = agent.communicate(timeout=120)
    assert agent.returncode == 0, err
    assert "dlsweep: running `python argv.py ${args}` for each run\n" in err
    points = [(lr, width) for lr in (0.5, 0.25) for width in (8, 16)]
    assert sorted(wandb_server.runs) == sorted(sweep.runs)
    for run_id in sweep.runs:
        run, point = wandb_server.runs[run_id], sweep.handed_out[run_id]
        points.remove((point["lr"], point["net"]["width"]))
        words = [f"--lr={point['lr']}", f"--net={point['net']}"]
        assert run.config == {**point, "argv": words}
        assert (run.state, run.exit_code, run.sweep) == ("finished", 0, sweep.id)
        assert (run.entity, run.project) == ("team", "plants")
        value = point["lr"] * point["net"]["width"]
        assert run.column("loss") == [1.0, value]
        assert (run.summary["loss"], run.summary["words"]) == (value, "put there by hand")
    assert points == []
    assert wandb_server.unknown == []
    assert sweep.state == "FINISHED"

    last = {run_id: losses[-1] for run_id, losses in columns(wandb_server, sweep, "loss").items()}
    names = ranked(out)
    assert sorted(names) == sorted(last)
    assert [last[name] for name in names] == sorted(last.values())
    lines = out[out.index("\nbest: ") :].splitlines()[1:]
    assert lines[0] == f"best: {names[0]}  loss 2.0000"
    assert lines[1].strip() == """python argv.py --lr=0.25 '--net={'"'"'width'"'"': 8}'"""
    assert lines[3] == f"{wandb_server.url}/team/plants/sweeps/{sweep.id}"
    assert lines[4].startswith(f"next: dlsweep report team/plants/{sweep.id} ")
    assert out.endswith("\n4 runs: 4 finished\n")


def test_the_same_words_and_configurations_as_of_wandb_agent(
    wandb_server: WandbServer, folder: Path
):
    (folder / "go").touch()
    command = ["${env}", "${interpreter}", "${program}", "-v", "${args_no_boolean_flags}"]
    parameters = {**NESTED, "fast": {"values": [True, False]}, "none": {"value": None}}
    parameters["lr"] = {"value": 1e-5}
    configs = []
    for run in (run_agent, _wandb_agent):
        sweep = add(wandb_server, "argv.py", parameters, command=command)
        done = run(wandb_server, sweep, "--count", "4", cwd=folder)
        assert done.returncode == 0, done.stderr or done.stdout
        runs = [wandb_server.runs[run_id] for run_id in sweep.runs]
        configs.append(sorted(json.dumps(run.config, sort_keys=True) for run in runs))
    assert len(configs[0]) == 4
    assert configs[0] == configs[1]


def _wandb_agent(
    server: WandbServer, sweep: Sweep, *flags: str, cwd: Path
) -> subprocess.CompletedProcess[str]:
    env = {**server.env(), "WANDB_DIR": str(cwd)}
    return wandb_cli("agent", *flags, f"team/plants/{sweep.id}", cwd=cwd, env=env)


def test_from_python_no_more_runs_than_asked_for(
    wandb_server: WandbServer, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    import dlsweep as package

    monkeypatch.chdir(folder)
    monkeypatch.setenv("WANDB_DIR", str(folder))
    (folder / "go").touch()
    sweep = add(wandb_server, "argv.py", NESTED, run_cap=10)
    rows = package.agent(f"team/plants/{sweep.id}", count=2, workers=2)
    assert [(row.status, row.value, set(row.config)) for row in rows] == [
        ("finished", wandb_server.runs[row.run_id].summary["loss"], {"lr", "net.width"})
        for row in rows
    ]
    assert sorted(row.run_id for row in rows) == sorted(sweep.runs)
    assert len(rows) == 2
    assert Path(rows[0].info["output"]).is_relative_to(folder / "wandb" / f"sweep-{sweep.id}")


def test_offline_the_runs_are_sent_later(wandb_server: WandbServer, folder: Path):
    (folder / "go").touch()
    sweep = add(wandb_server, "argv.py", NESTED)
    done = run_agent(wandb_server, sweep, "--count", "2", cwd=folder, WANDB_MODE="offline")
    assert done.returncode == 0, done.stderr
    assert wandb_server.runs == {}
    *_, head, command = done.stdout.splitlines()
    assert head == "W&B does not have all of 2 of them; send the rest with:"
    words = command.split()
    assert words[:2] == ["wandb", "sync"]
    synced = wandb_cli(*words[1:], cwd=folder, env=wandb_server.env())
    assert synced.returncode == 0, synced.stdout
    assert sorted(wandb_server.runs) == sorted(sweep.runs)
    for run in wandb_server.runs.values():
        assert (run.sweep, run.state, len(run.history)) == (sweep.id, "finished", 2)


# Failures


def test_a_failed_run_has_its_reason_and_its_output_and_the_others_go_on(
    wandb_server: WandbServer, folder: Path
):
    parameters = {"how": {"values": ["error", "fine", "code"]}}
    sweep = add(wandb_server, "crashes.py", parameters)
    done = run_agent(wandb_server, sweep, "--workers", "2", cwd=folder)
    assert done.returncode == 0, done.stderr
    runs = {sweep.handed_out[i]["how"]: wandb_server.runs[i] for i in sweep.runs}
    assert {how: run.state for how, run in runs.items()} == {
        "error": "failed",
        "fine": "finished",
        "code": "failed",
    }
    assert f"{runs['code'].id} failed the program ended with exit code 7: no such data set" in (
        done.stderr
    )
    where = f"wandb/sweep-{sweep.id}/RUN/output.log"
    assert f"all that each of the 2 failed runs wrote: {where}\n" in done.stdout
    output = (folder / where.replace("RUN", runs["error"].id)).read_text()
    assert "ValueError: width must be\npositive" in output
    assert re.search(r"\n3 runs: (2 failed, 1 finished|1 finished, 2 failed)\n$", done.stdout)


def test_a_metric_that_is_never_logged(wandb_server: WandbServer, folder: Path):
    metric = {"name": "los", "goal": "minimize"}
    space = {"lr": {"values": [0.5]}, "width": {"values": [8]}}
    sweep = add(wandb_server, "argparse_train.py", space, metric=metric)
    done = run_agent(wandb_server, sweep, cwd=folder)
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stderr.splitlines() if "without logging" in line]
    assert line.endswith("ended without logging los; it logged epoch, loss; did you mean 'loss'?")


def test_an_agent_stops_where_the_first_five_runs_fail(wandb_server: WandbServer, folder: Path):
    (folder / "broken.py").write_text("import wandb\nwandb.init()\nraise KeyError('width')\n")
    sweep = add(wandb_server, "broken.py", {"lr": {"values": [*range(20)]}})
    done = run_agent(wandb_server, sweep, "--workers", "2", cwd=folder)
    assert done.returncode == 1
    assert 5 <= len(sweep.runs) <= 6  # another one may be running when the fifth fails
    assert {wandb_server.runs[run_id].state for run_id in sweep.runs} == {"failed"}
    assert done.stderr.count("dlsweep: every run so far has failed; the agent stops\n") == 1
    reason = "the program ended with exit code 1: KeyError: 'width'"
    assert done.stderr.endswith(f"error: all {len(sweep.runs)} runs failed: {reason}\n")
    assert f"wrote: wandb/sweep-{sweep.id}/RUN/output.log\n" in done.stdout


def test_a_program_that_is_not_there(wandb_server: WandbServer, folder: Path):
    before = sorted(folder.rglob("*"))
    sweep = add(wandb_server, "argvv.py", NESTED)
    done = run_agent(wandb_server, sweep, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: sweep team/plants/{sweep.id}: program: argvv.py: no such file; did you mean "
        "argv.py? --builtin trains the built-in networks instead\n"
    )
    assert (sweep.runs, wandb_server.agents) == ([], {})
    assert sorted(folder.rglob("*")) == before


def test_flags_that_have_no_effect_on_a_program(wandb_server: WandbServer, folder: Path):
    sweep = add(wandb_server, "argv.py", NESTED)
    done = run_agent(wandb_server, sweep, "--device", "cpu", "--stack", "3", cwd=folder)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: stack: has no effect on a program; `workers` says how many run at once",
        "error: device: has no effect on a program; CUDA_VISIBLE_DEVICES says which GPUs it may "
        "use",
    ]
    assert sweep.runs == []


def test_the_built_in_networks_whatever_the_program(wandb_server: WandbServer, folder: Path):
    tiny = {"dataset": "digits", "epochs": 1, "hidden_size": 8}
    parameters = {name: {"value": value} for name, value in tiny.items()}
    metric = {"name": "val_accuracy", "goal": "maximize"}
    sweep = add(wandb_server, "gone.py", parameters, metric=metric)
    done = run_agent(wandb_server, sweep, "--builtin", "--workers", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "dlsweep: training dlsweep's built-in networks, many at a time\n" in done.stderr
    [run] = wandb_server.runs.values()
    assert (run.sweep, run.state, len(run.column("val_accuracy"))) == (sweep.id, "finished", 1)


# The end


def test_a_run_that_is_stopped_at_wandb(wandb_server: WandbServer, folder: Path):
    sweep = add(wandb_server, "slow.py", {"lr": {"value": 1}})
    with started_agent(wandb_server, sweep, "--workers", "1", cwd=folder) as agent:
        wandb_server.wait_for(lambda: any(r.history for r in wandb_server.runs.values()), 90)
        wandb_server.stop_run(sweep.runs[0])
        out, err = agent.communicate(timeout=90)
    assert agent.returncode == 0, err
    assert out.endswith("\n1 run: 1 stopped\n")
    assert processes_in(folder) == []
    assert wandb_server.runs[sweep.runs[0]].column("loss")


def test_ctrl_c_interrupts_the_programs(wandb_server: WandbServer, folder: Path):
    sweep = add(wandb_server, "argv.py", NESTED)
    with started_agent(wandb_server, sweep, "--workers", "2", cwd=folder) as agent:
        wandb_server.wait_for(lambda: _both_log(wandb_server), 90)
        os.killpg(agent.pid, signal.SIGINT)  # as a terminal does
        out, err = agent.communicate(timeout=90)
    assert agent.returncode == 130, err
    assert "Traceback" not in err
    told = "dlsweep: the programs were interrupted and have 30 s to end; Ctrl-C again kills them\n"
    assert err.count(told) == 1
    assert out.endswith("\n2 runs: 2 interrupted\n")
    assert processes_in(folder) == []
    for run_id in sweep.runs:  # the program itself has heard it, and said so to W&B
        assert "KeyboardInterrupt" in _output(folder, sweep, run_id)
        assert wandb_server.runs[run_id].exit_code not in (None, 0)


def test_ctrl_c_twice_kills_the_programs(wandb_server: WandbServer, folder: Path):
    sweep = add(wandb_server, "stubborn.py", NESTED)
    with started_agent(wandb_server, sweep, "--workers", "1", cwd=folder) as agent:
        assert agent.stderr is not None
        while not (folder / "pids").exists():
            assert agent.poll() is None
        agent.send_signal(signal.SIGINT)
        while "Ctrl-C again kills them" not in agent.stderr.readline():
            assert agent.poll() is None
        agent.send_signal(signal.SIGINT)
        agent.communicate(timeout=60)
    assert agent.returncode == 130
    assert _ends(folder)


def _both_log(server: WandbServer) -> bool:
    runs: Sequence[Any] = list(server.runs.values())
    return len(runs) == 2 and all(run.history for run in runs)


def _output(folder: Path, sweep: Sweep, run_id: str) -> str:
    return (folder / "wandb" / f"sweep-{sweep.id}" / run_id / "output.log").read_text()


def _ends(folder: Path) -> bool:
    """Wait until no process is left in a folder; the test's own limit ends this."""
    while processes_in(folder):
        os.sched_yield()
    return True
