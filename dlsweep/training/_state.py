"""What a stack is between two epochs: all that decides how it goes on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from dlsweep._version import __version__
from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.training._layout import Layout

_FORMAT = 6
_NO_MATTER = {"wandb_project", "wandb_entity", "device", "figures", "save_model"}
"""Settings that have no part in training; of the device only its type has, see ``identity``."""


class StateError(ValueError):
    """A state does not belong to the stack that was to go on from it; the text is one line."""


@dataclass(frozen=True, eq=False)
class StackState:
    """A stack after an epoch, as plain data: what ``Stack(..., state=...)`` goes on from.

    Attributes:
        facts: as JSON has them: which stack it is, its epoch, and each member's history.
        arrays: the learner's, by name; copies.
    """

    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]

    @property
    def layout(self) -> Layout | None:
        """The layout that the stack is compiled for; None where it is not."""
        return layout_from(self.facts["compile_for"])


def layout_facts(layout: Layout | None) -> dict[str, Any] | None:
    """A layout as JSON has it."""
    return None if layout is None else dataclasses.asdict(layout)


def layout_from(facts: Mapping[str, Any] | None) -> Layout | None:
    """The layout that ``layout_facts`` was given."""
    if facts is None:
        return None
    names = {k: tuple(v) for k, v in facts.items() if k != "depth"}
    return Layout(depth=facts["depth"], **names)


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


def load_arrays(
    into: Mapping[str, torch.Tensor | np.ndarray], given: Mapping[str, np.ndarray]
) -> None:
    """Copy arrays into those of a learner, in place; nothing is copied where one does not fit.

    Raises:
        StateError: where names, shapes or types differ.
    """
    if into.keys() != given.keys():
        raise StateError("other arrays than the stack's")
    targets = {name: torch.as_tensor(target) for name, target in into.items()}
    sources = {name: torch.tensor(array) for name, array in given.items()}
    for name, target in targets.items():
        if (sources[name].shape, sources[name].dtype) != (target.shape, target.dtype):
            raise StateError(f"array {name} has another shape or type than the stack's")
    for name, target in targets.items():
        target.copy_(sources[name])
