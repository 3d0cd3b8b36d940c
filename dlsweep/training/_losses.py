"""Losses of one batch, from logits."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """−log of the softmax probability of the true class, as torch.nn.CrossEntropyLoss."""
    return F.cross_entropy(logits, labels, reduction="none")


def mean_squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over classes of (softmax probability − one-hot)², as torch.nn.MSELoss."""
    probabilities = torch.softmax(logits, dim=1)
    one_hot = labels.unsqueeze(1) == torch.arange(logits.shape[1], device=logits.device)
    return (probabilities - one_hot.to(logits.dtype)).square().mean(dim=1)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross_entropy": cross_entropy,
    "mean_squared_error": mean_squared_error,
}
"""Each takes logits (N, classes) and labels (N,) and returns the loss of every sample, (N,)."""
