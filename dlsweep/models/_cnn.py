"""Convolutional networks given by their list of convolutions."""

from __future__ import annotations

import math

from torch import Tensor, nn

from dlsweep.models._blocks import Block, with_dropout
from dlsweep.models._spec import ModelSpec


class ConvNet(nn.Module):
    """Convolutions and pooling → flatten → fully connected hidden layers → a logit for each class.

    Each convolution is followed by batch norm (where asked for), its activation and dropout (where
    asked for); the fully connected layers have no batch norm. Images (N, C, H, W)
    become logits (N, classes).
    """

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        shape = spec.image_shape
        layers: list[nn.Module] = []
        for layer in spec.conv_layers:
            norm = None
            if layer.has_weights and spec.batch_norm:
                norm = nn.BatchNorm2d(layer.output_shape(shape)[0])
            module = layer.module(shape[0], bias=norm is None)
            if layer.has_weights:
                module = Block(module, norm, spec.conv_activation())
            layers.append(module)
            shape = layer.output_shape(shape)
        inputs = math.prod(shape)
        for size in spec.hidden_sizes:
            layers.append(Block(nn.Linear(inputs, size), None, spec.activation()))
            inputs = size
        self.hidden = with_dropout(layers, spec)
        self.output = nn.Linear(inputs, spec.num_classes)

    def features(self, images: Tensor) -> Tensor:
        """The values of the last hidden layer, flattened to (N, size)."""
        features: Tensor = self.hidden(images)
        return features.flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.output(self.features(images))
        return logits
