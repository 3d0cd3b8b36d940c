"""Fully connected networks."""

from __future__ import annotations

import math

from torch import Tensor, nn

from dlsweep.models._blocks import Block, with_dropout
from dlsweep.models._spec import ModelSpec


class FeedForward(nn.Module):
    """Flattened pixels → hidden layers → one score (logit) for each class.

    Each hidden layer is linear → batch norm (where asked for) → activation → dropout (where asked
    for). Images (N, C, H, W) become logits (N, classes).
    """

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        inputs = math.prod(spec.image_shape)
        blocks = []
        for size in spec.hidden_sizes:
            norm = nn.BatchNorm1d(size) if spec.batch_norm else None
            linear = nn.Linear(inputs, size, bias=norm is None)
            blocks.append(Block(linear, norm, spec.activation()))
            inputs = size
        self.hidden = with_dropout(blocks, spec)
        self.output = nn.Linear(inputs, spec.num_classes)

    def features(self, images: Tensor) -> Tensor:
        """The values of the last hidden layer, (N, size); the pixels where there is none."""
        features: Tensor = self.hidden(images.flatten(1))
        return features

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.output(self.features(images))
        return logits
