"""Backends, what a run is trained by: one file each, beside its learner in ``dlsweep.training``."""

from __future__ import annotations

from dlsweep.parts.backends._backend import Backend

__all__ = ["Backend"]
