"""How a stack trains on a GPU."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dlsweep.training._gpu_programs import Program
from dlsweep.training._optimizers import Segment

PLAIN, GRAPHS, COMPILED = WAYS = ("plain", "graphs", "compiled")
"""One kernel after the other; as CUDA graphs; compiled, and as CUDA graphs."""

_NAME = "DLSWEEP_GPU"


def way() -> str:
    """The fastest way to train, or that which the variable DLSWEEP_GPU names, to compare them.

    Models that cannot be compiled, and stacks that nothing is to be compiled for, are trained as
    CUDA graphs in place of compiled.

    Raises:
        ValueError: for a way that there is not.
    """
    chosen = os.environ.get(_NAME) or COMPILED
    if chosen not in WAYS:
        raise ValueError(f"{_NAME}: got {chosen!r}; there are {', '.join(WAYS)}")
    return chosen


@contextlib.contextmanager
def exact(device: torch.device) -> Iterator[None]:
    """On a GPU, float32 means float32, and the same numbers come out each time.

    Convolutions would otherwise round their operands to TF32's 10 bits, which is PyTorch's default
    for them, and choose among algorithms of which some add in no fixed order.
    """
    if device.type != "cuda":
        yield
        return
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32, convolutions.deterministic
    products.allow_tf32, convolutions.allow_tf32, convolutions.deterministic = False, False, True
    try:
        yield
    finally:
        products.allow_tf32, convolutions.allow_tf32, convolutions.deterministic = before


@dataclass(frozen=True)
class Stacked:
    """What compiled programs are given of a stack, beside a batch.

    Attributes:
        theta: the parameters, (K, P).
        parameters: views of it as stacked parameters, in order.
        chosen: losses, (K,).
        own: which parameters, by their number, are a member's own, (K, T).
        belongs: to which of them a column of ``theta`` belongs, (P,).
    """

    theta: Tensor
    parameters: Sequence[Tensor]
    chosen: Tensor
    own: Tensor
    belongs: Tensor


class CompiledStep:
    """A step of compiled programs; see ``dlsweep.training._graphs.Step``.

    Args:
        stack: what is trained.
        buffers: stacked, (K, …), by name; changed in place.
        changing: the names of those that a step changes, in the program's order.
        segments: the optimizer's.
        slots: its matrices (K, P).
        gradient: the program of the gradient.
        updates: that of each segment's update.
    """

    def __init__(
        self,
        stack: Stacked,
        buffers: dict[str, Tensor],
        changing: Sequence[str],
        segments: Sequence[Segment],
        slots: Sequence[Tensor],
        gradient: Program,
        updates: Sequence[Program],
    ) -> None:
        self._stack = stack
        self._buffers = buffers
        self._changing = changing
        self._gradient = gradient
        self._updates: list[tuple[Program, slice, Tensor, list[Any]]] = []
        for segment, update in zip(segments, updates, strict=True):
            rows = segment.rows
            rest = [
                *(slot[rows] for slot in slots[: segment.rule.slots]),
                stack.own[rows],
                stack.belongs,
                segment.weight_decay,
                *segment.settings.columns,
            ]
            self._updates.append((update, rows, stack.theta[rows], rest))

    @torch.no_grad()
    def __call__(
        self, images: Tensor, labels: Tensor, factors: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        stack = self._stack
        losses, right, gradient, *changed = self._gradient(
            images, labels, stack.chosen, *stack.parameters, *self._buffers.values()
        )
        for name, value in zip(self._changing, changed, strict=True):
            self._buffers[name].copy_(value)
        for (update, rows, w, rest), f in zip(self._updates, factors, strict=True):
            update(w, gradient[rows], *rest, *f.unbind(0))
        return losses, right
