"""A point of a study: a run to train, and how it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dlsweep.config import SETTINGS, ConfigError, RunConfig
from dlsweep.sweep._formation import Formation
from dlsweep.sweep._rows import run_name
from dlsweep.sweep._tables import Record

STACK = "stack"
"""The attribute of a point that holds the stack that it is trained in."""

DEATHS = "deaths"
"""The attribute that says how many processes have died training it."""


@dataclass(frozen=True)
class Point:
    """A run to train.

    Attributes:
        number: its number in the study, from 0.
        config: its configuration.
        run_id: its wandb id: eight letters and digits, drawn at random once and then kept, so that
            the runs of two people's studies of one file can lie in one W&B project.
        name: what people call it.
        attempt: 1, and one more each time that it is handed out because its process died.
        stack: the stack that it was in when its process died; None where it had none yet, or where
            it cannot be formed again here.
        deaths: how many processes have died training it.
    """

    number: int
    config: RunConfig
    run_id: str
    name: str
    attempt: int = 1
    stack: Formation | None = None
    deaths: int = 0


def point_of(record: Record, config: RunConfig, attempt: int = 1, place: str = "") -> Point:
    """A stored point, to be trained; its stack is of use only at the place of the stack."""
    stored = record.attributes
    name = run_name(stored["config"], record.number)
    stack = Formation.from_dict(stored[STACK]) if STACK in stored else None
    stack = stack if stack is not None and stack.place == place else None
    deaths = stored.get(DEATHS, 0)
    return Point(record.number, config, stored["run_id"], name, attempt, stack, deaths)


def config_of(attributes: Mapping[str, Any]) -> RunConfig | None:
    """The configuration of a stored point; None where it has no valid one."""
    if "run_id" not in attributes:
        return None
    known = {k: v for k, v in attributes["config"].items() if k in SETTINGS}
    try:
        return RunConfig(**known)
    except ConfigError:
        return None
