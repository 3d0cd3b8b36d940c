"""Arrays: those that a learner goes on from, and rows taken of others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor


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


def take(rows: Tensor, index: Tensor) -> Tensor:
    """``rows[index]`` in a third of the time; rows are contiguous, the index is (B,) or (K, B)."""
    # Of images with one channel the strides say which layout convolutions choose: one is slow.
    row, *inner = rows.stride()
    lead = (row,) if index.dim() == 1 else (index.shape[1] * row, row)
    taken = rows.index_select(0, index.flatten())
    return taken.as_strided((*index.shape, *rows.shape[1:]), (*lead, *inner))
