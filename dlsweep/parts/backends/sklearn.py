"""scikit-learn's ``MLPClassifier``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from dlsweep.parts.backends._backend import Backend


class Sklearn(Backend):
    """scikit-learn's MLPClassifier, feedforward only; its weight decay spares the biases"""

    name = "sklearn"
    meaning = "scikit-learn's MLPClassifier; its weight decay spares the biases"
    also = ("scikit_learn", "scikit", "mlpclassifier")
    only: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "model": ("feedforward",),
        "optimizer": ("sgd", "momentum", "nesterov", "adam"),
        "loss": ("cross_entropy",),
        "label_smoothing": (0.0,),
        "activation": ("identity", "sigmoid", "tanh", "relu"),
        "batch_norm": (False,),
        "dropout": (0.0,),
        "augment": (None,),
    }
