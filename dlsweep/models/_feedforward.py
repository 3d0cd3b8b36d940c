"""Fully connected networks."""

from __future__ import annotations

import math

from torch import Tensor, nn

from dlsweep.models._activations import Activation
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


def deepen(model: FeedForward, depth: int) -> None:
    """Append hidden layers up to ``depth`` that change nothing: weight I, bias 0, identity.

    The same function as before, to the bit: a sum with zeros rounds nothing. Only for models of
    linear layers and activations, of which the last can be switched to identity.
    """
    while len(model.hidden) < depth:
        last = model.hidden[-1]
        assert isinstance(last, Block)
        like = last.weights.weight
        linear = nn.Linear(len(like), len(like), dtype=like.dtype, device="meta")
        linear.to_empty(device=like.device)
        nn.init.eye_(linear.weight)
        nn.init.zeros_(linear.bias)
        activation = Activation("identity", last.activation.among)
        model.hidden.append(Block(linear, None, activation))
