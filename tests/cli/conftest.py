"""The commands as a user has them: an empty folder, no account, no terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NOWHERE, REPOSITORY
from tests.tracking.conftest import _collect_artifacts  # noqa: F401
from tests.wandb_server import WandbServer


def users_environment(**more: str) -> dict[str, str]:
    """The environment of a user without a W&B account, with these variables added."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    server = {"WANDB_BASE_URL": NOWHERE, "WANDB_ERROR_REPORTING": "false"}
    return {**plain, **server, "COLUMNS": "200", **more}


def train_py(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """`python train.py ARGUMENTS`, with nobody at the keyboard."""
    return _run([str(REPOSITORY / "train.py"), *arguments], cwd, env)


def dlsweep(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """The console command `dlsweep ARGUMENTS`, with nobody at the keyboard."""
    return _run(["-m", "dlsweep", *arguments], cwd, env)


def _run(arguments: list[str], cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=users_environment(**env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def folder(_own_wandb: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, for commands that run in this process."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("WANDB_DIR")
    return folder


@pytest.fixture
def without_mode(_own_wandb: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """WANDB_MODE is not set, so that credentials decide."""
    if "wandb" in sys.modules:
        sys.modules["wandb"].teardown()
    monkeypatch.delenv("WANDB_MODE", raising=False)


@pytest.fixture
def account(wandb_server: WandbServer) -> Iterator[pytest.MonkeyPatch]:
    """An account at `wandb_server`; sets WANDB_MODE for it, and takes it back before the server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("WANDB_MODE", raising=False)
        yield patch


@pytest.fixture
def refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """Call a command that must refuse its input; return the problems it names."""

    def call(
        command: Callable[..., Any], *arguments: str, notices: int = 0, code: int = 2
    ) -> list[str]:
        before = sorted(folder.rglob("*"))
        assert command(list(arguments)) == code
        out, err = capsys.readouterr()
        assert out == ""
        lines = err.splitlines()
        assert all(line.startswith("dlsweep: ") for line in lines[:notices])
        assert all(line.startswith("error: ") for line in lines[notices:])
        assert sorted(folder.rglob("*")) == before
        return [line.removeprefix("error: ") for line in lines[notices:]]

    return call
