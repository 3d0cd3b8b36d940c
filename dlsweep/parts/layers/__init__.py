"""The layers that a CNN's ``conv_layers`` may name: one file each."""

from __future__ import annotations

from dlsweep.parts.layers._layer import Layer, Shape
from dlsweep.parts.layers.conv import Conv

__all__ = ["Conv", "Layer", "Shape"]
