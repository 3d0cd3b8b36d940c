"""The from-scratch network as a backend: a stack of one.

``dlsweep.scratch`` is written to be read; what the engine needs beside that is here: initial
weights from the run's own streams, parameters in blocks, the best weights, checkpoints.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np

from dlsweep import scratch
from dlsweep.config import ConfigError, RunConfig
from dlsweep.config.streams import epoch_order, weight_stream
from dlsweep.data import Dataset, Split
from dlsweep.models import Objective
from dlsweep.parts import INITIALIZERS
from dlsweep.training.learners._arrays import load_arrays
from dlsweep.training.learners._learner import Means, Recalled

_BLOCK = 16384
"""Numbers that a step of an update rule goes through at a time.

The rules work element by element, so any blocks do. The intermediate results of small ones stay in
the processor's cache, and their memory is used again; that of large ones the operating system gives
and takes each time.
"""


T = TypeVar("T")


class _Kept(scratch.Loss):
    """A loss that keeps what it came to on each batch."""

    def __init__(self, loss: scratch.Loss) -> None:
        self._loss = loss
        self.losses: list[float] = []

    def forward(self, logits: np.ndarray, labels: np.ndarray) -> float:
        """See ``scratch.Loss``."""
        self.losses.append(self._loss.forward(logits, labels))
        return self.losses[-1]

    def backward(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """See ``scratch.Loss``."""
        return self._loss.backward(logits, labels)


class NumpyLearner:
    """Trains one run with ``dlsweep.scratch``; see ``Learner``.

    Args:
        configs: one configuration; the planner stacks no more for this backend.
        data: tensors on the CPU; their type is the network's.

    Raises:
        ConfigError: for an activation, a loss and the like that is not there from scratch.
    """

    auxiliary: str | None = None

    def __init__(self, configs: Sequence[RunConfig], data: Dataset) -> None:
        (config,) = configs
        self.config = config
        self.splits = {name: _arrays(getattr(data, name)) for name in ("train", "val", "test")}
        images, _ = self.splits["train"]
        self.network = self.make_network(images.shape[1], data, images.dtype)
        self.best = copy.deepcopy(self.network)
        self.loss = _with_settings(_part(scratch.LOSSES, config, "loss"), config)
        self.optimizer = self.make_optimizer()

    def make_network(self, pixels: int, data: Dataset, dtype: np.dtype) -> scratch.Network:
        """The network with its initial weights."""
        return network_of(self.config, [pixels, *self.config.hidden_sizes, data.num_classes], dtype)

    def make_optimizer(self) -> scratch.Optimizer:
        """The update rule, on what is trained in blocks."""
        rule = _part(scratch.OPTIMIZERS, self.config, "optimizer")
        return _with_settings(rule, self.config, parameters=_blocks(self.trained()))

    def trained(self) -> list[np.ndarray]:
        """The parameters that are trained now."""
        return self.network.parameters

    def step(self, gradients: Sequence[np.ndarray]) -> None:
        """One step of the update rule, given the gradients of what is trained."""
        self.optimizer.step(_blocks(gradients))

    def objective(self, epoch: int) -> Objective:
        """What is trained for in an epoch, from 1; the same of all members."""
        return Objective()

    def parameters(self, row: int) -> int:
        """How many numbers are trained in a member."""
        return sum(parameter.size for parameter in self.network.parameters)

    def train_epoch(self, epoch: int, learning_rates: np.ndarray) -> Means:
        """Train all members for one epoch."""
        images, labels = self.splits["train"]
        self.optimizer.learning_rate = float(learning_rates[0])
        order = epoch_order(self.config.seed, epoch, len(labels))
        kept = _Kept(self.loss)
        loss, accuracy = scratch.train_epoch(
            self.network, kept, self, images, labels, order, self.config.batch_size
        )
        return Means(np.array([loss]), np.array([accuracy]), batches=np.array([kept.losses]))

    def validate(self) -> Means:
        """On the validation split."""
        loss, accuracy = scratch.evaluate(self.network, self.loss, *self.splits["val"])
        return Means(np.array([loss]), np.array([accuracy]))

    def remember(self, rows: Sequence[int]) -> None:
        """Keep these members' present weights as their best."""
        if rows:
            for best, now in zip(self.best.parameters, self.network.parameters, strict=True):
                best[...] = now

    def recall(self, row: int, split: str) -> Recalled:
        """What a member's best weights say of ``val`` or ``test``."""
        images, labels = self.splits[split]
        return self.recalled(scratch.logits_of(self.best, images), labels)

    def recalled(self, logits: np.ndarray, labels: np.ndarray) -> Recalled:
        """What logits say of images with these labels."""
        probabilities = np.exp(scratch.log_softmax(logits)).astype(np.float32)
        return Recalled(self.loss.forward(logits, labels), logits.argmax(1), probabilities)

    def best_weights(self, row: int) -> dict[str, np.ndarray]:
        """Weights as (outputs, inputs), under the names that the torch model gives them."""
        return {name: array.T.copy() for name, array in self._named(self.best).items()}

    def _named(self, network: scratch.Network) -> dict[str, np.ndarray]:
        names = [f"{layer}.{kind}" for layer in self.layers() for kind in ("weight", "bias")]
        return dict(zip(names, network.parameters, strict=True))

    def layers(self) -> Sequence[str]:
        """The names that the torch model gives the linear maps."""
        return [f"hidden.{i}.weights" for i in range(self.config.num_layers)] + ["output"]

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these members only; there is only one."""

    def state(self) -> dict[str, np.ndarray]:
        """Copies of all arrays that decide how training goes on, by name."""
        return {name: array.copy() for name, array in (self._arrays() | self._numbers()).items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from what ``state`` gave for the same members."""
        numbers = self._numbers()
        load_arrays(self._arrays() | numbers, arrays)
        for name, number in numbers.items():
            setattr(self.optimizer, name, number.item())

    def _numbers(self) -> dict[str, np.ndarray]:
        """What the optimizer counts, and its learning rate, which sklearn's velocities contain."""
        names = ["t", "learning_rate", *["mu_product"] * hasattr(self.optimizer, "mu_product")]
        return {name: np.array(getattr(self.optimizer, name)) for name in names}

    def _arrays(self) -> dict[str, np.ndarray]:
        """All else that training changes."""
        arrays = {f"now.{name}": array for name, array in self._named(self.network).items()}
        arrays |= {f"best.{name}": array for name, array in self._named(self.best).items()}
        for i, block in enumerate(self.optimizer.memory):
            arrays |= {f"memory.{i}.{j}": array for j, array in enumerate(block)}
        return arrays


def network_of(
    config: RunConfig, sizes: Sequence[int], dtype: np.dtype, first: int = 0
) -> scratch.Network:
    """A network of these sizes, each linear layer with weights from its own stream, from ``first``.

    Raises:
        ConfigError: for an activation or initial weights that are not there from scratch.
    """
    activation = _part(scratch.ACTIVATIONS, config, "activation")
    draw = _part(scratch.INITIALIZERS, config, "weight_init")
    layers: list[scratch.Layer] = []
    options = config.options(INITIALIZERS[config.weight_init].options)
    for i, (fan_in, fan_out) in enumerate(pairwise(sizes), start=first):
        weight, bias = draw(weight_stream(config.seed, i), fan_in, fan_out, **options)
        layers += [scratch.Linear(weight, bias, dtype), activation()]
    return scratch.Network(layers[:-1])


def _part(table: Mapping[str, T], config: RunConfig, setting: str) -> T:
    """What a setting names; ConfigError where there is none from scratch."""
    name = config[setting]
    if name not in table:
        raise ConfigError([f"{setting}: backend {config.backend} has no {name}; use backend torch"])
    return table[name]


def _with_settings(kind: Callable[..., T], config: RunConfig, **others: object) -> T:
    """An optimizer or a loss, its fields set to the run's settings of the same names."""
    names = {field.name for field in dataclasses.fields(kind)} - others.keys()  # type: ignore[arg-type]
    return kind(**others, **{name: config[name] for name in names})


def _blocks(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Views of the arrays' numbers, at most so many in each."""
    flat = [array.reshape(-1) for array in arrays]
    return [a[start : start + _BLOCK] for a in flat for start in range(0, a.size, _BLOCK)]


def _arrays(split: Split) -> tuple[np.ndarray, np.ndarray]:
    return split.images.flatten(1).numpy(), split.labels.numpy()
