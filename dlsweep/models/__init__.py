"""Floor 1: the networks, as ordinary modules that know nothing of training or stacks."""

from __future__ import annotations

import torch
from torch import nn

from dlsweep.config import RunConfig
from dlsweep.config.own_model import is_own
from dlsweep.config.streams import module_seed
from dlsweep.models._activations import Activation
from dlsweep.models._autoencoder import Autoencoder
from dlsweep.models._blocks import Block
from dlsweep.models._cnn import ConvNet
from dlsweep.models._dropout import Dropout, DropoutInBlocks
from dlsweep.models._feedforward import FeedForward
from dlsweep.models._initializers import initialize
from dlsweep.models._layers import LayerRow, layers_of
from dlsweep.models._objective import (
    Objective,
    answers,
    auxiliary_name,
    evaluate_only,
    objective_of,
)
from dlsweep.models._on_cpu import quick_on_cpu
from dlsweep.models._own import make_own, refuse_undefined
from dlsweep.models._spec import ModelSpec, model_spec

MODELS: dict[str, type[nn.Module]] = {
    "feedforward": FeedForward,
    "cnn": ConvNet,
    "autoencoder": Autoencoder,
}


def build(
    config: RunConfig,
    image_shape: tuple[int, int, int],
    num_classes: int,
    dtype: torch.dtype = torch.float32,
) -> nn.Module:
    """The model of a configuration with its initial weights, on the CPU.

    What a module draws itself when it is made is drawn under the run's seed, so weights of layers
    that no ``weight_init`` is defined for depend on it too.

    Args:
        config: the run's settings.
        image_shape: (channels, height, width) of the images.
        num_classes: how many logits the model returns for each image.
        dtype: the type of the weights.

    Raises:
        ConfigError: in one line, where a model of the user's own cannot be trained.
    """
    own = is_own(config.model)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(module_seed(config.seed))
        if own:
            model = make_own(config, image_shape, num_classes)
        else:
            model = MODELS[config.model](model_spec(config, image_shape, num_classes))
    model = model.to(dtype)
    if own and config.weight_init == "torch":
        return model
    if own:
        refuse_undefined(model, config)
    initialize(model, config)
    return model


def skeleton(config: RunConfig, image_shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """The model of a configuration to look at; a built-in one has no values and takes no memory."""
    if is_own(config.model):
        return build(config, image_shape, num_classes)
    with torch.device("meta"):
        return MODELS[config.model](model_spec(config, image_shape, num_classes))


__all__ = [
    "MODELS",
    "Activation",
    "Autoencoder",
    "Block",
    "ConvNet",
    "Dropout",
    "DropoutInBlocks",
    "FeedForward",
    "LayerRow",
    "ModelSpec",
    "Objective",
    "answers",
    "auxiliary_name",
    "build",
    "evaluate_only",
    "initialize",
    "layers_of",
    "model_spec",
    "objective_of",
    "quick_on_cpu",
    "skeleton",
]
