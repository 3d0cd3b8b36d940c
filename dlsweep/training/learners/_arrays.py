"""Arrays that a learner goes on from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch


class StateError(ValueError):
    """A state does not belong to the stack that was to go on from it; the text is one line."""


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
