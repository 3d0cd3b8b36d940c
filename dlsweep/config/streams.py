"""Every random draw of a run, as a function of its own seed.

A run's initial weights, the order of its batches and its dropout masks may depend on nothing but
its own configuration: not on its neighbours in a stack, not on the number of workers, not on
whether it was resumed. So there is no random state to carry along: each draw has an address
(seed, purpose, counters), and the generator for that address is made when it is needed.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream of random numbers is for; part of the stream's address."""

    WEIGHTS = 0
    ORDER = 1
    DROPOUT = 2
    MODULE = 3
    FORWARD = 4
    AUGMENTATION = 5


def stream(seed: int, purpose: Purpose, *counters: int) -> np.random.Generator:
    """The generator at the address (``seed``, ``purpose``, ``*counters``), all integers >= 0."""
    return np.random.default_rng([seed, int(purpose), *counters])


def weight_stream(seed: int, layer: int) -> np.random.Generator:
    """The generator of the initial weights of a layer (0 is the one next to the input)."""
    return stream(seed, Purpose.WEIGHTS, layer)


def epoch_order(seed: int, epoch: int, size: int) -> np.ndarray:
    """The order in which an epoch visits the training images.

    Args:
        seed: the run's seed.
        epoch: the epoch, from 1.
        size: the number of training images.

    Returns:
        A permutation of ``range(size)``, int64, shape (size,). Batch i is the slice
        ``[i * batch_size : (i + 1) * batch_size]``; the last batch may be smaller.
    """
    return stream(seed, Purpose.ORDER, epoch).permutation(size)


def augmentation_stream(seed: int, epoch: int) -> np.random.Generator:
    """The generator of what is drawn for the training images of an epoch, from 1."""
    return stream(seed, Purpose.AUGMENTATION, epoch)


def dropout_key(seed: int) -> int:
    """The 31-bit key that a run's dropout masks are hashed from, together with layer and step."""
    return int(stream(seed, Purpose.DROPOUT).integers(2**31))


def module_seed(seed: int) -> int:
    """What torch's generator is seeded with while a run's module is made."""
    return int(stream(seed, Purpose.MODULE).integers(2**63))


def forward_seed(seed: int, epoch: int, batch: int) -> int:
    """What torch's generator is seeded with before a training step of a run.

    Modules that draw as they compute, as ``torch.nn.Dropout`` does, so draw the same alone, beside
    others and after a checkpoint.
    """
    return int(stream(seed, Purpose.FORWARD, epoch, batch).integers(2**63))
