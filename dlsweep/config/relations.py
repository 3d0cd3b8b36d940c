"""What settings that are each sound alone may not be together, or are for nothing."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from dlsweep.config import choices
from dlsweep.config.fields import Fields

_HEEDED = {
    "conv_layers": ("model", ("cnn",)),
    "conv_activation": ("model", ("cnn",)),
    "momentum": ("optimizer", ("momentum", "nesterov")),
    "beta": ("optimizer", ("rmsprop",)),
    "beta1": ("optimizer", ("adam", "nadam")),
    "beta2": ("optimizer", ("adam", "nadam")),
    "epsilon": ("optimizer", ("rmsprop", "adam", "nadam")),
    "step_size": ("lr_schedule", ("step",)),
    "gamma": ("lr_schedule", ("step",)),
    "projection": ("figures", ("full",)),
}
"""Settings that only some values of another setting heed."""


def without_effect(given: Collection[str], values: Mapping[str, Collection[Any]]) -> list[str]:
    """Notices of settings that were given and change nothing.

    Args:
        given: the names of the settings.
        values: by name, all values that a setting may have, in one run or over a sweep.
    """
    for_nothing: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, (other, heeding) in _HEEDED.items():
        if name in given and not set(heeding) & set(values[other]):
            for_nothing.setdefault((other, heeding), []).append(name)
    return [
        f"{', '.join(names)}: no effect without {other} {' or '.join(heeding)}"
        for (other, heeding), names in for_nothing.items()
    ]


def contradictions(config: Fields) -> list[str]:
    """What is wrong between settings that are each sound alone, one line each."""
    problems = []
    if isinstance(config.hidden_size, tuple) and len(config.hidden_size) != config.num_layers:
        problems.append(
            f"hidden_size: got {len(config.hidden_size)} sizes {list(config.hidden_size)} for "
            f"num_layers {config.num_layers}; give one size, or one per hidden layer"
        )
    if config.batch_norm and config.batch_size == 1:
        problems.append("batch_norm: one image has no variance; use a batch_size of 2 or more")
    problems += _split(config)
    if config.model == "cnn":
        _, side, _ = choices.DATASETS[config.dataset].image_shape
        for i, layer in enumerate(config.conv_layers, start=1):
            if layer.output_side(side) < 1:
                problems.append(
                    f"conv_layers: convolution {i} ({layer.kernel}×{layer.kernel}) is larger than "
                    f"the {side}×{side} image that reaches it"
                )
                break
            side = layer.output_side(side)
    if config.backend == "numpy":
        if config.model != "feedforward":
            problems.append("model: backend numpy trains feedforward only; use backend torch")
        if config.batch_norm:
            problems.append("batch_norm: not part of backend numpy; use backend torch")
        if config.dropout > 0:
            problems.append("dropout: not part of backend numpy; use backend torch")
        if config.device.startswith("cuda"):
            problems.append("device: backend numpy runs on the CPU; use auto or cpu")
    return problems


def _split(config: Fields) -> list[str]:
    """What cannot be had of the data set, as ``dlsweep.data`` finds it of the images themselves."""
    data = choices.DATASETS[config.dataset]
    held_out = math.ceil(config.val_fraction * data.train_images)
    left = data.train_images - held_out
    if min(held_out, left) < data.classes:
        return [
            f"val_fraction: got {config.val_fraction:g}, which makes {held_out:,} validation and "
            f"{left:,} training images of {config.dataset}; each needs one of every of the "
            f"{data.classes} classes"
        ]
    if config.train_size is None or data.classes <= config.train_size <= left:
        return []
    return [
        f"train_size: got {config.train_size:,}, expected {data.classes} (one image of each class) "
        f"to {left:,} (what val_fraction {config.val_fraction:g} leaves of {config.dataset})"
    ]
