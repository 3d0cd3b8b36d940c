"""What PyTorch's modules begin with; ``weight_init: default`` is another spelling of it.

A model of the user's own keeps what its modules draw themselves, under the run's seed. In built-in
networks it is the distribution of ``torch.nn.Linear`` and ``torch.nn.Conv2d``, drawn here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dlsweep.parts._lazy import np
from dlsweep.parts.initializers._initializer import Initializer


class Torch(Initializer):
    """Uniform in ±1 / √fan_in, weights and biases"""

    name = "torch"
    meaning = "the modules' own: uniform in ±1 / √fan_in, biases too"
    also = ("default", "pytorch", "module", "own", "default_init")

    def weights(
        self,
        rng: np.random.Generator,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        options: Mapping[str, Any],
    ) -> np.ndarray:
        limit = 1 / math.sqrt(fan_in)
        return rng.uniform(-limit, limit, shape)

    def biases(self, rng: np.random.Generator, size: int, fan_in: int) -> np.ndarray:
        limit = 1 / math.sqrt(fan_in)
        return rng.uniform(-limit, limit, size)
