"""Normal weights of one standard deviation, whatever the layer (Keras' RandomNormal)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from dlsweep.parts._lazy import np
from dlsweep.parts._option import Option
from dlsweep.parts.initializers._initializer import Initializer


class Random(Initializer):
    """Normal with standard deviation init_scale, by default 0.05"""

    name = "random"
    meaning = "normal with standard deviation init_scale"
    also = ("random_normal", "normal", "gaussian", "rand", "random_init")
    options: ClassVar[Mapping[str, Option]] = {
        "init_scale": Option(
            0.05,
            "weight_init random: standard deviation of the weights",
            low=0,
            above=True,
            also=("init_std", "weight_std", "weight_scale", "init_stddev"),
        )
    }

    def weights(
        self,
        rng: np.random.Generator,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        options: Mapping[str, Any],
    ) -> np.ndarray:
        return np.asarray(rng.standard_normal(shape) * options["init_scale"])
