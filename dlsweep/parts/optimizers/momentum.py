"""SGD with momentum: Polyak 1964 (torch.optim.SGD with momentum)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlsweep.parts.optimizers import _kernels
from dlsweep.parts.optimizers._optimizer import Hyperparameters, Optimizer, Updater

if TYPE_CHECKING:
    from torch import Tensor


class Momentum(Optimizer):
    """v ← momentum · v + g;  w ← w − lr · v"""

    name = "momentum"
    meaning = "SGD with momentum"
    also = ("sgd_momentum", "momentum_sgd", "momentum_gd", "mgd", "heavy_ball")
    heeds = ("momentum",)
    slots = 1
    nesterov = False

    def update(
        self,
        w: Tensor,
        g: Tensor,
        slots: Sequence[Tensor],
        h: Hyperparameters,
        factors: Sequence[Tensor],
    ) -> None:
        (lr,), (v,) = factors, slots
        v.mul_(h.momentum).add_(g)
        w.sub_(v * lr)

    def updater(
        self, parameters: list[Tensor], slots: Sequence[list[Tensor]], h: Hyperparameters
    ) -> Updater:
        if not _kernels.available():
            return super().updater(parameters, slots, h)
        (velocities,) = slots

        def step(gradients: list[Tensor], lr: float, factors: Sequence[float]) -> None:
            _kernels.sgd(
                parameters,
                gradients,
                velocities,
                lr=lr,
                momentum=h.momentum,
                weight_decay=h.weight_decay,
                nesterov=self.nesterov,
            )

        return step
