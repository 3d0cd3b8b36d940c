"""Compiling on a CPU: a function traced once with symbolic sizes becomes a program.

A program is traced from the same functions that train without it. Compiling costs some ten seconds,
and loading what was compiled before (``_kept``) about one; the program then trains small networks
several times as fast. Where nothing can be compiled (no C++ compiler), the
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
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

from dlsweep.training._kept import keep_program, kept_program

_log = logging.getLogger("dlsweep.training")

Program = Callable[..., Any]

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


def _tanh(x: Tensor) -> Any:
    """tanh for float32 from one exponential: three times as fast, and right to the sixth digit.

    Near 0, where the difference of two numbers near 1 would lose the digits, by its series.
    """
    if x.dtype != torch.float32:
        return NotImplemented
    square = x * x
    series = x * (1 + square * (-1 / 3 + square * (2 / 15 - square * (17 / 315))))
    return torch.where(square < 0.01, series, 2 * torch.sigmoid(2 * x) - 1)


def trace(function: Callable[..., Any], examples: Sequence[Tensor]) -> GraphModule:
    table = {torch.ops.aten.tanh.default: _tanh}
    """A function as a graph of operations, with symbols for the sizes of the examples."""
    # Without the function's annotations, which torch's cache cannot read as text.
    traced = make_fx(lambda *given: function(*given), table, tracing_mode="symbolic")
    graph = traced(*examples)
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
        elif node.target == source.target == transpose and source.args[1:] == node.args[1:]:
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


def made(
    key: Hashable, traced: Callable[[], tuple[GraphModule, list[Tensor]]], wait: bool
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
                program = _compile(*traced())
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
