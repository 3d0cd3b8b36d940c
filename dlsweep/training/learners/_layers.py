"""The layers of fully connected networks, forward and backward, as operations to be done.

The step of a small network takes about as long as to say what is to be done. So it is said once:
a layer puts its operations down (``Operations``) with the memory that they read and write, for the
first n members of a stack at once, and a step does them one after the other.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from dlsweep.models import DropoutInBlocks
from dlsweep.parts import ACTIVATIONS

K = TypeVar("K", bound=Hashable)


class Operations:
    """What is to be done, in order, and the memory for it.

    Args:
        like: a tensor with the type and device of all others.
    """

    def __init__(self, like: Tensor) -> None:
        self._like = like
        self._calls: list[Callable[[], object]] = []

    def memory(self, *shape: int) -> Tensor:
        """Room for an operation's result."""
        return self._like.new_empty(shape)

    def add(self, operation: Callable[..., object], *given: Any, **named: Any) -> None:
        """Put down an operation and what it is given."""
        self._calls.append(functools.partial(operation, *given, **named))

    def run(self) -> None:
        """Do all of them."""
        for call in self._calls:
            call()


class Layer(Protocol):
    """A part of a network after its weights, for n members."""

    def forward(self, do: Operations, x: Tensor) -> Tensor:
        """Where its values for a batch will be, (n, B, units), given where its input is."""

    def backward(self, do: Operations, d: Tensor) -> None:
        """Turn the gradient at its values into that at its input, in place."""


class Linear:
    """x Wᵀ + b.

    Args:
        weight: (n, outputs, inputs).
        bias: (n, outputs), or None.
        into: where the gradients of these go, contiguous or the transpose of what is.
        transposed: whether its values lie unit by unit in memory, and not image by image.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        into: Sequence[Tensor],
        *,
        transposed: bool = False,
    ) -> None:
        self.members, self.outputs, _ = weight.shape
        self._weight = weight
        self._bias = None if bias is None else bias.unsqueeze(1)
        self._into = into
        self._transposed = transposed

    def forward(self, do: Operations, x: Tensor) -> Tensor:
        """Where its values will be, (n, B, outputs), given where its input is, (n, B, inputs)."""
        self._x = x
        y, bias, factors = self.values(do, x.shape[1]), self._bias, (x, self._weight.mT)
        into = y
        if self._transposed:
            into, bias, factors = y.mT, None if bias is None else bias.mT, (self._weight, x.mT)
        if bias is None:
            do.add(torch.bmm, *factors, out=into)
        else:
            do.add(torch.baddbmm, bias, *factors, out=into)
        return y

    def values(self, do: Operations, batch: int) -> Tensor:
        """Room for its values, or for the gradient at these, (n, B, outputs)."""
        if self._transposed:
            return do.memory(self.members, self.outputs, batch).mT
        return do.memory(self.members, batch, self.outputs)

    def backward(self, do: Operations, d: Tensor) -> None:
        """The gradients of the weights and biases, given that at its values."""
        weight, *bias = self._into
        if weight.is_contiguous():
            do.add(torch.bmm, d.mT, self._x, out=weight)
        else:
            do.add(torch.bmm, self._x.mT, d, out=weight.mT)
        if bias:
            do.add(torch.sum, d, 1, out=bias[0])

    def backward_to_input(self, do: Operations, d: Tensor, into: Tensor, first: int = 0) -> None:
        """The gradient at the input of some members, the first of which is ``first``."""
        do.add(torch.bmm, d, self._weight[first : first + len(d)], out=into)


class Activations:
    """Activations, each for the neighbours who have it; in place where all can be.

    Args:
        names: of the n members' activations.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._runs = list(runs(names))

    def forward(self, do: Operations, x: Tensor) -> Tensor:
        """The output y, given the input: (N, inputs) -> (N, outputs)."""
        self._kept, y = x, x
        if any(ACTIVATIONS[name].keeps == "input" for name, _ in self._runs):
            y = do.memory(*x.shape)
        for name, rows in self._runs:
            if ACTIVATIONS[name].keeps == "output" and y is not x:
                do.add(y[rows].copy_, x[rows])
                do.add(ACTIVATIONS[name].apply_, y[rows], y[rows])
            else:
                do.add(ACTIVATIONS[name].apply_, x[rows], y[rows])
        self._values = y
        return y

    def backward(self, do: Operations, d: Tensor) -> None:
        """dL/dx, of the shape of x, given delta = dL/dy, of the shape of y."""
        for name, rows in self._runs:
            kept = self._kept if ACTIVATIONS[name].keeps == "input" else self._values
            do.add(ACTIVATIONS[name].backward_, d[rows], kept[rows])


class BatchNorm:
    """Batch norm, member by member, by the operations of torch's own module.

    Args:
        module: its settings.
        parameters: weight and bias, (n, units) each.
        running: mean and variance, likewise; written to.
        batches: how many there were, (n,); written to.
        into: where the gradients of the parameters go.
    """

    def __init__(
        self,
        module: nn.BatchNorm1d,
        parameters: Sequence[Tensor],
        running: Sequence[Tensor],
        batches: Tensor,
        into: Sequence[Tensor],
    ) -> None:
        assert module.momentum is not None
        self._settings = True, module.momentum, module.eps
        self._parameters = list(zip(*(p.unbind() for p in parameters), strict=True))
        self._running = list(zip(*(r.unbind() for r in running), strict=True))
        self._batches = batches
        self._into = list(zip(*(g.unbind() for g in into), strict=True))
        self._saved: list[Any] = [None] * len(batches)

    def forward(self, do: Operations, x: Tensor) -> Tensor:
        """The output y, given the input: (N, inputs) -> (N, outputs)."""
        self._x = x
        y = do.memory(*x.shape)
        do.add(self._batches.add_, 1)
        for row in range(len(x)):
            do.add(self._normalize, row, y[row])
        return y

    def backward(self, do: Operations, d: Tensor) -> None:
        """dL/dx, of the shape of x, given delta = dL/dy, of the shape of y."""
        for row in range(len(d)):
            do.add(self._gradient, row, d[row])

    def _normalize(self, row: int, into: Tensor) -> None:
        given = *self._parameters[row], *self._running[row], *self._settings
        y, *self._saved[row] = torch.native_batch_norm(self._x[row], *given)
        into.copy_(y)

    def _gradient(self, row: int, d: Tensor) -> None:
        (weight, _), (training, _, epsilon) = self._parameters[row], self._settings
        given = weight, *self._running[row], *self._saved[row], training, epsilon, [True] * 3
        back = torch.ops.aten.native_batch_norm_backward(d, self._x[row], *given)
        for value, where in zip(back, (d, *self._into[row]), strict=True):
            where.copy_(value)


class Dropouts:
    """Dropout with each member's own mask.

    Args:
        layers: the n members' layers; their buffers are written to.
    """

    def __init__(self, layers: Sequence[DropoutInBlocks]) -> None:
        self._layers = layers

    def forward(self, do: Operations, x: Tensor) -> Tensor:
        """The output y, given the input: (N, inputs) -> (N, outputs)."""
        y, self._masks = do.memory(*x.shape), do.memory(*x.shape)
        for layer, row, mask in zip(self._layers, x, self._masks, strict=True):
            do.add(_draw, layer, row, mask)
        do.add(torch.mul, x, self._masks, out=y)  # not in place: the activation needs its values
        return y

    def backward(self, do: Operations, d: Tensor) -> None:
        """dL/dx, of the shape of x, given delta = dL/dy, of the shape of y."""
        do.add(d.mul_, self._masks)


def _draw(layer: DropoutInBlocks, like: Tensor, mask: Tensor) -> None:
    mask.copy_(layer.mask(like))


def runs(keys: Sequence[K]) -> Iterator[tuple[K, slice]]:
    """Neighbours with equal keys, and their slices."""
    stop = 0
    for key, alike in itertools.groupby(keys):
        start, stop = stop, stop + len(list(alike))
        yield key, slice(start, stop)
