"""Updates of members one by one, by torch.optim's fused kernels: one pass over their numbers.

The rules of ``_rules`` take a dozen operations over all numbers, of which a GPU's compiler makes
one. On a CPU the same six rules are calls of two kernels, those of Adam and of SGD; and what a
member gets is the same to the bit whoever is beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from dlsweep.config import RunConfig
from dlsweep.training._matrix import Columns, as_it_lies
from dlsweep.training._rules import rule_of

_FOREVER = torch.tensor(float("inf"))
"""A number of steps after which no correction of a moment's start at 0 is left."""


class FusedUpdate:
    """Updates one member's parameters and slots in place, as its rule of ``_rules`` does.

    Args:
        config: the member's.
        parameters: of any shapes, each as it lies in memory (see ``as_it_lies``).
        slots: what its rule remembers of each parameter, for every slot; likewise.
    """

    def __init__(
        self, config: RunConfig, parameters: Sequence[Tensor], slots: Sequence[Sequence[Tensor]]
    ) -> None:
        self._config = config
        self._parameters = list(parameters)
        self._slots = [list(slot) for slot in slots]
        if config.optimizer == "rmsprop":  # Adam with a first moment that remembers nothing
            self._slots.insert(0, [torch.zeros_like(slot) for slot in self._slots[0]])
        self._steps = [_FOREVER] * len(self._parameters)
        self._learning_rate = config.learning_rate
        self._factors: Iterator[list[float]] = iter(())

    def begin_epoch(self, learning_rate: float, numbers: np.ndarray) -> None:
        """Set the learning rate of the steps that follow, and their numbers from 1, (T,)."""
        factors = rule_of(self._config).factors(self._config, learning_rate, numbers)
        self._learning_rate = learning_rate
        self._factors = iter(np.stack(factors, 1).tolist())

    def __call__(self, gradients: list[Tensor]) -> None:
        """Take a step; the gradients, as the parameters are, may be overwritten."""
        config, factors = self._config, next(self._factors)
        if config.optimizer == "rmsprop":
            self._adam(gradients, self._learning_rate, 0.0, config.beta, config.epsilon)
        elif config.optimizer == "adam":
            _, rate, epsilon = factors
            self._adam(gradients, rate, config.beta1, config.beta2, epsilon)
        elif config.optimizer == "nadam":
            self._nadam(gradients, *factors)
        else:
            self._sgd(gradients)

    def _sgd(self, gradients: list[Tensor]) -> None:
        """SGD, momentum and Nesterov."""
        momentum = self._config.momentum if self._slots else 0.0
        torch._fused_sgd_(
            self._parameters,
            gradients,
            self._slots[0] if momentum > 0 else [],
            weight_decay=self._config.weight_decay,
            momentum=momentum,
            lr=self._learning_rate,
            dampening=0.0,
            nesterov=self._config.optimizer == "nesterov" and momentum > 0,
            maximize=False,
            is_first_step=False,  # what it remembers is there, as zeros
        )

    def _adam(
        self, gradients: list[Tensor], rate: float, beta1: float, beta2: float, epsilon: float
    ) -> None:
        """m ← beta1 · m + (1 − beta1) · g, v likewise of g²;  w ← w − rate · m / (√v + epsilon)"""
        m, v = self._slots
        torch._fused_adam_(
            self._parameters,
            gradients,
            m,
            v,
            [],
            self._steps,
            lr=rate,
            beta1=beta1,
            beta2=beta2,
            weight_decay=0.0 if self._config.optimizer == "nadam" else self._config.weight_decay,
            eps=epsilon,
            amsgrad=False,
            maximize=False,
        )

    def _nadam(self, gradients: list[Tensor], rate_g: float, rate_m: float, epsilon: float) -> None:
        """As Adam, but w ← w − (rate_g · g + rate_m · m) / (√v + epsilon).

        What is divided is rate_g + rate_m times a moment of the old m and g, with another beta1.
        The kernel leaves that moment in m's place, and m is made of it again.
        """
        numbers = torch.finfo(self._parameters[0].dtype)
        if self._config.weight_decay > 0:
            penalty = min(self._config.weight_decay, numbers.max)
            torch._foreach_add_(gradients, self._parameters, alpha=penalty)
        rate, beta1 = rate_g + rate_m, self._config.beta1
        # Of the old m so little is taken that the sum is g alone, and m as good as g; what would
        # make it of the sum again may be beyond the type's numbers.
        if not rate_m * beta1 > numbers.eps * rate:
            self._adam(gradients, rate, 0.0, self._config.beta2, epsilon)
            return
        self._adam(gradients, rate, rate_m * beta1 / rate, self._config.beta2, epsilon)
        torch._foreach_lerp_(self._slots[0], gradients, -rate_g / rate_m)


class FusedOptimizer:
    """The updates of a stack, member by member.

    Args:
        configs: the K members' configurations.
        columns: where the parameters are.
        names: of each member's parameters.
        parameters: (K, P), updated in place by ``step``.
    """

    def __init__(
        self,
        configs: Sequence[RunConfig],
        columns: Columns,
        names: Sequence[Sequence[str]],
        parameters: Tensor,
    ) -> None:
        self._configs, self._names = list(configs), list(names)
        self._columns = columns
        self.steps = 0
        """Steps taken so far."""
        most = max(rule_of(config).slots for config in configs)
        self.slots = [torch.zeros_like(parameters) for _ in range(most)]
        self._prepare(parameters)

    def _prepare(self, parameters: Tensor) -> None:
        stacked, *slots = (self._columns.views(matrix) for matrix in (parameters, *self.slots))

        def own(views: Mapping[str, Tensor], row: int) -> list[Tensor]:
            return [as_it_lies(views[name][row]) for name in self._names[row]]

        self._updates = [
            FusedUpdate(
                config,
                own(stacked, row),
                [own(slot, row) for slot in slots[: rule_of(config).slots]],
            )
            for row, config in enumerate(self._configs)
        ]

    def begin_epoch(self, learning_rates: np.ndarray, steps: int) -> None:
        """Set the learning rates, (K,), of the next ``steps`` steps."""
        numbers = np.arange(self.steps + 1, self.steps + steps + 1, dtype=np.int64)
        for update, rate in zip(self._updates, learning_rates, strict=True):
            update.begin_epoch(float(rate), numbers)
        self.steps += steps

    def step(self, gradients: Sequence[list[Tensor]]) -> None:
        """Update the parameters in place.

        Args:
            gradients: of the mean loss of the batch, for each member and each of its parameters in
                the order of their names, as they lie in memory; they may be overwritten.
        """
        for update, own in zip(self._updates, gradients, strict=True):
            update(own)

    def keep(self, rows: Sequence[int], parameters: Tensor) -> None:
        """Go on with these members only; ``parameters`` are theirs already, (len(rows), P)."""
        index = torch.tensor(rows)
        self._configs = [self._configs[row] for row in rows]
        self._names = [self._names[row] for row in rows]
        self.slots = [slot.index_select(0, index) for slot in self.slots]
        self._prepare(parameters)
