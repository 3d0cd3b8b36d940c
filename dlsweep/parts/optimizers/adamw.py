"""Adam with decoupled weight decay: Loshchilov and Hutter 2019 (torch.optim.AdamW)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep.parts.optimizers.adam import Adam

if TYPE_CHECKING:
    from torch import Tensor


class AdamW(Adam):
    """w ← (1 − lr · weight_decay) · w, then as Adam without a penalty"""

    name = "adamw"
    meaning = "Adam with decoupled weight decay"
    also = ("adam_weight_decay", "decoupled_adam")
    decoupled = True

    def penalize(self, w: Tensor, g: Tensor, weight_decay: Tensor, lr: Tensor) -> None:
        w.mul_(1 - lr * weight_decay)
