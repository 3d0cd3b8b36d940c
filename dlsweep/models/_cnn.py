"""Convolutional networks given by their list of convolutions."""

from __future__ import annotations

from torch import Tensor, nn

from dlsweep.models._blocks import Block, blocks_with_dropout
from dlsweep.models._spec import ModelSpec


class ConvNet(nn.Module):
    """Convolutions → flatten → fully connected hidden layers → one logit for each class.

    Each convolution (no padding) is followed by batch norm (where asked for), its activation and
    dropout (where asked for); the fully connected layers have no batch norm. Images (N, C, H, W)
    become logits (N, classes).
    """

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        channels, height, width = spec.image_shape
        blocks = []
        for layer in spec.conv_layers:
            norm = nn.BatchNorm2d(layer.channels) if spec.batch_norm else None
            conv = nn.Conv2d(
                channels, layer.channels, layer.kernel, layer.stride, bias=norm is None
            )
            blocks.append(Block(conv, norm, spec.conv_activation()))
            channels = layer.channels
            height, width = layer.output_side(height), layer.output_side(width)
        inputs = channels * height * width
        for size in spec.hidden_sizes:
            blocks.append(Block(nn.Linear(inputs, size), None, spec.activation()))
            inputs = size
        self.hidden = blocks_with_dropout(blocks, spec)
        self.output = nn.Linear(inputs, spec.num_classes)

    def features(self, images: Tensor) -> Tensor:
        """The values of the last hidden layer, flattened to (N, size)."""
        features: Tensor = self.hidden(images)
        return features.flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.output(self.features(images))
        return logits
