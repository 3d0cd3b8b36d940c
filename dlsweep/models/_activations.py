"""Activations, and the module that applies one of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dlsweep.parts import ACTIVATIONS

_aten = torch.ops.aten

_BACKWARD: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "identity": lambda dy, x, y: dy,
    "sigmoid": lambda dy, x, y: _aten.sigmoid_backward(dy, y),
    "tanh": lambda dy, x, y: _aten.tanh_backward(dy, y),
    "relu": lambda dy, x, y: _aten.threshold_backward(dy, y, 0),
    "leaky_relu": lambda dy, x, y: _aten.leaky_relu_backward(dy, x, 0.01, False),
    "elu": lambda dy, x, y: _aten.elu_backward(dy, 1, 1, 1, False, x),
}
"""The gradient at x of each activation, given that at its value y, as torch's autograd has it."""


def _one_of(values: Sequence[Tensor], chosen: Tensor) -> Tensor:
    selected, *others = values
    for i, value in enumerate(others, start=1):
        selected = torch.where(chosen == i, value, selected)
    return selected


def _activate(x: Tensor, chosen: Tensor, among: Sequence[str]) -> Tensor:
    """The activation ``among[chosen]`` of ``x``, elementwise."""
    return _one_of([ACTIVATIONS[name](x) for name in among], chosen)


def _activation_backward(
    dy: Tensor, x: Tensor, y: Tensor, chosen: Tensor, among: Sequence[str]
) -> Tensor:
    """The gradient at x, given that at y, which is ``_activate`` of x. It selects once."""
    return _one_of([_BACKWARD[name](dy, x, y) for name in among], chosen)


class _Chosen(torch.autograd.Function):
    """``_activate`` with this gradient: torch would select for each of the activations."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, chosen: Tensor, among: tuple[str, ...]) -> Tensor:
        return _activate(x, chosen, among)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, chosen, ctx.among = inputs
        ctx.save_for_backward(x, output, chosen)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        x, y, chosen = ctx.saved_tensors
        return _activation_backward(gradients[0], x, y, chosen, ctx.among), None, None


class Activation(nn.Module):
    """The activation ``name``, elementwise; shapes are kept.

    Which of the activations in ``among`` is applied is data, the buffer ``chosen``, so that
    members of a stack may differ in it. With a single one in ``among`` nothing is selected.

    Args:
        name: a key of ``ACTIVATIONS``.
        among: the activations that this module can be switched between; contains ``name``.
    """

    chosen: Tensor

    def __init__(self, name: str, among: Sequence[str] = ()) -> None:
        super().__init__()
        self.among = tuple(among) or (name,)
        self.register_buffer("chosen", torch.tensor(self.among.index(name)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if len(self.among) == 1:
            return ACTIVATIONS[self.among[0]](x)
        y: Tensor = _Chosen.apply(x, self.chosen, self.among)
        return y


class _InPlace(torch.autograd.Function):
    """An activation that takes the place of its input, and its gradient that of the one above."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, name: str) -> Tensor:
        ACTIVATIONS[name].apply_(x, x)
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        ctx.name = name
        return x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (y,) = ctx.saved_tensors
        ACTIVATIONS[ctx.name].backward_(gradients[0], y)
        return gradients[0], None


class ActivationInPlace(Activation):
    """``Activation`` in place, for modules on a CPU that are neither mapped nor traced.

    Its input must be nobody else's, and so must the gradient that reaches it: in a sequence of
    layers both are made by its neighbours, for it alone.
    """

    @classmethod
    def of(cls, layer: Activation) -> ActivationInPlace:
        """An activation with the very same buffer; of those with one to choose from."""
        (name,) = layer.among
        self = cls(name)
        self.chosen = layer.chosen
        return self.train(layer.training)

    def forward(self, x: Tensor) -> Tensor:
        """See ``Activation``."""
        (name,) = self.among
        if ACTIVATIONS[name].keeps == "input":
            return ACTIVATIONS[name](x)
        y: Tensor = _InPlace.apply(x, name)
        return y
