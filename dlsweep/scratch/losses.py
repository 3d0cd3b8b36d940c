"""Losses: one number that says how wrong the logits of a mini-batch are, and its gradient.

Both turn logits into class probabilities by the softmax, p = exp(z) / sum(exp(z)) in every row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .layers import Array

Labels = npt.NDArray[np.integer[Any]]


def log_softmax(logits: Array) -> Array:
    """log p, for logits z of shape (N, classes).

    Subtracting a row's maximum changes no probability, because it cancels in the fraction, and
    leaves no exponent above 0: nothing overflows. Taking the logarithm here, before rounding can
    turn a small p into 0, keeps log p finite. The softmax itself is ``np.exp(log_softmax(z))``.
    """
    z: Array = logits - logits.max(axis=1, keepdims=True)
    z -= np.log(np.exp(z).sum(axis=1, keepdims=True))
    return z


def one_hot(labels: Labels, like: Array) -> Array:
    """1 at every image's class and 0 elsewhere, of the shape and type of ``like``."""
    target = np.zeros_like(like)
    target[np.arange(len(labels)), labels] = 1
    return target


class Loss(ABC):
    """A loss of logits (N, classes) and labels (N,), integers."""

    @abstractmethod
    def forward(self, logits: Array, labels: Labels) -> float:
        """L, a mean over the images."""

    @abstractmethod
    def backward(self, logits: Array, labels: Labels) -> Array:
        """dL/dlogits, of their shape: the first delta of the backward pass."""


@dataclass
class CrossEntropy(Loss):
    """L = -mean over images of (sum over classes of q log p) (torch.nn.CrossEntropyLoss).

    The target q is 1 at the image's class: then L is the mean of -log p[label], the surprise at
    the right answer. Label smoothing s > 0 (Szegedy et al. 2016) takes (1 - s) of that and gives
    s / classes to every class: p = 1, which no finite logits reach, is no longer what is aimed at.
    """

    label_smoothing: float = 0.0

    def _target(self, labels: Labels, like: Array) -> Array:
        q = one_hot(labels, like)
        if self.label_smoothing:
            q *= 1 - self.label_smoothing
            q += self.label_smoothing / like.shape[1]
        return q

    def forward(self, logits: Array, labels: Labels) -> float:
        """The mean cross-entropy of a batch: logits (N, classes), labels (N,)."""
        log_p = log_softmax(logits)
        if not self.label_smoothing:  # the sum has one term; 0 · log p would cost, or be nan
            return -float(log_p[np.arange(len(labels)), labels].mean())
        return -float((self._target(labels, log_p) * log_p).sum(axis=1).mean())

    def backward(self, logits: Array, labels: Labels) -> Array:
        """dL/dz = (p - q) / N: what is predicted, less what is right.

        For one image, sum(q) = 1 makes L = -sum(q z) + log sum exp(z). The first term's derivative
        is -q, and the second's is the softmax.
        """
        delta: Array = np.exp(log_softmax(logits))
        delta -= self._target(labels, delta)
        delta /= len(labels)
        return delta


@dataclass
class MeanSquaredError(Loss):
    """L = mean over images and classes of (p - one_hot)² (torch.nn.MSELoss of probabilities)."""

    def forward(self, logits: Array, labels: Labels) -> float:
        """The mean squared error of a batch: logits (N, classes), labels (N,)."""
        p = np.exp(log_softmax(logits))
        return float(np.square(p - one_hot(labels, p)).mean())

    def backward(self, logits: Array, labels: Labels) -> Array:
        """dL/dz = p · (g - sum(g · p)), where g = dL/dp = 2 (p - one_hot) / (N · classes).

        Every probability depends on every logit of its row, dp[k]/dz[j] = p[k] (1[j = k] - p[j]),
        so the chain rule sums over k: dL/dz[j] = sum over k of g[k] dp[k]/dz[j].

        The factor p is why this loss learns slowly from what is badly wrong: where the right class
        has p near 0, there is hardly a gradient. In cross-entropy it cancels against 1/p.
        """
        p = np.exp(log_softmax(logits))
        g = (p - one_hot(labels, p)) * (2 / p.size)
        delta: Array = p * (g - (g * p).sum(axis=1, keepdims=True))
        return delta


LOSSES: dict[str, type[Loss]] = {
    "cross_entropy": CrossEntropy,
    "mean_squared_error": MeanSquaredError,
}
