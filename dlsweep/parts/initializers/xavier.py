"""Glorot and Bengio 2010, equation 16."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dlsweep.parts._lazy import np
from dlsweep.parts.initializers._initializer import Initializer


class Xavier(Initializer):
    """Uniform in ±√(6 / (fan_in + fan_out))"""

    name = "xavier"
    meaning = "Glorot and Bengio's uniform"
    also = ("glorot", "xavier_uniform", "glorot_uniform", "xavier_init")

    def weights(
        self,
        rng: np.random.Generator,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        options: Mapping[str, Any],
    ) -> np.ndarray:
        limit = math.sqrt(6 / (fan_in + fan_out))
        return rng.uniform(-limit, limit, shape)
