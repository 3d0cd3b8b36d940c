"""Cross-entropy (torch.nn.CrossEntropyLoss), with label smoothing (Szegedy et al. 2016)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from dlsweep.parts._lazy import torch
from dlsweep.parts._option import Option
from dlsweep.parts.losses._loss import Loss, number

if TYPE_CHECKING:
    from torch import Tensor


class CrossEntropy(Loss):
    """−Σ t · log p, where t is 1 − s + s / classes at the true class and s / classes elsewhere"""

    name = "cross_entropy"
    meaning = "−log of the probability of the true class"
    also = (
        "cross_entropy_loss",
        "ce",
        "categorical_cross_entropy",
        "sparse_categorical_crossentropy",
        "softmax_cross_entropy",
        "xent",
        "nll",
        "log_loss",
    )
    options: ClassVar[Mapping[str, Option]] = {
        "label_smoothing": Option(
            0.0,
            "cross_entropy: share of the target that all classes divide among them",
            low=0,
            high=1,
            also=("smoothing", "label_smooth", "ls"),
        )
    }

    def __call__(self, logits: Tensor, labels: Tensor, options: Mapping[str, Any]) -> Tensor:
        logs = torch.log_softmax(logits, dim=1)
        smoothing: float = options["label_smoothing"]
        classes = torch.arange(logits.shape[1], device=logits.device)
        loss = -torch.where(labels.unsqueeze(1) == classes, logs, 0).sum(dim=1)
        if smoothing == 0:
            return loss
        return (1 - smoothing) * loss - smoothing * logs.mean(dim=1)

    def mean(self, logits: Tensor, labels: Tensor, options: Mapping[str, Any]) -> Tensor:
        loss: Tensor = torch.nn.functional.cross_entropy(
            logits, labels, label_smoothing=options["label_smoothing"]
        )
        return loss

    def gradient(
        self, logits: Tensor, one_hot: Tensor, into: Tensor, options: Mapping[str, Any]
    ) -> None:
        """(p − t) / B"""
        smoothing, (_, classes, count) = options["label_smoothing"], logits.shape
        probabilities = torch.softmax(logits, 1)
        if smoothing == 0:
            torch.sub(probabilities, one_hot, out=into)
        else:
            torch.sub(probabilities, one_hot, alpha=1 - smoothing, out=into)
            into.sub_(number(smoothing / classes, into.dtype))
        into.mul_(number(1 / count, into.dtype))
