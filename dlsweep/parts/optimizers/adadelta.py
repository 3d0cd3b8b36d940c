"""AdaDelta: Zeiler 2012 (torch.optim.Adadelta with rho = beta and eps = epsilon)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlsweep.parts.optimizers._optimizer import Hyperparameters, Optimizer

if TYPE_CHECKING:
    from torch import Tensor


class AdaDelta(Optimizer):
    """v ← beta · v + (1 − beta) · g²;  d ← g · √(u + epsilon) / √(v + epsilon);
    u ← beta · u + (1 − beta) · d²;  w ← w − lr · d"""

    name = "adadelta"
    meaning = "AdaDelta; its usual learning rate is 1"
    heeds = ("beta", "epsilon")
    usual_rates = (0.1, 1.0)
    slots = 2

    def update(
        self,
        w: Tensor,
        g: Tensor,
        slots: Sequence[Tensor],
        h: Hyperparameters,
        factors: Sequence[Tensor],
    ) -> None:
        (lr,), (v, u) = factors, slots
        v.mul_(h.beta).addcmul_(g * h.rest, g)
        g.mul_((u + h.epsilon).sqrt_()).div_((v + h.epsilon).sqrt_())
        u.mul_(h.beta).addcmul_(g * h.rest, g)
        w.sub_(g.mul_(lr))
