"""A trained model, to be asked again: by the code that evaluated it while it was trained."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from dlsweep.config import RunConfig
from dlsweep.models import Autoencoder, build
from dlsweep.training.learners import logits_of, quicken, transposed
from dlsweep.training.planning import counts_of


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
        types = [value.dtype for value in state.values() if value.is_floating_point()]
        self._dtype = types[0] if types else torch.float32
        module = build(self.config, image_shape, len(classes), self._dtype)
        try:
            module.load_state_dict(state)
        except RuntimeError as error:
            raise ValueError("; ".join(line.strip() for line in str(error).splitlines())) from None
        self.module: nn.Module = module.eval()
        self._widest = counts_of(module, image_shape).widest

    def probabilities(self, images: Tensor) -> np.ndarray:
        """Softmax outputs, float32, (N, classes), for images (N, C, H, W) with pixels in [0, 1].

        For the images of a split the answers are those at the end of the run's training: to the bit
        where the run was trained by torch on this kind of processor; else to rounding, 1e-6, for
        another library or processor adds in another order.
        """
        if not len(images):
            return np.empty((0, len(self.classes)), np.float32)
        return torch.softmax(self._logits(images), 1).float().numpy()

    def predictions(self, images: Tensor) -> np.ndarray:
        """The classes of the largest logits, of equals the first, int64, (N,).

        Of a model that hardly tells images apart, probabilities may be equal where logits are not.
        """
        if not len(images):
            return np.empty(0, np.int64)
        return self._logits(images).argmax(1).numpy()

    def _logits(self, images: Tensor) -> Tensor:
        return logits_of(self._quick, images.to("cpu", self._dtype), self._widest)

    @torch.no_grad()
    def code(self, images: Tensor) -> np.ndarray:
        """What an autoencoder encodes images (N, C, H, W) in: (N, code_size).

        Raises:
            TypeError: where the model is none.
        """
        return self._autoencoder.code(images.to("cpu", self._dtype)).numpy()

    @torch.no_grad()
    def decode(self, code: np.ndarray) -> np.ndarray:
        """The images (N, C, H, W) that codes (N, code_size) stand for, with pixels around [0, 1].

        Raises:
            TypeError: where the model is not an autoencoder.
        """
        return self._autoencoder.decode(torch.from_numpy(code).to(self._dtype)).numpy()

    @property
    def _autoencoder(self) -> Autoencoder:
        if not isinstance(self.module, Autoencoder):
            raise TypeError(f"{self.config.model} is not an autoencoder")
        return self.module

    @functools.cached_property
    def _quick(self) -> nn.Module:
        """The module as it is evaluated in training: see ``quicken`` and ``transposed``."""
        module = copy.deepcopy(self.module)
        quicken(module)
        for name in transposed(module):
            parameter = module.get_parameter(name)
            parameter.data = parameter.data.mT.contiguous().mT
        return module

    @torch.no_grad()
    def features(self, images: Tensor) -> np.ndarray:
        """What the last linear map is given of images (N, C, H, W): (N, size)."""
        layers = [m for m in self.module.modules() if isinstance(m, nn.Linear)]
        found: list[Tensor] = []
        hooks = [
            layer.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
            for layer in layers
        ]
        try:
            logits: Tensor = self.module(images.to("cpu", self._dtype))
        finally:
            for hook in hooks:
                hook.remove()
        return (found[-1] if found else logits).flatten(1).numpy()
