"""`dlsweep sync`: a study's offline runs, sent by the real `wandb sync` to a server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dlsweep.cli import main
from dlsweep.sweep import read_study
from tests.cli.conftest import dlsweep, users_environment
from tests.tracking.facts import check_confusion, check_run
from tests.wandb_server import WandbServer

SWEEP = """
name: beds
project: plants
method: grid
parameters:
  dataset: {value: digits}
  epochs: {value: 2}
  hidden_size: {value: 8}
  optimizer: {values: [sgd, adam]}
  seed: {values: [1, 2]}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study of four offline runs, moved from where it was made; to be copied."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "sweep.yaml").write_text(SWEEP)
    done = dlsweep("sweep", "sweep.yaml", "--workers", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder.rename(folder.with_name(f"{folder.name}-moved"))  # it may be made again


@pytest.fixture
def study(trained: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    folder = tmp_path / "moved"
    shutil.copytree(trained, folder, symlinks=True)
    return folder


def check_all(server: WandbServer, folder: Path) -> None:
    """Every run of the study is at the server, whole; with the run that shows the data."""
    study = read_study(str(folder / "dlsweep.db")).rows
    runs = {run.id: run for run in server.runs.values() if run.job_type != "data"}
    assert len(runs) == len(study) == 4
    for row in study:
        run = runs[row.run_id]
        check_run(run)
        assert (run.project, run.display_name) == ("plants", row.name)
        assert str(run.group).startswith("beds-")
        assert run.summary["test_accuracy"] == row.summary["test_accuracy"]
        check_confusion(run, "val")
        check_confusion(run, "test")
        assert any(name.startswith("media/images/") for name in run.files)
    [data] = [run for run in server.runs.values() if run.job_type == "data"]
    assert data.group in {run.group for run in runs.values()}
    assert server.unknown == []


def test_all_runs_of_a_study_once(study: Path, wandb_server: WandbServer):
    env = wandb_server.env()
    dry = dlsweep("sync", "--dry-run", cwd=study, **env)
    assert dry.returncode == 0
    *folders, counts = dry.stdout.splitlines()
    assert sorted(folders) == sorted(f"wandb/{p.name}" for p in study.glob("wandb/offline-run-*"))
    assert counts.endswith(": 5 would be sent")
    assert wandb_server.requests == []

    done = dlsweep("sync", cwd=study, **env)
    assert done.returncode == 0, done.stderr
    counts, place = done.stdout.splitlines()
    assert counts.startswith("study beds-")
    assert counts.endswith(": 5 sent")
    assert place == f"to your account/plants at {wandb_server.url}"
    check_all(wandb_server, study)

    asked = len(wandb_server.requests)
    again = dlsweep("sync", cwd=study, **env)
    assert again.returncode == 0
    assert again.stdout.splitlines()[0].endswith(": 0 to send, 5 sent before")
    assert len(wandb_server.requests) == asked


def test_elsewhere_and_again(study: Path, wandb_server: WandbServer):
    env = wandb_server.env()
    arguments = ["--project", "beds", "--entity", "team", "-n", "2"]
    done = dlsweep("sync", "beds", *arguments, cwd=study, **env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1] == f"to team/beds at {wandb_server.url}"
    assert {(run.entity, run.project) for run in wandb_server.runs.values()} == {("team", "beds")}
    wandb_server.runs.clear()
    wandb_server.artifacts.clear()
    again = dlsweep("sync", "--again", cwd=study, **env)
    assert again.stdout.splitlines()[0].endswith(": 5 sent, 5 sent before")
    check_all(wandb_server, study)


@pytest.mark.parametrize("kind", [500, 429, "refuse"])
def test_a_server_that_fails_for_a_while(study: Path, wandb_server: WandbServer, kind):
    wandb_server.fail(kind, times=6)
    done = dlsweep("sync", cwd=study, **wandb_server.env())
    assert done.returncode == 0, done.stdout + done.stderr
    check_all(wandb_server, study)


def test_what_is_refused_is_not_said_to_be_sent(study: Path, wandb_server: WandbServer):
    env = wandb_server.env()
    with wandb_server.fail(404, only="UpsertBucket"):
        done = dlsweep("sync", cwd=study, **env)
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].endswith(": 5 not sent")
    assert done.stderr.count("error: not sent: wandb/offline-run-") == 5
    assert "the same command goes on" in done.stderr
    assert dlsweep("sync", cwd=study, **env).returncode == 0
    check_all(wandb_server, study)


def test_killed_in_the_middle_it_goes_on(study: Path, wandb_server: WandbServer):
    with wandb_server.fail("hang", only="file_stream"):
        sync = subprocess.Popen(
            [sys.executable, "-m", "dlsweep", "sync", "-n", "2"],
            cwd=study,
            env=users_environment(**wandb_server.env()),
            start_new_session=True,
        )
        wandb_server.wait_for(lambda: wandb_server.requests.count("file_stream") >= 2, 90)
        os.killpg(sync.pid, signal.SIGKILL)
        sync.wait()
    assert not list(study.glob("wandb/*/*.synced"))
    done = dlsweep("sync", cwd=study, **wandb_server.env())
    assert done.returncode == 0, done.stderr
    check_all(wandb_server, study)


def test_folders_that_are_gone_are_named(study: Path, wandb_server: WandbServer):
    for folder in study.glob("wandb/offline-run-*"):
        shutil.rmtree(folder)
    done = dlsweep("sync", cwd=study, **wandb_server.env())
    assert done.returncode == 1
    assert done.stderr.count("is not there any more") == 5
    assert done.stdout.splitlines()[0].endswith(": 0 to send, 5 not there")


# Bad input


def test_without_an_account(study: Path):
    done = dlsweep("sync", cwd=study)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: sync: no W&B account is set up here; see `wandb login`\n"


def test_a_study_that_is_not_there(study: Path):
    done = dlsweep("sync", "bed", cwd=study)
    assert done.returncode == 2
    assert "study: got 'bed', no such study; did you mean 'beds'?" in done.stderr


def test_flags_are_checked(refused: Callable[..., list[str]]):
    [problem] = refused(main, "sync", "--parallel", "0")
    assert problem.startswith("--parallel: got '0', expected")
