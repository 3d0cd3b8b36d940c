"""The loss of a run: one of the parts, with the values of the settings that it brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from dlsweep.config import RunConfig
from dlsweep.parts import LOSSES, Loss


@dataclass(frozen=True)
class RunLoss:
    """A loss with its settings; equal where these are.

    Attributes:
        part: the loss.
        values: of the settings that it brings, by name.
    """

    part: Loss
    values: tuple[tuple[str, Any], ...]

    @property
    def _options(self) -> Mapping[str, Any]:
        return dict(self.values)

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of every sample, (N,), of logits (N, classes) and labels (N,)."""
        return self.part(logits, labels, self._options)

    def mean(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean loss of a batch."""
        return self.part.mean(logits, labels, self._options)

    def gradient(self, logits: Tensor, one_hot: Tensor, into: Tensor) -> None:
        """Write the gradient at the logits of the mean loss of a batch.

        Args:
            logits: (K, classes, B).
            one_hot: the labels, (classes, B) or (K, classes, B).
            into: like the logits.
        """
        self.part.gradient(logits, one_hot, into, self._options)


def loss_of(config: RunConfig) -> RunLoss:
    """The loss of a run."""
    part = LOSSES[config.loss]
    return RunLoss(part, tuple(config.options(part.options).items()))
