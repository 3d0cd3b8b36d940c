"""What a model is built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dlsweep.config import RunConfig
from dlsweep.config.choices import MODELS
from dlsweep.config.streams import dropout_key
from dlsweep.models._activations import Activation
from dlsweep.parts import Layer


@dataclass(frozen=True)
class ModelSpec:
    """The part of a configuration that says what the model is, with the data's shape.

    Attributes:
        image_shape: (channels, height, width).
        options: the values of the settings that the model brings, by name.
    """

    image_shape: tuple[int, int, int]
    num_classes: int
    hidden_sizes: tuple[int, ...]
    activation_name: str
    conv_layers: tuple[Layer, ...]
    conv_activation_name: str
    batch_norm: bool
    dropout: float
    dropout_at: str
    dropout_key: int
    options: Mapping[str, Any]

    def activation(self) -> Activation:
        """The activation of a fully connected hidden layer, a new module."""
        return Activation(self.activation_name)

    def conv_activation(self) -> Activation:
        """The activation after a convolution, a new module."""
        return Activation(self.conv_activation_name)


def model_spec(
    config: RunConfig,
    image_shape: tuple[int, int, int],
    num_classes: int,
) -> ModelSpec:
    """The specification of ``config``'s model; see ``build``."""
    return ModelSpec(
        image_shape=image_shape,
        num_classes=num_classes,
        hidden_sizes=config.hidden_sizes,
        activation_name=config.activation,
        conv_layers=config.conv_layers,
        conv_activation_name=config.conv_activation or config.activation,
        batch_norm=config.batch_norm,
        dropout=config.dropout,
        dropout_at=config.dropout_at,
        dropout_key=dropout_key(config.seed),
        options=config.options(MODELS[config.model].options),
    )
