"""Programs: the step of a stack, traced once with symbolic sizes and compiled.

A program is traced from the same functions that train without it. How many members there are, how
large the batch is and how wide the layers are stay symbols, so one program serves every stack whose
models have the same layers, and the update of each rule is one program for all. Compiling costs
seconds, from torch's cache on disk about one; the program then trains small networks several times
as fast. Where nothing can be compiled (no C++ compiler), the traced program runs as it is.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from dlsweep.training._member import Member
from dlsweep.training._optimizers import Rule, Settings

_log = logging.getLogger("dlsweep.training")

Program = Callable[..., Any]

# Sizes to trace with: all different, for equal ones would be taken for the same symbol.
_MEMBERS, _BATCH = 6, 48
_WIDTHS = (128, 96, 112, 80, 144, 88, 104, 120, 136, 72, 152, 160)

_programs: dict[Hashable, Program | None] = {}
"""What was compiled in this process: pure functions, that remember no run."""


def example_widths(hidden_sizes: Sequence[int]) -> tuple[int, ...] | None:
    """Sizes to trace hidden layers with, equal where they are; None if there are too many."""
    distinct = list(dict.fromkeys(hidden_sizes))
    if len(distinct) > len(_WIDTHS):
        return None
    return tuple(_WIDTHS[distinct.index(size)] for size in hidden_sizes)


def gradient_program(
    key: Hashable,
    member: Callable[[], Member],
    shapes: dict[str, torch.Size],
    buffers: dict[str, Tensor],
    image_shape: tuple[int, int, int],
    dtype: torch.dtype,
    *,
    own_batches: bool,
    alone: bool,
) -> Program | None:
    """The program that computes every member's gradient, loss and right answers of a batch.

    Args:
        key: equal for models with the same layers.
        member: makes the arithmetic of a model with example widths; called where none is cached.
        shapes: its parameters' shapes.
        buffers: its buffers.
        image_shape: (channels, height, width).
        dtype: of parameters and images.
        own_batches: whether each member has a batch of its own.
        alone: for a stack of one; torch treats an axis of length 1 as a case of its own.

    Returns:
        A function of (images, labels, chosen losses, *stacked parameters, *stacked buffers) that
        returns the gradient (K, P), losses (K,), right answers (K,) and the changed buffers in the
        order of ``Member.changing``; or None where it cannot be traced.
    """
    key = ("gradient", key, dtype, own_batches, alone)
    if key not in _programs:
        _programs[key] = _quietly(
            lambda: _compile(
                *_trace_gradient(member(), shapes, buffers, image_shape, dtype, own_batches, alone)
            )
        )
    return _programs[key]


def _trace_gradient(
    member: Member,
    shapes: dict[str, torch.Size],
    buffers: dict[str, Tensor],
    image_shape: tuple[int, int, int],
    dtype: torch.dtype,
    own_batches: bool,
    alone: bool,
) -> tuple[GraphModule, list[Tensor]]:
    own = 0 if own_batches else None
    step = vmap(grad_and_value(member.train, has_aux=True), (0, 0, own, own, 0))

    def program(images: Tensor, labels: Tensor, chosen: Tensor, *tensors: Tensor) -> Any:
        parameters = dict(zip(shapes, tensors[: len(shapes)], strict=True))
        state = dict(zip(buffers, tensors[len(shapes) :], strict=True))
        gradients, (losses, (right, changed)) = step(parameters, state, images, labels, chosen)
        flat = torch.cat([gradients[name].flatten(1) for name in shapes], 1)
        return flat, losses, right, *(changed[name] for name in member.changing)

    members = 1 if alone else _MEMBERS
    lead = (members, _BATCH) if own_batches else (_BATCH,)
    # Parameters are views of one matrix when they are trained, and so they are here.
    sizes = [shape.numel() for shape in shapes.values()]
    parts = torch.split(torch.rand(members, sum(sizes), dtype=dtype), sizes, 1)
    parameters = [p.view(members, *s) for p, s in zip(parts, shapes.values(), strict=True)]
    examples = [
        torch.rand(*lead, *image_shape, dtype=dtype),
        torch.zeros(lead, dtype=torch.int64),
        torch.zeros(members, dtype=torch.int64),
        *parameters,
        *(b.expand(members, *b.shape).clone() for b in buffers.values()),
    ]
    return _trace(program, examples), examples


def update_program(name: str, rule: Rule, dtype: torch.dtype, *, alone: bool) -> Program | None:
    """The program of an update rule, for members that have it in common, or for one alone.

    Returns:
        A function of (parameters, gradient, weight decay, *settings, *slots, *factors), matrices
        and columns as in ``Rule.update``, that changes parameters and slots in place.
    """
    key = ("update", name, dtype, alone)
    if key not in _programs:
        _programs[key] = _quietly(lambda: _compile(*_trace_update(rule, dtype, alone)))
    return _programs[key]


def _trace_update(rule: Rule, dtype: torch.dtype, alone: bool) -> tuple[GraphModule, list[Tensor]]:
    fields = len(Settings.__dataclass_fields__)

    def program(w: Tensor, g: Tensor, decay: Tensor, *rest: Tensor) -> None:
        settings = Settings(*rest[:fields])
        slots = rest[fields : fields + rule.slots]
        rule.update(w, g + decay * w, slots, settings, rest[fields + rule.slots :])

    rows = 1 if alone else _MEMBERS
    matrices = [torch.rand(rows, 4096, dtype=dtype) for _ in range(2 + rule.slots)]
    columns = [torch.rand(rows, 1, dtype=dtype) for _ in range(1 + fields + rule.factor_count)]
    examples = [
        *matrices[:2],
        *columns[: 1 + fields],
        *matrices[2:],
        *columns[1 + fields :],
    ]
    return _trace(program, examples), examples


def _trace(function: Callable[..., Any], examples: Sequence[Tensor]) -> GraphModule:
    graph = make_fx(function, tracing_mode="symbolic")(*examples)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph


def _compile(graph: GraphModule, examples: Sequence[Tensor]) -> Program:
    compiled = torch.compile(graph, dynamic=True)
    began = time.perf_counter()
    try:
        with torch.no_grad():
            compiled(*examples)
    except Exception as error:  # the compiler is a program of its own: anything may be missing
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        _log.warning(
            "training goes on uncompiled and slower, for nothing compiles here: %s", reason
        )
        return graph
    _log.debug("compiled in %.1f s", time.perf_counter() - began)
    return compiled


def _quietly(make: Callable[[], Program]) -> Program | None:
    """What ``make`` returns, without torch's own warnings; None where tracing fails."""
    # It warns of a CUDA toolkit without a GPU, which is nothing to users of a CPU.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return make()
        except Exception as error:
            _log.debug("cannot be traced: %s", str(error).partition("\n")[0])
            return None
