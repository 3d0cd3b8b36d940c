"""A kept model as a network that is asked for features."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor

from dlsweep.config import ConfigError
from dlsweep.data.features import Extract, Network
from dlsweep.saved._model import find_file, load_model


def network_of(path: str, image_shape: tuple[int, int, int]) -> Network:
    """The network whose features are the values of a kept model's last hidden layer.

    Args:
        path: of the model's file, or the directory of its run.
        image_shape: channels, height and width of the images that it is asked about.

    Raises:
        ConfigError: in one line, where there is no such model, or it takes other images.
    """
    try:
        model = load_model(path)
    except ConfigError as error:
        raise ConfigError(f"features: {problem}" for problem in error.problems) from None
    if model.image_shape != image_shape:
        color, height, width = model.image_shape[0] == 3, *model.image_shape[1:]
        takes, has = ("×".join(map(str, shape)) for shape in (model.image_shape, image_shape))
        how = f"give image_size {height}x{width} and color {str(color).lower()}"
        line = f"{path} takes images of {takes}, and those of the data are {has}; {how}"
        raise ConfigError([f"features: {line}"])
    if not model.config.hidden_sizes and model.config.model == "feedforward":
        raise ConfigError([f"features: {path} has no hidden layer, whose values they would be"])
    size = model.features(np.zeros((1, *image_shape), np.float32)).shape[1]

    def extract(images: Tensor) -> Tensor:
        return torch.from_numpy(model.features(images))

    def load() -> Extract:
        return extract

    file = find_file(path)
    return Network(file.stem, f"saved {hashlib.sha256(file.read_bytes()).hexdigest()}", size, load)
