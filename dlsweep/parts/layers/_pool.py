"""What the kinds of pooling have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from dlsweep.parts.layers._layer import Layer, Shape, window_output


@dataclass(frozen=True)
class Pool(Layer):
    """Pooling over windows of ``size``×``size``; ``stride`` 0 is the size.

    Attributes:
        short: what its short form begins with.
    """

    size: int
    stride: int = 0
    padding: int = 0

    short: ClassVar[str]
    spelled: ClassVar[dict[str, str]] = {
        "kernel": "size",
        "kernelsize": "size",
        "poolsize": "size",
        "strides": "stride",
        "pad": "padding",
    }
    least: ClassVar[dict[str, int]] = {"padding": 0, "stride": 0}
    noun: ClassVar[str] = "pool"

    def __post_init__(self) -> None:
        if self.padding > self.size // 2:
            raise ValueError("a pool's padding is at most half its size")

    @classmethod
    def from_text(cls, text: str) -> dict[str, Any] | None:
        match = re.fullmatch(rf"{cls.short}(?:pool)?(\d+)(?:x(\d+))?(?:/(\d+))?(?:p(\d+))?", text)
        if match is None or match[2] not in (None, match[1]):
            return None
        return {"size": match[1], "stride": match[3] or 0, "padding": match[4] or 0}

    @property
    def text(self) -> str:
        stride = f"/{self.stride}" if self.stride not in (0, self.size) else ""
        return f"{self.short}{self.size}{stride}" + (f"p{self.padding}" if self.padding else "")

    @property
    def window(self) -> int:
        return self.size

    def output_shape(self, shape: Shape) -> Shape:
        channels, *sides = shape
        stride = self.stride or self.size
        height, width = (window_output(s, self.size, stride, self.padding) for s in sides)
        return channels, height, width

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.name, **super().as_dict()}
