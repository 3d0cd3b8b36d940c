"""Stochastic gradient descent (torch.optim.SGD)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlsweep.parts.optimizers import _kernels
from dlsweep.parts.optimizers._optimizer import Hyperparameters, Optimizer, Updater

if TYPE_CHECKING:
    from torch import Tensor


class SGD(Optimizer):
    """w ← w − lr · g"""

    name = "sgd"
    meaning = "stochastic gradient descent"
    also = ("gd", "vanilla", "stochastic_gradient_descent")
    usual_rates = (0.01, 0.5)

    def update(
        self,
        w: Tensor,
        g: Tensor,
        slots: Sequence[Tensor],
        h: Hyperparameters,
        factors: Sequence[Tensor],
    ) -> None:
        (lr,) = factors
        w.sub_(g.mul_(lr))

    def updater(
        self, parameters: list[Tensor], slots: Sequence[list[Tensor]], h: Hyperparameters
    ) -> Updater:
        if not _kernels.available():
            return super().updater(parameters, slots, h)

        def step(gradients: list[Tensor], lr: float, factors: Sequence[float]) -> None:
            _kernels.sgd(
                parameters, gradients, [], lr=lr, momentum=0.0, weight_decay=h.weight_decay
            )

        return step
