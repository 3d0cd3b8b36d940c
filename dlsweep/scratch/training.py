"""The loop over mini-batches, and what the network makes of a whole split.

A run whose learning rate is too high overflows. That is a result, a loss that is ``inf`` or
``nan``, and not an error: the functions here keep NumPy from warning about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .layers import Array
from .losses import Labels, Loss, log_softmax
from .network import Network

# Images per forward pass where no gradient is wanted: enough to keep the matrix products busy,
# few enough that the outputs of wide layers fit in memory.
EVALUATION_BATCH = 4096


class Stepper(Protocol):
    """What moves the parameters: every ``Optimizer`` does."""

    def step(self, gradients: Sequence[Array]) -> None:
        """One step, given the gradients of all parameters."""


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def train_epoch(
    network: Network,
    loss: Loss,
    optimizer: Stepper,
    images: Array,
    labels: Labels,
    order: npt.NDArray[np.integer],
    batch_size: int,
) -> tuple[float, float]:
    """Trains the network on every image once; every mini-batch is one step of the optimizer.

    Args:
        network: changed in place.
        loss: what is to become small.
        optimizer: the one that was made with ``network.parameters``.
        images: (N, pixels).
        labels: (N,), integers.
        order: the order in which the images are visited, such as ``rng.permutation(N)``, a new one
            in every epoch. Mini-batch i is ``order[i * batch_size : (i + 1) * batch_size]``; the
            last may be smaller.
        batch_size: images per mini-batch.

    Returns:
        The loss and the accuracy, means over the images, each measured as the image was visited:
        before the step it took part in.
    """
    total_loss, correct = 0.0, 0
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        batch_images, batch_labels = images[batch], labels[batch]

        x = network.forward(batch_images)
        logits = x[-1]
        delta = loss.backward(logits, batch_labels)
        optimizer.step(network.backward(x, delta))

        total_loss += loss.forward(logits, batch_labels) * len(batch)
        correct += int(np.count_nonzero(logits.argmax(axis=1) == batch_labels))
    return total_loss / len(order), correct / len(order)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def logits_of(network: Network, images: Array) -> Array:
    """The logits of every image: (N, pixels) -> (N, classes)."""
    starts = range(0, len(images), EVALUATION_BATCH)
    return np.concatenate([network.forward(images[i : i + EVALUATION_BATCH])[-1] for i in starts])


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def predict(network: Network, images: Array) -> Array:
    """The class probabilities of every image: (N, pixels) -> (N, classes)."""
    probabilities: Array = np.exp(log_softmax(logits_of(network, images)))
    return probabilities


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def evaluate(network: Network, loss: Loss, images: Array, labels: Labels) -> tuple[float, float]:
    """The loss and the accuracy on a split, means over its N images.

    Args:
        network: left as it is.
        loss: the one to measure.
        images: (N, pixels), N >= 1.
        labels: (N,), integers.
    """
    logits = logits_of(network, images)
    return loss.forward(logits, labels), float((logits.argmax(axis=1) == labels).mean())
