"""The W&B project that the environment names."""

from __future__ import annotations

import os

from dlsweep.config import SETTINGS, ConfigError
from dlsweep.config.errors import shown


def project_of_environment() -> str | None:
    """The variable WANDB_PROJECT, where it is set.

    Raises:
        ConfigError: where W&B would refuse it.
    """
    value = os.environ.get("WANDB_PROJECT")
    try:
        project: str | None = SETTINGS["wandb_project"].parse(value)
    except ValueError as error:
        raise ConfigError([f"WANDB_PROJECT: got {shown(value)}, {error}"]) from None
    return project
