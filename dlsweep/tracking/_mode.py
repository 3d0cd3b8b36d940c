"""Whether runs go to a W&B server now, or are kept on disk for later."""

from __future__ import annotations

import netrc
import os
from pathlib import Path
from urllib.parse import urlsplit

import wandb

NO_ACCOUNT = "no W&B account is set up here, so runs are kept offline"


def has_credentials() -> bool:
    """Whether this user has told the wandb client who they are: by variable, or `wandb login`."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlsplit(wandb.setup().settings.base_url).hostname
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    try:
        entry = netrc.netrc(path).authenticators(host or "")
    except (OSError, netrc.NetrcParseError):
        return False
    return entry is not None


def choose_mode(wanted: str | None = None) -> str:
    """The mode for ``wandb.init``: WANDB_MODE where it is set, else what is wanted, else by login.

    Args:
        wanted: "online" or "offline", or None to be online where there are credentials.
    """
    return os.environ.get("WANDB_MODE") or wanted or ("online" if has_credentials() else "offline")
