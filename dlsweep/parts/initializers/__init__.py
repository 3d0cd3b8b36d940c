"""Initial weights: one file each."""

from __future__ import annotations

from dlsweep.parts.initializers._initializer import Initializer

__all__ = ["Initializer"]
