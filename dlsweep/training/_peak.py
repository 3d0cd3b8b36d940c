"""How much memory a function takes at its peak, found by watching what it allocates."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

_CONVOLUTIONS = torch.ops.aten.convolution.default, torch.ops.aten.convolution_backward.default


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the storages that come into being, and takes off those that go.

    Args:
        copies: whether convolutions work on a copy of their largest operand, as a CPU's do.
    """

    def __init__(self, copies: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._copies = copies
        self.live = 0
        self.peak: int = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {t.untyped_storage()._cdata for t in tree_iter((args, kwargs)) if _is_tensor(t)}
        out = func(*args, **(kwargs or {}))
        for tensor in filter(_is_tensor, tree_iter(out)):
            storage = tensor.untyped_storage()
            if storage._cdata not in given | self._known:
                self._add(storage)
        if self._copies and func in _CONVOLUTIONS:
            tensors = filter(_is_tensor, tree_iter((args, out)))
            copy = max(tensor.numel() * tensor.element_size() for tensor in tensors)
            self.peak = max(self.peak, self.live + copy)
        return out

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        self._known.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)


def peak_memory(function: Callable[[], object], *, copies: bool = False) -> int:
    """Bytes of the tensors that a function makes, at most at the same time."""
    watch = _Watch(copies)
    with watch:
        function()
    return watch.peak
