"""What an initialisation's file brings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from dlsweep.parts._lazy import np
from dlsweep.parts._part import Part


class Initializer(Part, ABC):
    """A distribution of initial weights, drawn in float64 by NumPy."""

    @abstractmethod
    def weights(
        self,
        rng: np.random.Generator,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        options: Mapping[str, Any],
    ) -> np.ndarray:
        """Weights of a layer.

        Args:
            rng: the layer's own stream.
            shape: (inputs, outputs) of a linear map, (outputs, inputs, height, width) of a
                convolution.
            fan_in: the inputs of one of its outputs.
            fan_out: the outputs that one of its inputs reaches.
            options: the values of this part's settings.
        """

    def biases(self, rng: np.random.Generator, size: int, fan_in: int) -> np.ndarray:
        """Biases of a layer, (size,), drawn after its weights; zeros by default."""
        return np.zeros(size)
