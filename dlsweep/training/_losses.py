"""Losses of one batch, from logits."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def _one_hot(labels: Tensor, logits: Tensor) -> Tensor:
    """True at each sample's class, (N, classes)."""
    return labels.unsqueeze(1) == torch.arange(logits.shape[1], device=logits.device)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """−log of the softmax probability of the true class, as torch.nn.CrossEntropyLoss."""
    logs = torch.log_softmax(logits, dim=1)
    return -torch.where(_one_hot(labels, logits), logs, 0).sum(dim=1)


def mean_squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over classes of (softmax probability − one-hot)², as torch.nn.MSELoss."""
    probabilities = torch.softmax(logits, dim=1)
    return (probabilities - _one_hot(labels, logits).to(logits.dtype)).square().mean(dim=1)


Loss = Callable[[Tensor, Tensor], Tensor]

LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "mean_squared_error": mean_squared_error,
}
"""Each takes logits (N, classes) and labels (N,) and returns the loss of every sample, (N,)."""


def loss_of(names: Sequence[str], chosen: Tensor) -> Loss:
    """The loss ``names[chosen]``."""

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        losses = LOSSES[names[0]](logits, labels)
        for i, name in enumerate(names[1:], start=1):
            losses = torch.where(chosen == i, LOSSES[name](logits, labels), losses)
        return losses

    return loss


def _mean(loss: Loss) -> Loss:
    return lambda logits, labels: loss(logits, labels).mean()


MEANS: dict[str, Loss] = {
    **{name: _mean(loss) for name, loss in LOSSES.items()},
    "cross_entropy": F.cross_entropy,
}
"""The mean of each over a batch, in the fewest operations for a model that is trained by itself."""


@functools.cache
def _number(value: float, dtype: torch.dtype) -> Tensor:
    """A number as a tensor, made once: torch would make one at each operation, in 3 µs."""
    return torch.tensor(value, dtype=dtype)


def loss_gradient(name: str, logits: Tensor, one_hot: Tensor, into: Tensor) -> None:
    """Write the gradient of a loss's mean over a batch at the logits.

    Args:
        name: of the loss.
        logits: (K, classes, B), for so a softmax takes a fifth of the time.
        one_hot: the labels, (classes, B) or (K, classes, B).
        into: like the logits.
    """
    probabilities = torch.softmax(logits, 1)
    torch.sub(probabilities, one_hot, out=into)
    count: float = logits.shape[2]
    if name == "mean_squared_error":
        into.mul_(probabilities)
        into.sub_(probabilities.mul_(into.sum(1, keepdim=True)))
        count *= logits.shape[1] / 2
    into.mul_(_number(1 / count, into.dtype))
