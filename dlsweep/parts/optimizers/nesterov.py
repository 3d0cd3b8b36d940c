"""SGD with Nesterov's momentum: Sutskever et al. 2013 (torch.optim.SGD with nesterov=True)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlsweep.parts.optimizers._optimizer import Hyperparameters
from dlsweep.parts.optimizers.momentum import Momentum

if TYPE_CHECKING:
    from torch import Tensor


class Nesterov(Momentum):
    """v ← momentum · v + g;  w ← w − lr · (g + momentum · v)"""

    name = "nesterov"
    meaning = "SGD with Nesterov's momentum"
    also = ("nag", "nesterov_momentum", "nesterov_accelerated_gradient", "sgd_nesterov", "ngd")
    nesterov = True

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
        w.sub_(g.addcmul_(v, h.momentum).mul_(lr))
