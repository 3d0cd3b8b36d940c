"""What a stack is between two epochs: all that decides how it goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from dlsweep._version import __version__
from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.training.learners import StateError

_FORMAT = 8
_NO_MATTER = {"wandb_project", "wandb_entity", "device", "figures", "save_model"}
"""Settings that have no part in training; of the device only its type has, see ``identity``."""


@dataclass(frozen=True, eq=False)
class StackState:
    """A stack after an epoch, as plain data: what ``Stack(..., state=...)`` goes on from.

    Attributes:
        facts: as JSON has them: which stack it is, its epoch, and each member's history.
        arrays: the learner's, by name; copies.
    """

    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]


def identity(configs: Sequence[RunConfig], data: Dataset) -> dict[str, Any]:
    """What must be equal for a stack to go on as if it had never stopped."""
    images = data.train.images
    facts = {
        "format": _FORMAT,
        "dlsweep": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "device": images.device.type,
        "type": str(images.dtype),
        "images": [len(data.train), len(data.val), len(data.test)],
        "configurations": [
            {k: v for k, v in config.as_dict().items() if k not in _NO_MATTER} for config in configs
        ],
    }
    plain: dict[str, Any] = json.loads(json.dumps(facts))
    return plain


def check_identity(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Refuse a state that was taken of something else.

    Raises:
        StateError: naming the first thing that differs.
    """
    for name, value in expected.items():
        if found.get(name) != value:
            short = name in ("format", "dlsweep", "torch", "numpy", "device", "type")
            change = f" ({found.get(name)}, now {value})" if short else ""
            raise StateError(f"other {name} than the stack's{change}")
