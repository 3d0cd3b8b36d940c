"""He et al. 2015, equation 10."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dlsweep.parts._lazy import np
from dlsweep.parts.initializers._initializer import Initializer


class He(Initializer):
    """Normal with standard deviation √(2 / fan_in)"""

    name = "he"
    meaning = "He's normal"
    also = ("kaiming", "he_normal", "kaiming_normal", "he_init")

    def weights(
        self,
        rng: np.random.Generator,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        options: Mapping[str, Any],
    ) -> np.ndarray:
        return np.asarray(rng.standard_normal(shape) * math.sqrt(2 / fan_in))
