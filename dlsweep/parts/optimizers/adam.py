"""Adam: Kingma and Ba 2015 (torch.optim.Adam)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlsweep.parts._lazy import np
from dlsweep.parts.optimizers import _kernels
from dlsweep.parts.optimizers._optimizer import Hyperparameters, Optimizer, Updater

if TYPE_CHECKING:
    from torch import Tensor


class Adam(Optimizer):
    """m ← beta1 · m + (1 − beta1) · g, v likewise of g²;  w ← w − lr · m̂ / (√v̂ + epsilon)

    The corrections of m̂ and v̂ for their start at 0 are in two numbers, as in section 2 of the
    paper: rate = lr · √(1 − beta2ᵗ) / (1 − beta1ᵗ), and epsilon · √(1 − beta2ᵗ).
    """

    name = "adam"
    meaning = "Adam"
    heeds = ("beta1", "beta2", "epsilon")
    usual_rates = (0.0001, 0.01)
    slots = 2
    decoupled = False
    """Whether the weight decay is not a part of the gradient."""

    def factors(self, h: Hyperparameters, lr: float, steps: np.ndarray) -> list[np.ndarray]:
        root = np.sqrt(1 - h.beta2**steps)
        return [lr * root / (1 - h.beta1**steps), h.epsilon * root]

    def update(
        self,
        w: Tensor,
        g: Tensor,
        slots: Sequence[Tensor],
        h: Hyperparameters,
        factors: Sequence[Tensor],
    ) -> None:
        (rate, epsilon), (m, v) = factors, slots
        m.addcmul_(g - m, h.rest1)
        v.mul_(h.beta2).addcmul_(g * h.rest2, g)
        w.sub_((m * rate).div_(v.sqrt().add_(epsilon)))

    def updater(
        self, parameters: list[Tensor], slots: Sequence[list[Tensor]], h: Hyperparameters
    ) -> Updater:
        if not _kernels.available():
            return super().updater(parameters, slots, h)

        def step(gradients: list[Tensor], lr: float, factors: Sequence[float]) -> None:
            rate, epsilon = factors
            if self.decoupled and h.weight_decay:
                for w in parameters:
                    w.mul_(1 - lr * h.weight_decay)
            _kernels.adam(
                parameters,
                gradients,
                slots,
                lr=rate,
                beta1=h.beta1,
                beta2=h.beta2,
                epsilon=epsilon,
                weight_decay=0.0 if self.decoupled else h.weight_decay,
            )

        return step
