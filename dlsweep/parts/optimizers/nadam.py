"""Adam with Nesterov's momentum: Dozat 2016 (torch.optim.NAdam)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlsweep.parts._lazy import np, torch
from dlsweep.parts.optimizers import _kernels
from dlsweep.parts.optimizers._optimizer import Hyperparameters, Optimizer, Updater

if TYPE_CHECKING:
    from torch import Tensor

_MOMENTUM_DECAY = 4e-3


class NAdam(Optimizer):
    """m and v as in Adam;  w ← w − (rate_g · g + rate_m · m) / (√v̂ + epsilon)

    With μₜ = beta1 · (1 − 0.96^(0.004 t) / 2) and Πₜ = μ₁ · … · μₜ they are rate_g =
    lr · (1 − μₜ) / (1 − Πₜ) and rate_m = lr · μₜ₊₁ / (1 − Πₜ₊₁). The correction of v̂ is in the
    rates and in epsilon.
    """

    name = "nadam"
    meaning = "Adam with Nesterov's momentum"
    also = ("nesterov_adam",)
    usual_rates = (0.0001, 0.01)
    heeds = ("beta1", "beta2", "epsilon")
    slots = 2

    def factors(self, h: Hyperparameters, lr: float, steps: np.ndarray) -> list[np.ndarray]:
        def mu(t: np.ndarray) -> np.ndarray:
            return np.asarray(h.beta1 * (1 - 0.5 * 0.96 ** (t * _MOMENTUM_DECAY)))

        product = np.cumprod(mu(np.arange(1, steps[-1] + 1)))[steps - 1]
        root = np.sqrt(1 - h.beta2**steps)
        rate_g = lr * (1 - mu(steps)) / (1 - product)
        rate_m = lr * mu(steps + 1) / (1 - product * mu(steps + 1))
        return [rate_g * root, rate_m * root, h.epsilon * root]

    def update(
        self,
        w: Tensor,
        g: Tensor,
        slots: Sequence[Tensor],
        h: Hyperparameters,
        factors: Sequence[Tensor],
    ) -> None:
        (rate_g, rate_m, epsilon), (m, v) = factors, slots
        m.addcmul_(g - m, h.rest1)
        v.mul_(h.beta2).addcmul_(g * h.rest2, g)
        w.sub_(g.mul_(rate_g).addcmul_(m, rate_m).div_(v.sqrt().add_(epsilon)))

    def updater(
        self, parameters: list[Tensor], slots: Sequence[list[Tensor]], h: Hyperparameters
    ) -> Updater:
        """By Adam's kernel, with another beta1.

        The step divides rate_g + rate_m times a moment of the old m and g. The kernel leaves that
        moment in m's place, and m is made of it again.
        """
        if not _kernels.available():
            return super().updater(parameters, slots, h)
        numbers = torch.finfo(parameters[0].dtype)
        penalty = min(h.weight_decay, numbers.max)

        def step(gradients: list[Tensor], lr: float, factors: Sequence[float]) -> None:
            rate_g, rate_m, epsilon = factors
            if penalty > 0:
                torch._foreach_add_(gradients, parameters, alpha=penalty)
            rate, beta1 = rate_g + rate_m, h.beta1
            # Where so little is taken of the old m that the sum is g alone, m is as good as g;
            # what would make it of the sum again may be beyond the type's numbers.
            forgets = not rate_m * beta1 > numbers.eps * rate
            _kernels.adam(
                parameters,
                gradients,
                slots,
                lr=rate,
                beta1=0.0 if forgets else rate_m * beta1 / rate,
                beta2=h.beta2,
                epsilon=epsilon,
                weight_decay=0.0,
            )
            if not forgets:
                torch._foreach_lerp_(slots[0], gradients, -rate_g / rate_m)

        return step
