"""All zero: every hidden unit stays like its neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlsweep.parts._lazy import np
from dlsweep.parts.initializers._initializer import Initializer


class Zeros(Initializer):
    """0"""

    name = "zeros"
    meaning = "all zero"
    also = ("zero", "zeroes", "zero_init")

    def weights(
        self,
        rng: np.random.Generator,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        options: Mapping[str, Any],
    ) -> np.ndarray:
        return np.zeros(shape)
