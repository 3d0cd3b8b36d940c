"""Floor 1: the networks, as ordinary modules that know nothing of training or stacks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from dlsweep.config import RunConfig
from dlsweep.models._activations import (
    Activation,
)
from dlsweep.models._blocks import Block
from dlsweep.models._cnn import ConvNet
from dlsweep.models._dropout import Dropout, DropoutInBlocks
from dlsweep.models._feedforward import FeedForward, deepen
from dlsweep.models._initializers import initialize
from dlsweep.models._on_cpu import quick_on_cpu
from dlsweep.models._spec import ModelSpec, model_spec

MODELS: dict[str, type[nn.Module]] = {
    "feedforward": FeedForward,
    "cnn": ConvNet,
}


def build(
    config: RunConfig,
    image_shape: tuple[int, int, int],
    num_classes: int,
    among: Sequence[str] = (),
    conv_among: Sequence[str] = (),
    dtype: torch.dtype = torch.float32,
) -> nn.Module:
    """The model of a configuration with its initial weights, on the CPU.

    Args:
        config: the run's settings.
        image_shape: (channels, height, width) of the images.
        num_classes: how many logits the model returns for each image.
        among: the activations that its fully connected layers can be switched between; by default
            there is nothing to switch.
        conv_among: likewise of its convolutions.
        dtype: the type of the weights.
    """
    with torch.random.fork_rng(devices=[]):  # modules draw weights of their own: not used
        spec = model_spec(config, image_shape, num_classes, among, conv_among)
        model = MODELS[config.model](spec).to(dtype)
    initialize(model, config)
    return model


__all__ = [
    "MODELS",
    "Activation",
    "Block",
    "ConvNet",
    "Dropout",
    "DropoutInBlocks",
    "FeedForward",
    "ModelSpec",
    "build",
    "deepen",
    "initialize",
    "model_spec",
    "quick_on_cpu",
]
