"""What hidden layers of every model are made of."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from dlsweep.models._activations import Activation
from dlsweep.models._dropout import Dropout
from dlsweep.models._spec import ModelSpec


class Block(nn.Module):
    """A hidden layer: linear map or convolution → norm → activation.

    A linear map flattens what reaches it, which is where convolutions end. Weights before a norm
    have no bias: the norm would take it out again, so its gradient would be rounding noise, of
    which Adam and RMSprop, whose steps do not shrink with the gradient, make a random walk.
    """

    def __init__(self, weights: nn.Module, norm: nn.Module | None, activation: Activation) -> None:
        super().__init__()
        self.weights = weights
        self.norm = norm
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        if isinstance(self.weights, nn.Linear):
            x = x.flatten(1)
        x = self.weights(x)
        if self.norm is not None:
            x = self.norm(x)
        y: Tensor = self.activation(x)
        return y


def with_dropout(layers: Sequence[nn.Module], spec: ModelSpec) -> nn.Sequential:
    """The layers in order, with dropout after the blocks that ``spec.dropout_at`` names."""
    last = sum(isinstance(layer, Block) for layer in layers) - 1
    places = {
        "first": {0},
        "last": {last},
        "both": {0, last},
        "all": set(range(last + 1)),
    }[spec.dropout_at]
    found: list[nn.Module] = []
    block = 0
    for layer in layers:
        found.append(layer)
        if isinstance(layer, Block):
            if spec.dropout and block in places:
                found.append(Dropout(spec.dropout, spec.dropout_key, block))
            block += 1
    return nn.Sequential(*found)
