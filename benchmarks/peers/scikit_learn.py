"""scikit-learn's MLPClassifier at the same layers, batch size and epochs.

It has SGD, momentum, Nesterov's momentum and Adam; RMSprop and NAdam are measured as its Adam.
"""

from __future__ import annotations

import time
import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from dlsweep.config import RunConfig
from dlsweep.data import Dataset

ACTIVATIONS = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu", "identity": "identity"}


def mlp_classifier(config: RunConfig, data: Dataset, epochs: int) -> list[float]:
    images, labels = data.train.images.flatten(1).numpy(), data.train.labels.numpy()
    plain = config.optimizer in ("sgd", "momentum", "nesterov")
    seconds = []
    for _ in range(epochs):
        model = MLPClassifier(
            config.hidden_sizes,
            activation=ACTIVATIONS[config.activation],
            solver="sgd" if plain else "adam",
            alpha=config.weight_decay,
            batch_size=config.batch_size,
            learning_rate_init=config.learning_rate,
            momentum=0.0 if config.optimizer == "sgd" else config.momentum,
            nesterovs_momentum=config.optimizer == "nesterov",
            max_iter=1,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            began = time.perf_counter()
            model.fit(images, labels)
            model.score(data.val.images.flatten(1).numpy(), data.val.labels.numpy())
            seconds.append(time.perf_counter() - began)
    return seconds
