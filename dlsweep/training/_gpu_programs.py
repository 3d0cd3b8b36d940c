"""The step of a stack on a GPU as compiled programs: few kernels, each of which does much.

A GPU wants few kernels that read and write each matrix once. So the gradient is one matrix, the
update of each rule one kernel, and which numbers are a member's own is read off a small table. How
many members there are, how large the batch is and how wide the layers are stay symbols: one program
for each depth serves all, and is compiled once.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from dlsweep.training._member import Member
from dlsweep.training._rules import Rule, Settings

_log = logging.getLogger("dlsweep.training")

Program = Callable[..., Any]

# Sizes to trace with: all different, for equal ones would be taken for the same symbol.
_MEMBERS, _BATCH, _NUMBERS, _TENSORS = 6, 48, 8192, 11
_WIDTHS = (128, 96, 112, 80, 144, 88, 104, 120, 136, 72, 152, 160)

_programs: dict[Hashable, Program | None] = {}
"""What was compiled in this process: pure functions, that remember no run."""


def example_widths(hidden_sizes: Sequence[int]) -> tuple[int, ...] | None:
    """Sizes to trace hidden layers with, equal where they are; None if there are too many."""
    distinct = list(dict.fromkeys(hidden_sizes))
    if len(distinct) > len(_WIDTHS):
        return None
    return tuple(_WIDTHS[distinct.index(size)] for size in hidden_sizes)


@dataclass(frozen=True)
class Pattern:
    """What a gradient program is traced from: a model with example widths, all else as it is.

    Attributes:
        member: its arithmetic.
        shapes: its parameters' shapes, by name.
        buffers: its buffers, by name.
        image_shape: (channels, height, width).
        own_batches: whether each member has a batch of its own.
    """

    member: Member
    shapes: Mapping[str, torch.Size]
    buffers: Mapping[str, Tensor]
    image_shape: tuple[int, int, int]
    own_batches: bool


def gradient_program(
    key: Hashable, pattern: Callable[[], Pattern], dtype: torch.dtype, device: torch.device
) -> Program | None:
    """The program of every member's gradient; None where it cannot be traced or compiled.

    Args:
        key: equal for models with the same layers.
        pattern: called where there is no program of this key yet.
        dtype: of parameters and images.
        device: where it runs.

    Returns:
        A function of (images, labels, chosen losses, *stacked parameters, *stacked buffers) that
        returns losses (K,), right answers (K,), the gradient (K, P) and the changed buffers in the
        order of ``Member.changing``.
    """

    def trace() -> tuple[Program, list[Tensor]]:
        model = pattern()
        own = 0 if model.own_batches else None
        step = vmap(grad_and_value(model.member.train, has_aux=True), (0, 0, own, own, 0))
        shapes, buffers = model.shapes, model.buffers

        def program(images: Tensor, labels: Tensor, chosen: Tensor, *tensors: Tensor) -> Any:
            parameters = dict(zip(shapes, tensors[: len(shapes)], strict=True))
            state = dict(zip(buffers, tensors[len(shapes) :], strict=True))
            gradients, (losses, (right, changed)) = step(parameters, state, images, labels, chosen)
            gradient = torch.cat([gradients[name].flatten(1) for name in shapes], 1)
            return losses, right, gradient, *(changed[name] for name in model.member.changing)

        lead = (_MEMBERS, _BATCH) if model.own_batches else (_BATCH,)
        # Parameters are views of one matrix when they are trained, and so they are here.
        sizes = [shape.numel() for shape in shapes.values()]
        matrix = torch.rand(_MEMBERS, sum(sizes), dtype=dtype, device=device)
        parts = zip(torch.split(matrix, sizes, 1), shapes.values(), strict=True)
        return program, [
            torch.rand(*lead, *model.image_shape, dtype=dtype, device=device),
            torch.zeros(lead, dtype=torch.int64, device=device),
            torch.zeros(_MEMBERS, dtype=torch.int64, device=device),
            *(part.view(_MEMBERS, *shape) for part, shape in parts),
            *(b.to(device).expand(_MEMBERS, *b.shape).clone() for b in buffers.values()),
        ]

    return _made(("gradient", key, dtype, device), trace)


def update_program(rule: Rule, dtype: torch.dtype, device: torch.device) -> Program | None:
    """The program of rules of one kind; None where it cannot be traced or compiled.

    Returns:
        A function that changes parameters and slots in place, of the parameters (rows, P), the
        gradient (rows, P), the slots; which of T tensors are a member's own and do not stay as they
        are, (rows, T), and to which of them a column belongs, (P,); and as columns (rows, 1) the
        weight decay, the settings and the factors.
    """
    fields = len(Settings.__dataclass_fields__)

    def program(w: Tensor, g: Tensor, *tensors: Tensor) -> tuple[()]:
        slots, (own, belongs, decay, *columns) = tensors[: rule.slots], tensors[rule.slots :]
        after = w.clone()
        settings = Settings(*columns[:fields])
        rule.update(after, g + decay * w, slots, settings, columns[fields:])
        w.copy_(torch.where(own.index_select(1, belongs), after, w))
        return ()

    def trace() -> tuple[Program, list[Tensor]]:
        # A rule's rows are some of a matrix's, so they begin anywhere. Of examples that began at a
        # multiple of 16 bytes a program would expect it, and copy what does not, there and back.
        def anywhere(size: int, of: torch.dtype = dtype) -> Tensor:
            count = _MEMBERS * size
            return torch.ones(1 + count, dtype=of, device=device)[1:].view(_MEMBERS, size)

        matrices = [anywhere(_NUMBERS) for _ in range(2 + rule.slots)]
        columns = range(1 + fields + rule.factor_count)
        return program, [
            *matrices,
            anywhere(_TENSORS, torch.bool),
            torch.zeros(_NUMBERS, dtype=torch.int64, device=device),
            *(anywhere(1) for _ in columns),
        ]

    return _made(("update", rule.kind, dtype, device), trace)


def _made(key: Hashable, trace: Callable[[], tuple[Program, list[Tensor]]]) -> Program | None:
    """The program of this key, made where there is none yet."""
    if key in _programs:
        return _programs[key]
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function, examples = trace()
            graph = make_fx(function, tracing_mode="symbolic")(*examples)
            graph.graph.eliminate_dead_code()
            graph.recompile()
            _programs[key] = _compiled(graph, examples)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # the compiler is a program of its own: anything may be missing
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            _log.warning("training goes on uncompiled and slower: %s", reason)
            _programs[key] = None
    _log.debug("%s: compiled in %.1f s", key[0], time.perf_counter() - began)  # type: ignore[index]
    return _programs[key]


@torch.no_grad()
def _compiled(graph: torch.fx.GraphModule, examples: Sequence[Tensor]) -> Program:
    from torch._inductor import standalone_compile  # costs seconds to import

    compiled: Program = standalone_compile(graph, list(examples), dynamic_shapes="from_graph")
    compiled(*examples)
    return compiled
