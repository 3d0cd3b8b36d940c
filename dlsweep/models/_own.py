"""Models of the user's own: made, and checked to be ones that can be trained."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from dlsweep.config import ConfigError, RunConfig
from dlsweep.config.model_options import load_model_class

_NORMS = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
    nn.PReLU,
)
"""Layers whose own initial values belong to every initialisation."""


def make_own(config: RunConfig, image_shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """An own class's module with the values that it draws itself, from torch's generator.

    Raises:
        ConfigError: in one line, where the class makes no module that gives logits for images.
    """
    made = load_model_class(config.model)
    try:
        module = made(
            image_shape=image_shape, num_classes=num_classes, **dict(config.model_settings)
        )
    except Exception as error:
        raise _refusal(config, f"cannot be made: {_line(error)}") from error
    if not isinstance(module, nn.Module):
        raise _refusal(config, f"is not a torch.nn.Module but a {type(module).__name__}")
    training = module.training
    try:
        with torch.no_grad():  # lazy layers get their shapes here
            logits: Any = module.eval()(torch.zeros(2, *image_shape))
    except Exception as error:
        raise _refusal(config, f"fails on images of {image_shape}: {_line(error)}") from error
    module.train(training)
    shape = tuple(getattr(logits, "shape", ()))
    if shape != (2, num_classes):
        found = f"values of shape {shape}" if shape else f"a {type(logits).__name__}"
        raise _refusal(
            config, f"gives {found} for 2 images; it must give logits, (2, {num_classes})"
        )
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise _refusal(config, "has no parameters to train")
    return module


def refuse_undefined(module: nn.Module, config: RunConfig) -> None:
    """Refuse an initialisation that is not defined for some layer of an own model.

    Raises:
        ConfigError: in one line, with the layer.
    """
    for name, layer in module.named_modules():
        defined = isinstance(layer, (nn.Linear, nn.Conv2d, *_NORMS))
        if layer._parameters and not defined:
            where = f"{type(layer).__name__} {name}".strip()
            raise ConfigError(
                [
                    f"weight_init: {config.weight_init} is not defined for {where} of "
                    f"{config.model}; use torch, the model's own initialisation"
                ]
            )


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _refusal(config: RunConfig, why: str) -> ConfigError:
    return ConfigError([f"model: {config.model} {why}"])
