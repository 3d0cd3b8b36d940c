"""Online or offline: WANDB_MODE, then the wish, then whether there are credentials."""

from __future__ import annotations

from pathlib import Path

import pytest
import wandb

from dlsweep.config import ConfigError
from dlsweep.tracking import choose_mode, has_credentials

HERE = "http://127.0.0.1:8080"


@pytest.fixture(autouse=True)
def nobody(_own_wandb: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No mode, no key, no netrc; a server with a port in its address."""
    wandb.teardown()
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_BASE_URL", HERE)


def test_without_credentials_runs_are_offline():
    assert not has_credentials()
    assert choose_mode() == "offline"
    assert choose_mode("online") == "online"


@pytest.mark.parametrize("variable", ["WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"])
def test_with_a_variable_runs_are_online(variable: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(variable, "k" * 40)
    assert choose_mode() == "online"
    assert choose_mode("offline") == "offline"


@pytest.mark.parametrize("mode", ["online", "offline", "disabled", "shared"])
@pytest.mark.parametrize("key", [False, True])
def test_wandb_mode_always_wins(mode: str, key: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_MODE", mode)
    if key:
        monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    assert {choose_mode(), choose_mode("online"), choose_mode("offline")} == {mode}


@pytest.mark.parametrize(("old", "mode"), [("dryrun", "offline"), ("run", "online")])
def test_modes_of_old(old: str, mode: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_MODE", old)
    assert choose_mode() == mode


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("ofline", "WANDB_MODE: got 'ofline'; did you mean 'offline'?"),
        ("no", "WANDB_MODE: got 'no'; choose from online, offline, disabled, shared"),
    ],
)
def test_what_is_no_mode(given: str, line: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_MODE", given)
    with pytest.raises(ConfigError) as caught:
        choose_mode("offline")
    assert caught.value.problems == (line,)


@pytest.mark.parametrize("wanted", ["offline", None])
def test_an_address_without_its_scheme(wanted: str | None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_BASE_URL", "localhost:8080")
    with pytest.raises(ConfigError) as caught:
        choose_mode(wanted)
    [line] = caught.value.problems
    assert line.startswith("WANDB_BASE_URL: got 'localhost:8080': URL scheme should be 'http' or")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("machine 127.0.0.1:8080 login user password " + "k" * 40, True),
        ("machine api.wandb.ai login user password " + "k" * 40, False),
        ("machine 127.0.0.1 login user password " + "k" * 40, False),  # wandb asks with the port
        ("this is not a netrc file", False),
        ("", False),
    ],
)
def test_a_login_is_found_where_wandb_keeps_it(
    content: str, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "netrc").write_text(content)
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert has_credentials() is found


def test_a_login_of_this_process_counts(monkeypatch: pytest.MonkeyPatch):
    wandb.setup().settings.api_key = "k" * 40  # what wandb.login(key=…) leaves there
    assert has_credentials()
