"""Models as users write them: ``Net(image_shape, num_classes, **settings)``."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

Shape = tuple[int, int, int]


class Branches(nn.Module):
    """Two branches with batch norm, and what else an nn.Module may have.

    A parameter that is frozen, one that nothing uses, one that two layers share, and one whose
    gradient is that of another.
    """

    def __init__(self, image_shape: Shape, num_classes: int, width: int = 4) -> None:
        super().__init__()
        channels, height, side = image_shape
        self.wide = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        self.flat = nn.Linear(channels * height * side, width)
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)
        self.second.weight = self.first.weight
        self.head = nn.Linear(2 * width, num_classes)
        self.frozen = nn.Parameter(torch.full((width,), 1.5), requires_grad=False)
        self.unused = nn.Parameter(torch.ones(3))
        self.one = nn.Parameter(torch.zeros(num_classes))
        self.other = nn.Parameter(torch.zeros(num_classes))

    def forward(self, images: Tensor) -> Tensor:
        wide = self.wide(images).mean((2, 3))
        flat = self.second(torch.tanh(self.first(self.flat(images.flatten(1)) * self.frozen)))
        return self.head(torch.cat([wide, flat], 1)) + (self.one + self.other)


class Recurrent(nn.Module):
    """The rows of an image one after the other, with attention over them."""

    def __init__(self, image_shape: Shape, num_classes: int, size: int = 6) -> None:
        super().__init__()
        self.rnn = nn.GRUCell(image_shape[0] * image_shape[2], size)
        self.norm = nn.LayerNorm(size)
        self.place = nn.Parameter(torch.randn(size))
        self.head = nn.Linear(size, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        state = self.place.expand(len(images), -1)
        for row in images.transpose(1, 2).flatten(2).unbind(1):
            state = self.norm(self.rnn(row, state))
        return self.head(state)


class Dropping(nn.Module):
    """Torch's own dropout, which draws from torch's generator."""

    def __init__(self, image_shape: Shape, num_classes: int, p: float = 0.5) -> None:
        super().__init__()
        inputs = math.prod(image_shape)
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(inputs, 9), nn.Dropout(p), nn.SiLU(), nn.Linear(9, num_classes)
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


class Replacing(nn.Module):
    """Puts a new tensor in the place of its buffer at every step, and computes with it."""

    seen: Tensor

    def __init__(self, image_shape: Shape, num_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(math.prod(image_shape), num_classes)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.seen = self.seen + 1
        return self.head(images.flatten(1)) / (1 + 0.1 * self.seen)


class Branching(nn.Module):
    """Takes one way or another by the values of a batch, which cannot be mapped."""

    def __init__(self, image_shape: Shape, num_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(math.prod(image_shape), num_classes)

    def forward(self, images: Tensor) -> Tensor:
        logits = self.head(images.flatten(1))
        return logits * 2 if logits.mean() > 0 else logits


class Lazy(nn.Module):
    """Its layers learn their shapes from the first images."""

    def __init__(self, image_shape: Shape, num_classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.LazyLinear(5), nn.LazyLinear(num_classes))

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def no_module(image_shape: Shape, num_classes: int) -> str:
    """No model at all."""
    return "logits"


class WrongShape(nn.Module):
    """Gives one number for an image."""

    def __init__(self, image_shape: Shape, num_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(math.prod(image_shape), 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(images.flatten(1))


class Breaking(WrongShape):
    """Cannot be made."""

    def __init__(self, image_shape: Shape, num_classes: int) -> None:
        raise RuntimeError("no such layer\nand more")
