"""The programs of a CPU: the gradient of all members, and the update of each kind of rule.

How many members there are, how large the batch is and how wide the layers are stay symbols, so one
gradient program serves every stack whose models have the same layers, or of plain networks some of
them; and the update of each kind of rule is one program for all.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap
from torch.fx import GraphModule

from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.models import FeedForward
from dlsweep.training._compiled import Program, made, trace
from dlsweep.training._depths import example_depths, members_with, stacked_gradient
from dlsweep.training._initial import build_in
from dlsweep.training._layout import Layout, ordered_parameters
from dlsweep.training._member import Member
from dlsweep.training._rules import Rule, Settings

# Sizes to trace with: all different, for equal ones would be taken for the same symbol.
_MEMBERS, _BATCH = 6, 48
_WIDTHS = (128, 96, 112, 80, 144, 88, 104, 120, 136, 72, 152, 160)


def example_widths(hidden_sizes: Sequence[int]) -> tuple[int, ...] | None:
    """Sizes to trace hidden layers with, equal where they are; None if there are too many."""
    distinct = list(dict.fromkeys(hidden_sizes))
    if len(distinct) > len(_WIDTHS):
        return None
    return tuple(_WIDTHS[distinct.index(size)] for size in hidden_sizes)


@dataclass(frozen=True)
class _Pattern:
    """What a gradient program is traced from: a model with example widths, all else as it is.

    Attributes:
        model: in training; its values are not used.
        layout: of the stacks.
        image_shape: (channels, height, width).
        dtype: of parameters and images.
        own_batches: whether each member has a batch of its own.
        plain: see ``is_plain``.
    """

    model: FeedForward
    layout: Layout
    image_shape: tuple[int, int, int]
    dtype: torch.dtype
    own_batches: bool
    plain: bool


def is_plain(config: RunConfig) -> bool:
    """Whether a network that can be compiled is nothing but layers; then it may lack some."""
    return config.dropout == 0


def gradient_program(
    layout: Layout, config: RunConfig, data: Dataset, own_batches: bool, wait: bool = True
) -> Program | None:
    """The program that computes every member's gradient, loss and right answers of a batch.

    Args:
        layout: of the stacks that it is for.
        config: of any member; those of other widths have the same program, and of plain networks
            those of other depths.
        data: on which they train.
        own_batches: whether each member has a batch of its own.
        wait: for another process that is compiling it.

    Returns:
        A function of images, labels, chosen losses, the stacked parameters in the order of
        ``ordered_parameters``, the stacked buffers, and views of a matrix of gradients like those
        of the parameters but the first. It fills these, and returns losses (K,), right answers
        (K,), the gradient of the first parameter (K, size), and the changed buffers in the order of
        ``Member.changing``; or None where it cannot be traced. Of plain models, all tensors of a
        layer have as many rows as members have it. The first layer's weights are most of a
        network: their gradient need not be copied.
    """
    widths, plain = example_widths(config.hidden_sizes), is_plain(config)
    assert widths is not None
    model = build_in(layout, dataclasses.replace(config, hidden_size=widths), data)
    assert isinstance(model, FeedForward)
    dtype = data.train.images.dtype
    pattern = _Pattern(model.train(), layout, data.image_shape, dtype, own_batches, plain)
    shapes = tuple(p.shape for p in model.parameters())
    key = "gradient", shapes, layout, None if plain else config.dropout_at, dtype, own_batches
    return made(key, lambda: _trace_gradient(pattern), wait)


class CompiledGradient:
    """A gradient program with the tensors of a stack: views, that stay what they are.

    Args:
        program: from ``gradient_program``.
        parameters: stacked, (K, …), by name, in order.
        buffers: stacked, by name; those in ``changing`` are written to.
        gradients: like the parameters; written to, but for the first.
        changing: the names of the buffers that the program changes, in its order.
        depths: how many hidden layers members have, of plain models.
    """

    def __init__(
        self,
        program: Program,
        parameters: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        gradients: Mapping[str, Tensor],
        changing: Sequence[str],
        depths: Sequence[int] | None,
    ) -> None:
        _, *others = gradients.items()
        named = [*parameters.items(), *buffers.items(), *others]
        if depths is not None:
            named = [(name, tensor[: members_with(name, depths)]) for name, tensor in named]
        self._program = program
        self._given = [tensor for _, tensor in named]
        self._changing = [buffers[name] for name in changing]

    def __call__(
        self, images: Tensor, labels: Tensor, chosen: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Losses (K,), numbers of right answers (K,), the first parameter's gradient (K, size)."""
        losses, right, first, *changed = self._program(images, labels, chosen, *self._given)
        for buffer, value in zip(self._changing, changed, strict=True):
            buffer.copy_(value)
        return losses, right, first


def _trace_gradient(pattern: _Pattern) -> tuple[GraphModule, list[Tensor]]:
    model, layout = pattern.model, pattern.layout
    member = Member(model, layout.losses, pattern.image_shape)
    shapes = {name: p.shape for name, p in ordered_parameters(model).items()}
    kept = dict(model.named_buffers())
    own = 0 if pattern.own_batches else None
    depths = example_depths(len(model.hidden)) if pattern.plain else [0] * _MEMBERS
    together = stacked_gradient(
        len(model.hidden), layout.activations, layout.losses, own_batches=pattern.own_batches
    )
    step = vmap(grad_and_value(member.train, has_aux=True), (0, 0, own, own, 0))

    def program(images: Tensor, labels: Tensor, chosen: Tensor, *tensors: Tensor) -> Any:
        given = iter(tensors)
        parameters = {name: next(given) for name in shapes}
        buffers = {name: next(given) for name in kept}
        batch = images, labels, chosen
        changed: dict[str, Tensor] = {}
        if pattern.plain:
            gradients, losses, right = together(parameters, buffers, *batch)
        else:
            gradients, (losses, (right, changed)) = step(parameters, buffers, *batch)
        first, *others = (gradients[name] for name in shapes)
        for gradient, into in zip(others, given, strict=True):
            into.copy_(gradient)
        return losses, right, first.flatten(1), *(changed[name] for name in member.changing)

    def rows(name: str) -> int:
        return members_with(name, depths) if pattern.plain else len(depths)

    lead = (len(depths), _BATCH) if pattern.own_batches else (_BATCH,)
    # Parameters are views of one matrix when they are trained, and so they are here. So are
    # gradients, but those are written to: matrices of their own.
    sizes = [shape.numel() for shape in shapes.values()]
    like = functools.partial(torch.rand, dtype=pattern.dtype)
    views = zip(shapes, torch.split(like(len(depths), sum(sizes)), sizes, 1), strict=True)
    _, *names = shapes
    wide = 32 + max(shapes[name].numel() for name in names)
    into = {name: like(len(depths), wide)[:, : shapes[name].numel()] for name in names}
    examples = [
        like(*lead, *pattern.image_shape),
        torch.zeros(lead, dtype=torch.int64),
        torch.zeros(len(depths), dtype=torch.int64),
        *(view.view(-1, *shapes[name])[: rows(name)] for name, view in views),
        *(b.expand(rows(name), *b.shape).clone() for name, b in kept.items()),
        *(view.view(-1, *shapes[name])[: rows(name)] for name, view in into.items()),
    ]
    return trace(program, examples), examples


def update_program(rule: Rule, dtype: torch.dtype, *, wait: bool = True) -> Program | None:
    """The program that updates all members with rules of one kind.

    Args:
        rule: any of these.
        dtype: of parameters.
        wait: for another process that is compiling it.

    Returns:
        A function of tensors that changes parameters and slots in place: the parameters, gradients
        and each of the slots, two pieces each (as from ``gradient_program``), (rows, size); and as
        columns (rows, 1) the weight decay, the settings and the factors, as in ``Rule.update``.
    """
    return made(("update", rule.kind, dtype), lambda: _trace_update(rule, dtype), wait)


def _trace_update(rule: Rule, dtype: torch.dtype) -> tuple[GraphModule, list[Tensor]]:
    fields = len(Settings.__dataclass_fields__)

    def program(*tensors: Tensor) -> tuple[()]:
        slots, columns = tensors[4 : 4 + 2 * rule.slots], tensors[4 + 2 * rule.slots :]
        decay, settings, factors = columns[0], columns[1 : fields + 1], columns[fields + 1 :]
        for piece in (0, 1):
            w, g = tensors[piece], tensors[2 + piece]
            rule.update(w, g + decay * w, slots[piece::2], Settings(*settings), factors)
        return ()

    # The first gradient is a tensor of its own; all others are parts of wider matrices.
    sizes = 4096, 1024
    wide = [(_MEMBERS, 8192)] * 2
    shapes = [*wide, (_MEMBERS, sizes[0]), (_MEMBERS, 6144), *wide * rule.slots]
    matrices = [torch.rand(shape, dtype=dtype) for shape in shapes]
    columns = [torch.rand(_MEMBERS, 1, dtype=dtype)] * (1 + fields + rule.factor_count)
    examples = [
        *(matrix[:, : sizes[i % 2]] for i, matrix in enumerate(matrices)),
        *(column.clone() for column in columns),
    ]
    return trace(program, examples), examples
