"""AdaGrad: Duchi et al. 2011 (torch.optim.Adagrad)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlsweep.parts.optimizers._optimizer import Hyperparameters, Optimizer

if TYPE_CHECKING:
    from torch import Tensor


class AdaGrad(Optimizer):
    """v ← v + g²;  w ← w − lr · g / (√v + epsilon)"""

    name = "adagrad"
    meaning = "AdaGrad"
    also = ("adaptive_gradient",)
    heeds = ("epsilon",)
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
        v.addcmul_(g, g)
        w.sub_(g.div_(v.sqrt().add_(h.epsilon)).mul_(lr))
