"""Convolution (torch.nn.Conv2d) with a square kernel."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dlsweep.parts._lazy import torch
from dlsweep.parts.layers._layer import Layer, Shape, window_output

if TYPE_CHECKING:
    from torch import nn

_TEXT = re.compile(r"(\d+)x(\d+)(?:x(\d+))?(?:/(\d+))?(?:p(\d+)|(same))?")


@dataclass(frozen=True)
class Conv(Layer):
    """``channels`` filters of ``kernel``×``kernel``; ``padding`` zeros around the image."""

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0

    name: ClassVar[str] = "conv"
    meaning: ClassVar[str] = "convolution: 16x5x5/2, 32x3x3p1 with padding, 32x3x3same"
    also: ClassVar[tuple[str, ...]] = ("convolution", "conv2d")
    has_weights: ClassVar[bool] = True
    spelled: ClassVar[dict[str, str]] = {
        "outchannels": "channels",
        "filters": "channels",
        "numfilters": "channels",
        "kernelsize": "kernel",
        "strides": "stride",
        "pad": "padding",
    }
    least: ClassVar[dict[str, int]] = {"padding": 0}
    noun: ClassVar[str] = "convolution"

    @classmethod
    def from_text(cls, text: str) -> dict[str, Any] | None:
        match = _TEXT.fullmatch(text)
        if match is None or match[3] not in (None, match[2]):
            return None
        padding = int(match[2]) // 2 if match[6] else match[5] or 0
        return {"channels": match[1], "kernel": match[2], "stride": match[4] or 1} | (
            {"padding": padding} if padding else {}
        )

    @property
    def text(self) -> str:
        stride = f"/{self.stride}" if self.stride != 1 or not self.padding else ""
        padding = f"p{self.padding}" if self.padding else ""
        return f"{self.channels}x{self.kernel}x{self.kernel}{stride}{padding}"

    @property
    def window(self) -> int:
        return self.kernel

    def output_shape(self, shape: Shape) -> Shape:
        _, *sides = shape
        height, width = (window_output(s, self.kernel, self.stride, self.padding) for s in sides)
        return self.channels, height, width

    def module(self, channels: int, *, bias: bool) -> nn.Module:
        return torch.nn.Conv2d(
            channels, self.channels, self.kernel, self.stride, self.padding, bias=bias
        )

    def weights(self, channels: int) -> int:
        return channels * self.channels * self.kernel**2

    def as_dict(self) -> dict[str, Any]:
        fields = {"channels": self.channels, "kernel": self.kernel, "stride": self.stride}
        return fields | ({"padding": self.padding} if self.padding else {})
