"""Programs: the step of a stack, traced once with symbolic sizes and compiled.

A program is traced from the same functions that train without it. How many members there are, how
large the batch is and how wide the layers are stay symbols, so one program serves every stack whose
models have the same layers, and the update of each rule is one program for all. Compiling costs
some ten seconds, and loading what was compiled before (``_kept``) about one; the program then
trains small networks several times as fast. Where nothing can be compiled (no C++ compiler), the
traced program runs as it is.

Programs are compiled ahead and called without torch.compile's guards, which take longer than a
small network's step; the sizes of what they are given are checked by the programs themselves.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor
from torch.func import grad_and_value, vmap
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

from dlsweep.training._kept import keep_program, kept_program
from dlsweep.training._member import Member
from dlsweep.training._rules import Rule, Settings

_log = logging.getLogger("dlsweep.training")

Program = Callable[..., Any]

# Sizes to trace with: all different, for equal ones would be taken for the same symbol.
_MEMBERS, _BATCH = 6, 48
_WIDTHS = (128, 96, 112, 80, 144, 88, 104, 120, 136, 72, 152, 160)

_programs: dict[Hashable, Program | None] = {}
"""What was compiled in this process: pure functions, that remember no run."""


class Busy(Exception):
    """Another process is compiling this program just now."""


def make_together(makers: Sequence[Callable[[bool], object]]) -> None:
    """Make programs, first those that no other process is compiling.

    Processes that start at the same time need the same programs. So each compiles some of them,
    and loads the others from the disk.

    Args:
        makers: each makes a program; told False, it raises ``Busy`` instead of waiting.
    """
    waiting = []
    for make in makers:
        try:
            make(False)
        except Busy:
            waiting.append(make)
    for make in waiting:
        make(True)


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
    wait: bool = True,
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
        wait: for another process that is compiling it.

    Returns:
        A function of (images, labels, chosen losses, *stacked parameters, *stacked buffers) that
        returns losses (K,), right answers (K,), the gradient (K, P) in two pieces, that of the
        first parameter and that of the others, and the changed buffers in the order of
        ``Member.changing``; or None where it cannot be traced. The first layer's weights are most
        of a network: as a piece of its own, its gradient need not be copied once more.
    """
    return _made(
        ("gradient", key, dtype, own_batches),
        lambda: _trace_gradient(member(), shapes, buffers, image_shape, dtype, own_batches),
        wait,
    )


def _trace_gradient(
    member: Member,
    shapes: dict[str, torch.Size],
    buffers: dict[str, Tensor],
    image_shape: tuple[int, int, int],
    dtype: torch.dtype,
    own_batches: bool,
) -> tuple[GraphModule, list[Tensor]]:
    own = 0 if own_batches else None
    step = vmap(grad_and_value(member.train, has_aux=True), (0, 0, own, own, 0))

    def program(images: Tensor, labels: Tensor, chosen: Tensor, *tensors: Tensor) -> Any:
        parameters = dict(zip(shapes, tensors[: len(shapes)], strict=True))
        state = dict(zip(buffers, tensors[len(shapes) :], strict=True))
        gradients, (losses, (right, changed)) = step(parameters, state, images, labels, chosen)
        first, *others = (gradients[name].flatten(1) for name in shapes)
        after = [changed[name] for name in member.changing]
        return losses, right, first, torch.cat(others, 1), *after

    lead = (_MEMBERS, _BATCH) if own_batches else (_BATCH,)
    # Parameters are views of one matrix when they are trained, and so they are here.
    sizes = [shape.numel() for shape in shapes.values()]
    parts = torch.split(torch.rand(_MEMBERS, sum(sizes), dtype=dtype), sizes, 1)
    parameters = [p.view(_MEMBERS, *s) for p, s in zip(parts, shapes.values(), strict=True)]
    examples = [
        torch.rand(*lead, *image_shape, dtype=dtype),
        torch.zeros(lead, dtype=torch.int64),
        torch.zeros(_MEMBERS, dtype=torch.int64),
        *parameters,
        *(b.expand(_MEMBERS, *b.shape).clone() for b in buffers.values()),
    ]
    return _trace(program, examples), examples


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
    return _made(("update", rule.kind, dtype), lambda: _trace_update(rule, dtype), wait)


def _trace_update(rule: Rule, dtype: torch.dtype) -> tuple[GraphModule, list[Tensor]]:
    fields = len(Settings.__dataclass_fields__)

    def program(*tensors: Tensor) -> tuple[()]:
        slots, columns = tensors[4 : 4 + 2 * rule.slots], tensors[4 + 2 * rule.slots :]
        decay, settings, factors = columns[0], columns[1 : fields + 1], columns[fields + 1 :]
        for piece in (0, 1):
            w, g = tensors[piece], tensors[2 + piece]
            rule.update(w, g + decay * w, slots[piece::2], Settings(*settings), factors)
        return ()

    # Gradients are tensors of their own; parameters and slots are parts of wider matrices.
    sizes = 4096, 1024
    wide = [(_MEMBERS, 8192)] * 2
    shapes = [*wide, *((_MEMBERS, size) for size in sizes), *wide * rule.slots]
    matrices = [torch.rand(shape, dtype=dtype) for shape in shapes]
    columns = [torch.rand(_MEMBERS, 1, dtype=dtype)] * (1 + fields + rule.factor_count)
    examples = [
        *(matrix[:, : sizes[i % 2]] for i, matrix in enumerate(matrices)),
        *(column.clone() for column in columns),
    ]
    return _trace(program, examples), examples


def _tanh(x: Tensor) -> Any:
    """tanh for float32 from one exponential: three times as fast, and right to the sixth digit.

    Near 0, where the difference of two numbers near 1 would lose the digits, by its series.
    """
    if x.dtype != torch.float32:
        return NotImplemented
    square = x * x
    series = x * (1 + square * (-1 / 3 + square * (2 / 15 - square * (17 / 315))))
    return torch.where(square < 0.01, series, 2 * torch.sigmoid(2 * x) - 1)


def _trace(function: Callable[..., Any], examples: Sequence[Tensor]) -> GraphModule:
    table = {torch.ops.aten.tanh.default: _tanh}
    graph = make_fx(function, decomposition_table=table, tracing_mode="symbolic")(*examples)
    _tidy(graph.graph)
    graph.recompile()
    return graph


def _tidy(graph: Graph) -> None:
    """Drop what changes nothing, a third of the nodes, each of which takes time to compile.

    A product that is transposed is computed transposed: else it would be copied, which takes as
    long as a small product.
    """
    aten = torch.ops.aten
    keeps, transpose, bmm = (aten.view.default, aten.expand.default), aten.transpose.int, aten.bmm

    def shape(node: Node) -> list[str]:
        return [str(size) for size in node.meta["val"].shape]

    for node in graph.nodes:
        source = node.args[0] if node.args else None
        if not isinstance(source, Node):
            continue
        if node.target in keeps and shape(node) == shape(source):
            node.replace_all_uses_with(source)
        elif node.target == transpose and source.target == transpose:
            if source.args[1:] == node.args[1:]:
                node.replace_all_uses_with(source.args[0])
    graph.eliminate_dead_code()
    for node in graph.nodes:
        if node.target != transpose or node.args[1:] != (1, 2):
            continue
        product = node.args[0]
        if product.target == bmm.default and len(product.users) == 1:
            with graph.inserting_before(product):
                a, b = (graph.call_function(transpose, (x, 1, 2)) for x in product.args)
                swapped = graph.call_function(bmm.default, (b, a))
            swapped.meta["val"] = node.meta["val"]
            node.replace_all_uses_with(swapped)
    graph.eliminate_dead_code()


def _compile(graph: GraphModule, examples: Sequence[Tensor]) -> Program:
    began = time.perf_counter()
    try:
        # Imported only here: it takes two seconds, as long as all the rest of PyTorch.
        from torch._inductor import standalone_compile

        with torch.no_grad(), _without_trial():
            compiled = standalone_compile(graph, list(examples), dynamic_shapes="from_graph")
            compiled(*examples)
    except Exception as error:  # the compiler is a program of its own: anything may be missing
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        _log.warning(
            "training goes on uncompiled and slower, for nothing compiles here: %s", reason
        )
        return graph
    _log.debug("compiled in %.1f s", time.perf_counter() - began)
    return compiled


def _without_trial() -> contextlib.AbstractContextManager[object]:
    """Spare the compiler the program that tries vector instructions, 3 s of waiting.

    Processors with AVX-512 have several sets of them, of which an older compiler knows not all:
    there it is tried.
    """
    from torch._inductor import config

    if torch.backends.cpu.get_cpu_capability() != "AVX2":
        return contextlib.nullcontext()
    patched: contextlib.AbstractContextManager[object] = config.patch({"cpp.vec_isa_ok": True})
    return patched


def _made(
    key: Hashable, trace: Callable[[], tuple[GraphModule, list[Tensor]]], wait: bool
) -> Program | None:
    """The program of this key, made where there is none yet; None where tracing fails."""
    if key in _programs:
        return _programs[key]
    # It warns of a CUDA toolkit without a GPU, which is nothing to users of a CPU.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    with _only_here(key, wait), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = kept_program(key)
        if program is None:
            try:
                program = _compile(*trace())
                keep_program(key, program)
            except Exception as error:
                _log.debug("cannot be traced: %s", str(error).partition("\n")[0])
        _programs[key] = program
    return program


@contextlib.contextmanager
def _only_here(key: Hashable, wait: bool) -> Iterator[None]:
    """While no other process of this user makes the program of this key."""
    name = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
    user = os.getuid() if hasattr(os, "getuid") else getpass.getuser()
    folder = Path(tempfile.gettempdir()) / f"dlsweep-compiling-{user}"
    folder.mkdir(exist_ok=True)
    try:
        with FileLock(folder / name, timeout=-1 if wait else 0):
            yield
    except Timeout:
        raise Busy from None
