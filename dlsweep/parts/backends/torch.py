"""PyTorch: the engine."""

from __future__ import annotations

from dlsweep.parts.backends._backend import Backend


class Torch(Backend):
    """PyTorch, runs stacked together"""

    name = "torch"
    meaning = "PyTorch, runs stacked together"
    also = ("pytorch",)
    stacks = True
    gpu = True
