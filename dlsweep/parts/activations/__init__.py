"""Activations, elementwise functions of hidden layers: one file each."""

from __future__ import annotations

from dlsweep.parts.activations._activation import Activation

__all__ = ["Activation"]
