"""The features that a kept model was trained on, computed again for new images."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import Scaling
from dlsweep.data.features import Extract, Network, find_network

_BATCH = 32


def features_json(network: Network, scaling: Scaling) -> str:
    """What a model's file keeps of the features that it was trained on."""
    return json.dumps({"identity": network.identity, "scaling": scaling.as_dict()})


def with_files_found(file: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a kept model; a saved model or weights that it needs may have moved.

    Where there is no such file any more, one of that name is taken that lies beside the model's
    file, or in the working directory.
    """
    found = dict(settings)
    for name in ("features", "features_weights"):
        value = str(settings.get(name) or "")
        path, colon, function = value.rpartition(":") if ".py:" in value else (value, "", "")
        if os.path.isabs(path) and not Path(path).exists():
            places = (file.parent / Path(path).name, Path.cwd() / Path(path).name)
            there = next((place for place in places if place.exists()), None)
            if there is not None:
                found[name] = f"{there}{colon}{function}"
    return found


@dataclass(frozen=True, eq=False)
class Features:
    """What turns images into what a model takes.

    Attributes:
        image_shape: channels, height and width of the images.
        size: how many features each has.
        scaling: how features become those that the model takes.
    """

    image_shape: tuple[int, int, int]
    size: int
    scaling: Scaling
    _extract: Extract

    @classmethod
    def of(
        cls, file: Path, kept: str, config: RunConfig, image_shape: tuple[int, int, int]
    ) -> Features:
        """Those of a model's file.

        Raises:
            ConfigError: in one line, where the network cannot be had, or is another one.
        """
        values: Mapping[str, Any] = json.loads(kept)
        assert config.features is not None
        try:
            network = find_network(config.features, config.features_weights, image_shape)
            if network.identity != values["identity"]:
                raise ConfigError([f"features: {network.name} has changed since; train anew"])
            extract = network.load()
        except ConfigError as error:
            why = "; ".join(error.problems)
            raise ConfigError(
                [f"{file}: the features that it takes cannot be had: {why}"]
            ) from None
        return cls(image_shape, network.size, Scaling.from_dict(values["scaling"]), extract)

    def of_images(self, images: torch.Tensor) -> torch.Tensor:
        """Scaled features, (N, 1, 1, size), of images (N, C, H, W) with pixels in [0, 1]."""
        rows = [self._extract(some.float()).numpy() for some in torch.split(images, _BATCH)]
        values = np.concatenate(rows) if len(images) else np.empty((0, self.size), np.float32)
        return self.scaling.apply(values[:, None, None])
