"""Updates of one member by torch.optim's fused kernels: a single pass over its numbers.

The rules of ``_rules`` take a dozen operations, which a stack shares and a compiler fuses. One
member that is not compiled has neither: there the update of a small network took as long as its
gradient.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from dlsweep.config import RunConfig

FUSED = ("sgd", "momentum", "nesterov", "adam")
"""The rules that torch.optim has a fused kernel for on a CPU."""


class FusedUpdate:
    """Updates one member's parameters and slots in place, as its rule of ``_rules`` does.

    Args:
        config: the member's.
        parameters: its row, (P,).
        slots: its rows of what its rule remembers, (P,) each.
    """

    def __init__(self, config: RunConfig, parameters: Tensor, slots: Sequence[Tensor]) -> None:
        self._config = config
        self._parameters = [parameters]
        self._slots = [[slot] for slot in slots]
        self._learning_rate = config.learning_rate
        self._steps = [torch.tensor(0.0)]

    def begin_epoch(self, learning_rate: float, steps: int) -> None:
        """Set the learning rate of what follows, and how many steps were taken before."""
        self._learning_rate = float(learning_rate)
        self._steps[0].fill_(steps)

    def __call__(self, gradient: Tensor) -> None:
        """Take a step; the gradient is (P,)."""
        config = self._config
        if config.optimizer == "adam":
            m, v = self._slots
            adam(
                self._parameters,
                [gradient],
                m,
                v,
                [],
                self._steps,
                fused=True,
                amsgrad=False,
                beta1=config.beta1,
                beta2=config.beta2,
                lr=self._learning_rate,
                weight_decay=config.weight_decay,
                eps=config.epsilon,
                maximize=False,
            )
        else:
            sgd(
                self._parameters,
                [gradient],
                [*self._slots[0]] if self._slots else [None],
                fused=True,
                weight_decay=config.weight_decay,
                momentum=config.momentum if self._slots else 0.0,
                lr=self._learning_rate,
                dampening=0.0,
                nesterov=config.optimizer == "nesterov",
                maximize=False,
            )
