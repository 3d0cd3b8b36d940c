"""How many numbers a network has and makes, from its configuration alone."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

from dlsweep.config import RunConfig
from dlsweep.data import describe


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
    facts = describe(config)
    shape = facts.image_shape
    products = convolutions = values = 0
    if config.model == "cnn":
        for layer in config.conv_layers:
            weights = layer.weights(shape[0])
            shape = layer.output_shape(shape)
            products += weights * math.prod(shape[1:])
            convolutions += weights
            values += math.prod(shape)
    sizes = (math.prod(shape), *config.hidden_sizes, len(facts.classes))
    dense = sum(a * b for a, b in itertools.pairwise(sizes))
    return Counts(products, values, convolutions, dense)
