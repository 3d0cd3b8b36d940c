"""How many numbers a network has and makes, from its configuration alone."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from dlsweep.config import RunConfig
from dlsweep.config.choices import DATASETS


class Counts(NamedTuple):
    """What a network is made of; biases and norms are left out.

    Attributes:
        products: of its convolutions, for one image.
        values: that these give, for one image.
        convolutions: their weights.
        dense: the weights of its fully connected layers.
    """

    products: int
    values: int
    convolutions: int
    dense: int

    @property
    def weights(self) -> int:
        """All of them."""
        return self.convolutions + self.dense


def counts(config: RunConfig) -> Counts:
    """The counts of a configuration's network."""
    data = DATASETS[config.dataset]
    channels, side, _ = data.image_shape
    products = convolutions = values = 0
    if config.model == "cnn":
        for layer in config.conv_layers:
            side = layer.output_side(side)
            weights = channels * layer.channels * layer.kernel**2
            products, convolutions = products + weights * side**2, convolutions + weights
            channels = layer.channels
            values += channels * side**2
    sizes = (channels * side**2, *config.hidden_sizes, data.classes)
    dense = sum(a * b for a, b in itertools.pairwise(sizes))
    return Counts(products, values, convolutions, dense)
