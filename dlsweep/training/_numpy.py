"""The from-scratch network as a backend: a stack of one."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np

from dlsweep import scratch
from dlsweep.config import RunConfig
from dlsweep.config.streams import epoch_order
from dlsweep.data import Dataset, Split
from dlsweep.training._learner import Recalled
from dlsweep.training._state import load_arrays


class NumpyLearner:
    """Trains one run with ``dlsweep.scratch``; see ``Learner``.

    Args:
        configs: one configuration; the planner stacks no more for this backend.
        data: tensors on the CPU; their type is the network's.
    """

    def __init__(self, configs: Sequence[RunConfig], data: Dataset) -> None:
        (config,) = configs
        self.config = config
        self.splits = {name: _arrays(getattr(data, name)) for name in ("train", "val", "test")}
        images, _ = self.splits["train"]
        self.network = scratch.Network(
            [images.shape[1], *config.hidden_sizes, data.num_classes],
            activation=config.activation,
            loss=config.loss,
            weight_init=config.weight_init,
            seed=config.seed,
            dtype=images.dtype,
        )
        self.optimizer = scratch.OPTIMIZERS[config.optimizer](
            self.network.parameters,
            learning_rate=config.learning_rate,
            momentum=config.momentum,
            beta=config.beta,
            beta1=config.beta1,
            beta2=config.beta2,
            epsilon=config.epsilon,
            weight_decay=config.weight_decay,
        )
        self.best = copy.deepcopy(self.network)

    def parameters(self, row: int) -> int:
        """See ``Learner``."""
        return int(self.network.parameters.size)

    def train_epoch(self, epoch: int, learning_rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See ``Learner``."""
        images, labels = self.splits["train"]
        self.optimizer.learning_rate = float(learning_rates[0])
        loss, accuracy = scratch.train_epoch(
            self.network,
            self.optimizer,
            images,
            labels,
            epoch_order(self.config.seed, epoch, len(labels)),
            self.config.batch_size,
        )
        return np.array([loss]), np.array([accuracy])

    def validate(self) -> tuple[np.ndarray, np.ndarray]:
        """See ``Learner``."""
        loss, accuracy = scratch.evaluate(self.network, *self.splits["val"])
        return np.array([loss]), np.array([accuracy])

    def remember(self, rows: Sequence[int]) -> None:
        """See ``Learner``."""
        if rows:
            self.best.restore(self.network.snapshot())

    def expect(self, rows: Sequence[int]) -> None:
        """See ``Learner``. There is one."""

    def recall(self, row: int, split: str) -> Recalled:
        """See ``Learner``."""
        images, labels = self.splits[split]
        loss, _ = scratch.evaluate(self.best, images, labels)
        log_p = scratch.log_probabilities(self.best, images)
        return Recalled(loss, log_p.argmax(1), np.exp(log_p).astype(np.float32))

    def best_weights(self, row: int) -> dict[str, np.ndarray]:
        """Weights as (outputs, inputs), under the names that the torch model gives them."""
        names = self._layer_names()
        weights = {}
        for name, weight, bias in zip(names, self.best.weights, self.best.biases, strict=True):
            weights[f"{name}.weight"] = weight.T.copy()
            weights[f"{name}.bias"] = bias.copy()
        return weights

    def set_best_weights(self, row: int, weights: Mapping[str, np.ndarray]) -> None:
        """See ``Learner``."""
        names = self._layer_names()
        for name, weight, bias in zip(names, self.best.weights, self.best.biases, strict=True):
            weight[...] = weights[f"{name}.weight"].T
            bias[...] = weights[f"{name}.bias"]

    def _layer_names(self) -> list[str]:
        return [f"hidden.{i}.weights" for i in range(self.config.num_layers)] + ["output"]

    def keep(self, rows: Sequence[int]) -> None:
        """See ``Learner``; there is only one member to keep."""

    def state(self) -> dict[str, np.ndarray]:
        """See ``Learner``."""
        return {name: array.copy() for name, array in (self._arrays() | self._numbers()).items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """See ``Learner``."""
        numbers = self._numbers()
        load_arrays(self._arrays() | numbers, arrays)
        for name, number in numbers.items():
            setattr(self.optimizer, name, number.item())

    def _numbers(self) -> dict[str, np.ndarray]:
        """What the optimizer counts."""
        names = ("t", "mu_product") if isinstance(self.optimizer, scratch.NAdam) else ("t",)
        return {name: np.array(getattr(self.optimizer, name)) for name in names}

    def _arrays(self) -> dict[str, np.ndarray]:
        """All else that training changes; the best network, a copy, has no vector but its views."""
        best = {f"best.weights.{i}": w for i, w in enumerate(self.best.weights)}
        best |= {f"best.biases.{i}": b for i, b in enumerate(self.best.biases)}
        parameters, optimizer = self.network.parameters, self.optimizer
        return {"parameters": parameters, "m": optimizer.m, "v": optimizer.v, **best}


def _arrays(split: Split) -> tuple[np.ndarray, np.ndarray]:
    return split.images.flatten(1).numpy(), split.labels.numpy()
