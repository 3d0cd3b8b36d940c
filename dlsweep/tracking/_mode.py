"""Whether runs go to a W&B server now, or are kept on disk for later."""

from __future__ import annotations

import netrc
import os
from pathlib import Path
from urllib.parse import urlsplit

import pydantic  # of which the settings of wandb are made
import wandb

from dlsweep.config import ConfigError
from dlsweep.config.errors import did_you_mean, shown
from dlsweep.tracking._errors import in_one_line

NO_ACCOUNT = "no W&B account is set up here, so runs are kept offline"

_MODES = ("online", "offline", "disabled", "shared")
_OLD_MODES = {"run": "online", "dryrun": "offline"}  # as wandb still understands them


def client_settings() -> wandb.Settings:
    """The wandb client's own settings, from its files and the variables WANDB_….

    Raises:
        ConfigError: with one line for each variable that the client refuses.
    """
    try:
        return wandb.setup().settings
    except pydantic.ValidationError as error:
        raise ConfigError(
            f"WANDB_{str(at['loc'][0]).upper()}: got {shown(at['input'])}: {at['msg']}"
            for at in error.errors()
        ) from None
    except wandb.Error as error:
        raise ConfigError([f"W&B: {in_one_line(error)}"]) from None


def has_credentials() -> bool:
    """Whether the wandb client has credentials of this user: by variable, or `wandb login`."""
    return bool(os.environ.get("WANDB_IDENTITY_TOKEN_FILE")) or api_key() is not None


def api_key() -> str | None:
    """The user's API key where the wandb client would look for it, or None."""
    if os.environ.get("WANDB_API_KEY"):
        return os.environ["WANDB_API_KEY"]
    settings = client_settings()
    if settings.api_key:
        return str(settings.api_key)
    # Under host:port, as `wandb login --host` writes it and wandb looks for it.
    machine = urlsplit(settings.base_url).netloc
    for path in (os.environ.get("NETRC"), Path.home() / ".netrc", Path.home() / "_netrc"):
        if path and Path(path).is_file():
            try:
                entry = netrc.netrc(path).authenticators(machine)
            except (OSError, netrc.NetrcParseError):
                return None
            return entry[2] if entry else None
    return None


def choose_mode(wanted: str | None = None) -> str:
    """The mode for ``wandb.init``: WANDB_MODE where it is set, else what is wanted, else by login.

    Args:
        wanted: "online" or "offline", or None to be online where there are credentials.

    Raises:
        ConfigError: if the wandb client would refuse a variable.
    """
    value = os.environ.get("WANDB_MODE")
    mode = _OLD_MODES.get(value, value) if value else None
    if mode not in (*_MODES, None):
        raise ConfigError([f"WANDB_MODE: got {shown(value)}{did_you_mean(value, _MODES)}"])
    client_settings()  # what else it would refuse when a run is opened
    return mode or wanted or ("online" if has_credentials() else "offline")
