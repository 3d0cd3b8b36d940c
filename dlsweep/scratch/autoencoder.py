"""An autoencoder: a network whose answer is its own input, through a layer too narrow for it.

The encoder turns an image into a few numbers, its code, and the decoder turns these into an image
again. Both are networks as in ``network.py``, one after the other, and what is to become small is
the difference between what comes out and what went in: no labels are needed. What the code must
hold for that is what images differ in most. A classifier, one more network, can then learn from the
codes in place of the pixels::

    autoencoder = Autoencoder(
        encoder=feedforward([784, 256, 32], rng), decoder=feedforward([32, 256, 784], rng)
    )
    optimizer = Adam(autoencoder.parameters, learning_rate=0.001)
    for epoch in range(10):
        train_autoencoder_epoch(autoencoder, optimizer, images, rng.permutation(N), batch_size=64)
    codes = autoencoder.encode(images)
    classifier = feedforward([32, 10], rng)  # and train_epoch on the codes

With the activation "identity" everything is linear, and the best that it can find are the principal
components (Baldi and Hornik 1989).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .layers import Array
from .network import Network
from .training import Stepper, logits_of


class Autoencoder:
    """An encoder and a decoder.

    Args:
        encoder: (N, pixels) -> (N, code).
        decoder: (N, code) -> (N, pixels).

    Attributes:
        parameters: those of the encoder, then those of the decoder; see ``Network``.
    """

    def __init__(self, encoder: Network, decoder: Network) -> None:
        self.encoder, self.decoder = encoder, decoder
        self._both = Network([*encoder.layers, *decoder.layers])
        self.parameters = self._both.parameters

    def encode(self, images: Array) -> Array:
        """The codes of images: (N, pixels) -> (N, code)."""
        return logits_of(self.encoder, images)

    def decode(self, codes: Array) -> Array:
        """The images that codes stand for: (N, code) -> (N, pixels)."""
        return logits_of(self.decoder, codes)

    def loss(self, images: Array) -> float:
        """L = mean over images and pixels of (x̂ - x)², where x̂ is what x is decoded to."""
        return float(np.square(self.decode(self.encode(images)) - images).mean())

    def gradients(self, images: Array) -> tuple[float, list[Array]]:
        """L of a mini-batch, and its gradient with respect to every parameter.

        The target is the input itself, so x occurs twice in L; but images are not learned, and of
        the two only the x that goes through the network leads to weights: dL/dx̂ = 2 (x̂ - x) / size.
        """
        x = self._both.forward(images)
        error = x[-1] - images
        delta: Array = error * (2 / error.size)
        return float(np.square(error).mean()), self._both.backward(x, delta)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def train_autoencoder_epoch(
    autoencoder: Autoencoder,
    optimizer: Stepper,
    images: Array,
    order: npt.NDArray[np.integer],
    batch_size: int,
) -> float:
    """Trains it on every image once, as ``train_epoch`` trains a classifier.

    Args:
        autoencoder: changed in place.
        optimizer: the one that was made with ``autoencoder.parameters``.
        images: (N, pixels).
        order: in which the images are visited; see ``train_epoch``.
        batch_size: images per mini-batch.

    Returns:
        The loss, the mean over the images, each measured before the step it took part in.
    """
    total = 0.0
    for start in range(0, len(order), batch_size):
        batch = images[order[start : start + batch_size]]
        loss, gradients = autoencoder.gradients(batch)
        optimizer.step(gradients)
        total += loss * len(batch)
    return total / len(order)
