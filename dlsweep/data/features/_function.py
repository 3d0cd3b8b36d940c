"""Features that a function of the user's own computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from dlsweep.config import ConfigError
from dlsweep.config.data import function_of
from dlsweep.config.own_code import module_file
from dlsweep.data.features._network import Extract, Network
from dlsweep.data.features._weights import digest_of
from dlsweep.data.own import find_function


def function_network(features: str, image_shape: tuple[int, int, int]) -> Network:
    """``module:function``, which is called with images and returns numbers for each.

    Args:
        features: names it. It is called with tensors (N, C, H, W), float32 with pixels in [0, 1],
            and returns (N, D), a tensor or an array; or more dimensions, which are flattened.
        image_shape: channels, height and width of the images.

    Raises:
        ConfigError: in one line, where there is no such function, or it cannot do that.
    """
    place, name = function_of(features) or ("", "")
    identity = digest_of(module_file(place, "features"), "features")
    extract = _extract(features, place, name)
    size = extract(torch.zeros(2, *image_shape)).shape[1]
    return Network(name, f"{name} {identity}", size, lambda: extract)


def _extract(features: str, place: str, name: str) -> Extract:
    function = find_function(place, name, "features")

    @torch.no_grad()
    def extract(images: Tensor) -> Tensor:
        try:
            returned: Any = function(images)
            values = torch.as_tensor(np.asarray(returned)) if not _tensor(returned) else returned
            rows = values.detach().cpu().to(torch.float32).reshape(len(images), -1)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ConfigError([f"features: {features} failed: {reason}"]) from error
        if not rows.shape[1]:
            raise ConfigError([f"features: {features} returned no number for an image"])
        return rows

    return extract


def _tensor(value: Any) -> bool:
    return isinstance(value, Tensor)
