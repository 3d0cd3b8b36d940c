"""The from-scratch network, ``dlsweep.scratch``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from dlsweep.parts.backends._backend import Backend


class Numpy(Backend):
    """The from-scratch network: feedforward, and an autoencoder whose code is frozen"""

    name = "numpy"
    meaning = "the from-scratch network: feedforward, and an autoencoder with freeze"
    also = ("scratch", "from_scratch")
    only: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "model": ("feedforward", "autoencoder"),
        "freeze": (True,),
        "batch_norm": (False,),
        "dropout": (0.0,),
        "augment": (None,),
    }
