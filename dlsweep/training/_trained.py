"""A trained model, to be asked again: by the code that evaluated it while it was trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from dlsweep.config import RunConfig
from dlsweep.data import Dataset, Split
from dlsweep.models import build
from dlsweep.training._stack import BACKENDS


class TrainedModel:
    """The model of a run, on the CPU.

    Args:
        config: the run's settings.
        weights: its parameters and buffers by name, as in ``RunResult.weights``.
        image_shape: (channels, height, width) of the images it was trained on.
        classes: the names of the classes.

    Raises:
        ValueError: where the weights are not those of such a model.
    """

    def __init__(
        self,
        config: RunConfig,
        weights: Mapping[str, np.ndarray],
        image_shape: tuple[int, int, int],
        classes: tuple[str, ...],
    ) -> None:
        self.config = dataclasses.replace(config, device="cpu")
        self.weights = dict(weights)
        self.image_shape = image_shape
        self.classes = classes
        state = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
        dtype = state["output.weight"].dtype if "output.weight" in state else torch.float32
        self.module: nn.Module = build(self.config, image_shape, len(classes), dtype=dtype)
        try:
            self.module.load_state_dict(state)
        except RuntimeError as error:
            raise ValueError("; ".join(line.strip() for line in str(error).splitlines())) from None
        self.module.eval()
        self._dtype = dtype

    def probabilities(self, images: Tensor) -> np.ndarray:
        """Softmax outputs, float32, (N, classes), for images (N, C, H, W) with pixels in [0, 1].

        It is what evaluates a split at the end of training: for the images of a split the answers
        are those of the run, to the bit where the run was trained on this kind of processor.
        """
        if not len(images):
            return np.empty((0, len(self.classes)), np.float32)
        split = Split(images.to("cpu", self._dtype), torch.zeros(len(images), dtype=torch.int64))
        data = Dataset(self.config.dataset, split, split, split, self.classes)
        learner = BACKENDS[self.config.backend]([self.config], data, None)
        learner.set_best_weights(0, self.weights)
        return learner.recall(0, "test").probabilities

    @torch.no_grad()
    def features(self, images: Tensor) -> np.ndarray:
        """What the last hidden layer makes of images (N, C, H, W): (N, size)."""
        features: Tensor = self.module.features(images.to("cpu", self._dtype))  # type: ignore[operator]
        return features.numpy()
