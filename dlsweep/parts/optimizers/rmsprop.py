"""RMSprop: Tieleman and Hinton 2012, lecture 6e (torch.optim.RMSprop with alpha = beta)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlsweep.parts.optimizers import _kernels
from dlsweep.parts.optimizers._optimizer import (
    Hyperparameters,
    Optimizer,
    Updater,
    zeros_like,
)

if TYPE_CHECKING:
    from torch import Tensor


class RMSprop(Optimizer):
    """v ← beta · v + (1 − beta) · g²;  w ← w − lr · g / (√v + epsilon)"""

    name = "rmsprop"
    meaning = "RMSprop"
    also = ("rms",)
    usual_rates = (0.0001, 0.01)
    heeds = ("beta", "epsilon")
    slots = 1

    def update(
        self,
        w: Tensor,
        g: Tensor,
        slots: Sequence[Tensor],
        h: Hyperparameters,
        factors: Sequence[Tensor],
    ) -> None:
        (lr,), (v,) = factors, slots
        v.mul_(h.beta).addcmul_(g * h.rest, g)
        w.sub_(g.div_(v.sqrt().add_(h.epsilon)).mul_(lr))

    def updater(
        self, parameters: list[Tensor], slots: Sequence[list[Tensor]], h: Hyperparameters
    ) -> Updater:
        """Adam's kernel with a first moment that forgets everything."""
        if not _kernels.available():
            return super().updater(parameters, slots, h)
        moments = [zeros_like(parameters), *slots]

        def step(gradients: list[Tensor], lr: float, factors: Sequence[float]) -> None:
            _kernels.adam(
                parameters,
                gradients,
                moments,
                lr=lr,
                beta1=0.0,
                beta2=h.beta,
                epsilon=h.epsilon,
                weight_decay=h.weight_decay,
            )

        return step
