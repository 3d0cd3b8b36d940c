"""Where each parameter of a stack's models lies in the one matrix that holds them all."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping

import torch
from torch import Tensor


class Columns:
    """The columns (P in all) of a matrix with a row of parameters for each member.

    Args:
        shapes: of a model's parameters, by name, in order.
        transposed: names of those that lie there column by column.
    """

    def __init__(self, shapes: Mapping[str, torch.Size], transposed: Collection[str] = ()) -> None:
        self.shapes = dict(shapes)
        """Of the parameters, by name, in order."""
        self._transposed = set(transposed)
        self.sizes = [shape.numel() for shape in self.shapes.values()]
        """How many columns each has."""
        ends = list(itertools.accumulate(self.sizes, initial=0))
        self._slices = dict(zip(self.shapes, map(slice, ends, ends[1:]), strict=True))

    def slices(self, names: Collection[str]) -> list[slice]:
        """The columns of some parameters; what lies side by side is one slice."""
        found: list[slice] = []
        for name, columns in self._slices.items():
            if name not in names:
                continue
            if found and found[-1].stop == columns.start:
                found[-1] = slice(found[-1].start, columns.stop)
            else:
                found.append(columns)
        return found

    def views(self, matrix: Tensor) -> dict[str, Tensor]:
        """The rows of a matrix (K, P) as stacked parameters (K, …) by name."""
        views = {}
        for name, shape in self.shapes.items():
            part = matrix[:, self._slices[name]]
            if name in self._transposed:
                views[name] = part.view(-1, *reversed(shape)).mT
            else:
                views[name] = part.view(-1, *shape)
        return views


def as_it_lies(tensor: Tensor) -> Tensor:
    """The numbers of a parameter in the order of memory: itself, or what it is the transpose of.

    The fused kernels of torch copy what is not contiguous, and back.
    """
    return tensor if tensor.is_contiguous() else tensor.mT


def row_of(stacked: Mapping[str, Tensor], row: int) -> dict[str, Tensor]:
    """One member's tensors, views of stacked ones (K, …), by name."""
    return {name: tensor[row] for name, tensor in stacked.items()}
