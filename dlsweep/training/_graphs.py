"""The steps of an epoch on a GPU: captured once as CUDA graphs, then only replayed.

A step of a small stack is a hundred kernels of a few microseconds each; to launch them one by one
from Python takes many times as long as they do. So whatever a step reads and writes stays where it
is: the order of the epoch, the tables of factors, the sums of losses and right answers, and the
number of the step, which is a tensor that the step itself counts up. The host then has nothing to
say to a step but "again".
"""

from __future__ import annotations

import contextlib
import functools
import gc
import logging
import weakref
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from dlsweep.data import Split

_log = logging.getLogger("dlsweep.training")

Step = Callable[[Tensor, Tensor, Sequence[Tensor]], tuple[Tensor, Tensor]]
"""Of images, labels and each segment's factors; changes a stack where it is, and never asks the
device for a value; gives losses (K,) and numbers of right answers (K,)."""

_WARM_UP = 3
"""Steps before a capture, in which libraries and compiled programs choose their kernels."""
_AT_ONCE = 8
"""Steps of the longer graph: between two launches the device waits a little."""


@functools.cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    """The stream of a device that graphs are captured on: libraries have a workspace for each."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def _undisturbed(stream: torch.cuda.Stream | None) -> Iterator[None]:
    """While a stream is captured: nothing else is freed, and after it all is on its stream again.

    Garbage that is collected meanwhile may be another graph, whose end ends the capture with an
    error. After a capture that fails, PyTorch leaves its stream as the present one.
    """
    before = []
    if stream is not None:
        before = [torch.cuda.current_stream(stream.device), torch.cuda.current_stream()]
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
        for present in before:
            torch.cuda.set_stream(present)


class Epochs:
    """Runs the epochs of a stack, for as long as no member leaves.

    The first steps of the first epoch are the warm-up that capturing needs: they are run as they
    are, so capturing changes nothing in what is trained.

    Args:
        step: see ``Step``; a method of what owns these epochs. That is not kept alive by them, or a
            learner would keep a GPU's memory until the garbage collector comes by.
        split: the images to train on.
        batch: how many of them are a batch.
        members: K.
        capture: whether to capture; otherwise each step is run from here.
    """

    def __init__(
        self, step: Step, split: Split, batch: int, members: int, *, capture: bool
    ) -> None:
        self._step = weakref.WeakMethod(step)
        self._split = split
        self._batch = batch
        self._capture = capture
        device = split.images.device
        self._position = torch.zeros(1, dtype=torch.int64, device=device)
        self._loss = torch.zeros(members, dtype=torch.float64, device=device)
        self._right = torch.zeros(members, dtype=torch.int64, device=device)
        self._order: Tensor | None = None
        self._table = self._loss  # all segments' factors, (steps, …), as one
        self._shapes: list[torch.Size] = []
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}
        self._stream = _side_stream(device) if device.type == "cuda" else None

    def run(self, order: Tensor, tables: Sequence[Tensor], steps: int) -> tuple[Tensor, Tensor]:
        """Train an epoch.

        Args:
            order: of the images, (count,), or (K, count) where members have their own.
            tables: the factors of each segment, (steps, factors, rows, 1).
            steps: how many; the last batch may be smaller.

        Returns:
            Mean losses (K,) and accuracies (K,) over the images trained on, float64.
        """
        batch, count = self._batch, min(order.shape[-1], steps * self._batch)
        whole = count // batch
        lead = order.shape[:-1]
        self._keep(order[..., : whole * batch].reshape(*lead, whole, batch), tables)
        for tensor in (self._position, self._loss, self._right):
            tensor.zero_()
        self._whole_batches(whole)
        if count > whole * batch:
            self._train(order[..., whole * batch : count], self._factors(self._table[whole]))
        return self._loss / count, self._right.double() / count

    def _keep(self, order: Tensor, tables: Sequence[Tensor]) -> None:
        """Put what an epoch brings where the graphs read it."""
        table = torch.cat([table.flatten(1) for table in tables], 1)
        if self._order is None or self._order.shape != order.shape:
            self._graphs.clear()
            self._order, self._table = order.clone(), table
            self._shapes = [table.shape[1:] for table in tables]
            return
        self._order.copy_(order)
        self._table.copy_(table)

    def _factors(self, row: Tensor) -> list[Tensor]:
        """Each segment's factors of a step, (factors, rows, 1)."""
        parts = torch.split(row, [shape.numel() for shape in self._shapes])
        return [part.view(shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def _whole_batches(self, steps: int) -> None:
        if self._capture and not self._graphs and steps > _WARM_UP + _AT_ONCE:
            for _ in range(_WARM_UP):
                self._aside(self._next)
            steps -= _WARM_UP
            self._make_graphs()
        for length in (_AT_ONCE, 1):
            if length in self._graphs:
                for _ in range(steps // length):
                    self._graphs[length].replay()
                steps %= length
        for _ in range(steps):
            self._next()

    def _make_graphs(self) -> None:
        pool = None
        try:
            with _undisturbed(self._stream):
                for length in (1, _AT_ONCE):
                    graph = torch.cuda.CUDAGraph()
                    with torch.cuda.graph(graph, pool=pool, stream=self._stream):
                        for _ in range(length):
                            self._next()
                    pool = graph.pool()
                    self._graphs[length] = graph
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # a driver, a library, an operation: training needs none of it
            self._graphs.clear()
            self._capture = False
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            _log.warning("training goes on without CUDA graphs and slower: %s", reason)

    def _aside(self, function: Callable[[], None]) -> None:
        """Call it on the stream that is captured: libraries have workspaces for each stream."""
        if self._stream is None:
            function()
            return
        present = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(present)
        with torch.cuda.stream(self._stream):
            function()
        present.wait_stream(self._stream)

    def _next(self) -> None:
        """The step at the present position."""
        assert self._order is not None
        index = self._order.index_select(-2, self._position).squeeze(-2)
        self._train(index, self._factors(self._table.index_select(0, self._position).squeeze(0)))
        self._position.add_(1)

    def _train(self, index: Tensor, factors: Sequence[Tensor]) -> None:
        """A step on the images (B,) or, of each member, (K, B)."""
        flat = index.reshape(-1)
        images = self._split.images.index_select(0, flat)
        labels = self._split.labels.index_select(0, flat)
        shape = (*index.shape, *images.shape[1:])
        step = self._step()
        assert step is not None, "the owner of these epochs is gone"
        losses, right = step(images.view(shape), labels.view(index.shape), factors)
        self._loss.add_(losses, alpha=index.shape[-1])
        self._right.add_(right)
