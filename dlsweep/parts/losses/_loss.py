"""What a loss's file brings."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dlsweep.parts._lazy import torch
from dlsweep.parts._part import Part

if TYPE_CHECKING:
    from torch import Tensor


class Loss(Part, ABC):
    """A loss of the softmax of logits.

    ``options`` are the values of the settings that its file brings, by name.
    """

    @abstractmethod
    def __call__(self, logits: Tensor, labels: Tensor, options: Mapping[str, Any]) -> Tensor:
        """The loss of every sample, (N,), differentiable: of logits (N, classes), labels (N,)."""

    def mean(self, logits: Tensor, labels: Tensor, options: Mapping[str, Any]) -> Tensor:
        """The mean loss of a batch; override it where fewer operations do."""
        return self(logits, labels, options).mean()

    @abstractmethod
    def gradient(
        self, logits: Tensor, one_hot: Tensor, into: Tensor, options: Mapping[str, Any]
    ) -> None:
        """Write the gradient at the logits of the mean loss of a batch.

        Args:
            logits: (K, classes, B), for so a softmax takes a fifth of the time.
            one_hot: the labels, (classes, B) or (K, classes, B).
            into: like the logits.
            options: of these K members.
        """


@functools.cache
def number(value: float, dtype: torch.dtype) -> Tensor:
    """A number as a tensor, made once: torch would make one at each operation, in 3 µs."""
    return torch.tensor(value, dtype=dtype)
