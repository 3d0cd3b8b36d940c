"""train.py as a user runs it: with and without an account, and never a question."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlsweep.cli import train_main
from dlsweep.saved import load_model
from tests.cli.conftest import train_py
from tests.tracking.facts import check_confusion, check_run
from tests.wandb_server import WandbServer, wandb_cli

TINY = ["-d", "digits", "-e", "1", "-sz", "8"]
SUMMARY = re.compile(
    r"(\w+): best_val_accuracy (\d\.\d{4}) \(epoch (\d+) of (\d+)\), test_accuracy (\d\.\d{4}), "
    r"([\d,]+) parameters"
)

# The course's published command, word for word but for the data set.
COURSE = (
    "-wp P -we E -d digits -e 10 -b 64 -l cross_entropy -o nadam -lr 0.001 -m 0.9 -beta 0.9 "
    "-beta1 0.9 -beta2 0.999 -eps 1e-8 -w_d 0 -w_i Xavier -nhl 5 -sz 128 -a tanh"
)


@pytest.fixture(scope="module")
def server() -> Iterator[WandbServer]:
    with WandbServer() as server:
        yield server


@pytest.fixture(scope="module")
def offline(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """The course's command, by somebody without an account."""
    folder = tmp_path_factory.mktemp("offline")
    return train_py(*COURSE.split(), cwd=folder), folder


@pytest.fixture(scope="module")
def online(
    server: WandbServer, tmp_path_factory: pytest.TempPathFactory
) -> subprocess.CompletedProcess[str]:
    """A run that diverges, by somebody with an account."""
    wild = "-d digits -e 3 -sz 8 -o sgd --lr=1e30 -wd 0.5 -we team --wandb-project plants"
    return train_py(*wild.split(), cwd=tmp_path_factory.mktemp("online"), **server.env())


def test_without_an_account_one_line_says_where_the_run_is(offline):
    done, folder = offline
    assert done.returncode == 0
    [line] = done.stderr.splitlines()
    why, _, path = line.partition("; upload it with: wandb sync ")
    assert why == "dlsweep: no W&B account is set up here, so runs are kept offline"
    assert Path(path).parent == folder / "wandb"
    assert list(Path(path).glob("run-*.wandb"))


def test_the_last_line_is_the_result(offline):
    done, _ = offline
    *epochs, last = done.stdout.splitlines()
    assert [line[:11] for line in epochs] == [f"epoch {n:>2}/10" for n in range(1, 11)]
    found = SUMMARY.fullmatch(last)
    assert found
    status, val, best_epoch, of, test, parameters = found.groups()
    assert (status, of) == ("finished", "10")
    shown = [re.search(r"val_accuracy (\S+)", line) for line in epochs]
    assert val == max(match[1] for match in shown if match)
    assert shown[int(best_epoch) - 1][1] == val
    assert float(val) > 0.8
    assert float(test) > 0.8
    assert parameters == f"{64 * 128 + 128 + 4 * (128 * 128 + 128) + 128 * 10 + 10:,}"


def test_the_run_is_uploaded_by_the_command_that_the_line_names(offline, server: WandbServer):
    done, folder = offline
    path = done.stderr.split("wandb sync ")[1].strip()
    synced = wandb_cli("sync", "--yes", path, cwd=folder, env=server.env())
    assert synced.returncode == 0, synced.stdout
    [run] = [run for run in server.runs.values() if run.project == "P"]
    assert run.entity == "E"
    config = check_run(run)
    assert run.config == config.as_dict()
    assert (config.optimizer, config.weight_init, config.hidden_sizes) == (
        "nadam",
        "xavier",
        (128,) * 5,
    )
    check_confusion(run, "val")
    check_confusion(run, "test")


def test_with_an_account_the_run_is_online_and_may_diverge(
    online: subprocess.CompletedProcess[str], server: WandbServer
):
    assert online.returncode == 0
    [run] = [run for run in server.runs.values() if run.project == "plants"]
    assert run.entity == "team"
    assert check_run(run, status="diverged").learning_rate == 1e30
    last = SUMMARY.fullmatch(online.stdout.splitlines()[-1])
    assert last
    assert last[1] == "diverged"
    assert "wandb sync" not in online.stderr
    assert "Traceback" not in online.stderr
    assert server.unknown == []


# WANDB_MODE, in this process


def test_wandb_mode_offline_wins_over_an_account(
    folder: Path,
    wandb_server: WandbServer,
    account: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    account.setenv("WANDB_MODE", "offline")
    assert train_main(TINY) == 0
    [line] = capsys.readouterr().err.splitlines()
    path = line.removeprefix("dlsweep: this run is kept offline; upload it with: wandb sync ")
    assert list(Path(path).glob("run-*.wandb"))
    assert wandb_server.runs == {}


def test_wandb_mode_disabled_wins_over_an_account(
    folder: Path,
    wandb_server: WandbServer,
    account: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    account.setenv("WANDB_MODE", "disabled")
    assert train_main(TINY) == 0
    out, err = capsys.readouterr()
    assert SUMMARY.fullmatch(out.splitlines()[-1])
    assert err == ""
    assert list(folder.iterdir()) == []
    assert wandb_server.runs == {}


@pytest.mark.usefixtures("folder")
def test_wandb_mode_online_wins_over_having_no_account(
    without_mode: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("WANDB_MODE", "online")
    assert train_main(TINY) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith("error: W&B: No API key configured.")
    assert "Traceback" not in err


@pytest.mark.usefixtures("folder")
def test_help_lists_every_setting(capsys: pytest.CaptureFixture[str]):
    from dlsweep.config import SETTINGS

    with pytest.raises(SystemExit) as ended:
        train_main(["--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert all(f"--{name}" in out for name in SETTINGS)


def test_doubtful_settings_get_a_notice_and_training_goes_on(tmp_path: Path) -> None:
    settings = ["--batch_size", "5000", "-lr", "100", "--early_stopping", "4", "--epochs", "1"]
    done = train_py("--dataset", "digits", "--figures", "none", *settings, cwd=tmp_path)
    assert done.returncode == 0
    said = [line for line in done.stderr.splitlines() if line.startswith("dlsweep: ")]
    assert [line.split()[1] for line in said[:3]] == [
        "learning_rate:",
        "batch_size:",
        "early_stopping:",
    ]
    assert "is more than the 1,293 training images" in said[1]


def test_the_conventions_of_courses_for_what_is_kept(tmp_path: Path) -> None:
    flags = "--no_wandb --model_save_path artifacts/best.npy --config_save_path artifacts/c.json"
    done = train_py(*TINY, *flags.split(), "--figures", "none", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "wandb").exists()
    assert "artifacts/best.npy is in the format of safetensors" in done.stderr
    found = json.loads((tmp_path / "artifacts" / "c.json").read_text())
    assert (found["dataset"], found["hidden_size"]) == ("digits", 8)
    model = load_model(tmp_path / "artifacts" / "best.npy")
    assert model.config.as_dict() == found
    # What was written can be given again.
    again = train_py(
        *("--config", "artifacts/c.json", "--use_wandb", "false", "-e", "2"), cwd=tmp_path
    )
    assert SUMMARY.search(again.stdout)[4] == "2"


def test_a_run_is_named(tmp_path: Path) -> None:
    done = train_py(*TINY, "--figures", "none", "--run_name", "first", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (log,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    assert b"first" in log.read_bytes()


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ("--use_wandb perhaps", "--use_wandb: got 'perhaps', expected true or false"),
        ("--run_name", "--run_name: got nothing; it needs a value"),
        (
            "--model_save_path .",
            "--model_save_path: . is a folder; name a file in it, such as ./m.safetensors",
        ),
        ("--run_name a --study s", "--run_name: not for a run of a study, which keeps its own"),
    ],
)
def test_what_is_to_be_kept_is_refused(
    flags: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_main([*TINY, *flags.split()]) == 2
    assert capsys.readouterr().err.splitlines() == [f"error: {problem}"]
