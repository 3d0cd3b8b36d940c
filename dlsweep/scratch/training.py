"""The loop over mini-batches, and what the network makes of a whole split.

A run whose learning rate is too high overflows. That is a result, a loss that is ``inf`` or
``nan``, and not an error: the functions here keep NumPy from warning about it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dlsweep.scratch.network import Array, Labels, Network
from dlsweep.scratch.optimizers import Optimizer

# Images per forward pass where no gradient is wanted: enough to keep the matrix products busy,
# few enough that the activations of wide layers fit in memory.
EVALUATION_BATCH = 4096


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def train_epoch(
    network: Network,
    optimizer: Optimizer,
    images: Array,
    labels: Labels,
    order: npt.NDArray[np.integer],
    batch_size: int,
) -> tuple[float, float]:
    """Trains the network on every image once; every mini-batch is one step of the optimizer.

    Args:
        network: changed in place.
        optimizer: the one that was made with ``network.parameters``.
        images: (N, pixels).
        labels: (N,), integers.
        order: the order in which the images are visited, a permutation of ``range(N)``. Mini-batch
            i is ``order[i * batch_size : (i + 1) * batch_size]``; the last may be smaller.
        batch_size: images per mini-batch.

    Returns:
        The loss and the accuracy, means over the images, each measured as the image was visited:
        before the step it took part in.
    """
    total_loss, correct = 0.0, 0
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        batch_images, batch_labels = images[batch], labels[batch]

        inputs, log_p = network.forward(batch_images)
        network.backward(inputs, log_p, batch_labels)
        optimizer.step(network.gradients)

        total_loss += network.loss.value(log_p, batch_labels) * len(batch)
        correct += int(np.count_nonzero(log_p.argmax(axis=1) == batch_labels))
    return total_loss / len(order), correct / len(order)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def log_probabilities(network: Network, images: Array) -> Array:
    """The logarithms of the class probabilities: (N, pixels) -> (N, classes)."""
    starts = range(0, len(images), EVALUATION_BATCH)
    return np.concatenate(
        [network.forward(images[start : start + EVALUATION_BATCH])[1] for start in starts]
    )


def predict(network: Network, images: Array) -> Array:
    """The class probabilities of every image: (N, pixels) -> (N, classes)."""
    return np.exp(log_probabilities(network, images))


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def evaluate(network: Network, images: Array, labels: Labels) -> tuple[float, float]:
    """The loss and the accuracy on a split, means over its N images.

    Args:
        network: left as it is.
        images: (N, pixels), N >= 1.
        labels: (N,), integers.
    """
    total_loss, correct = 0.0, 0
    for start in range(0, len(images), EVALUATION_BATCH):
        batch = slice(start, start + EVALUATION_BATCH)
        _, log_p = network.forward(images[batch])
        total_loss += network.loss.value(log_p, labels[batch]) * len(log_p)
        correct += int(np.count_nonzero(log_p.argmax(axis=1) == labels[batch]))
    return total_loss / len(images), correct / len(images)
