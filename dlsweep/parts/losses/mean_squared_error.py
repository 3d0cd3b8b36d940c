"""Mean squared error of the softmax (torch.nn.MSELoss)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dlsweep.parts._lazy import torch
from dlsweep.parts.losses._loss import Loss, number

if TYPE_CHECKING:
    from torch import Tensor


class MeanSquaredError(Loss):
    """The mean over classes of (p − one-hot)²"""

    name = "mean_squared_error"
    meaning = "mean over classes of (probability − one-hot)²"
    also = ("mse", "squared_error", "mse_loss", "mean_square_error", "squared_loss", "l2_loss")

    def __call__(self, logits: Tensor, labels: Tensor, options: Mapping[str, Any]) -> Tensor:
        classes = torch.arange(logits.shape[1], device=logits.device)
        one_hot = (labels.unsqueeze(1) == classes).to(logits.dtype)
        return (torch.softmax(logits, dim=1) - one_hot).square().mean(dim=1)

    def gradient(
        self, logits: Tensor, one_hot: Tensor, into: Tensor, options: Mapping[str, Any]
    ) -> None:
        """With e = p − one-hot: 2 p · (e − Σ e p) / (classes · B)"""
        _, classes, count = logits.shape
        probabilities = torch.softmax(logits, 1)
        torch.sub(probabilities, one_hot, out=into)
        into.mul_(probabilities)
        into.sub_(probabilities.mul_(into.sum(1, keepdim=True)))
        into.mul_(number(2 / (classes * count), into.dtype))
