"""A feedforward network and its back-propagation: the whole of deep learning in two short loops.

Read this file first. A network is a list of layers, and a layer is a function that knows its own
derivative. Two kinds are enough: ``Linear`` mixes its inputs by weights that are learned, and an
activation such as ``ReLU`` bends the result, without which a hundred linear layers would be one
linear layer. They are in ``layers.py``.

Notation, for a mini-batch of N images (one image is one row, so nothing loops over images)::

    x[0]     = images                (N, pixels)
    x[l + 1] = layer[l](x[l])        (N, outputs of that layer)
    logits   = x[-1]                 (N, classes)
    p        = softmax(logits)       (N, classes)    the class probabilities
    L        = loss(logits, labels)  one number, a mean over the mini-batch
    delta[l] = dL / dx[l]            of x[l]'s shape: what back-propagation carries back

Source of the algorithm: Rumelhart, Hinton & Williams (1986), "Learning representations by
back-propagating errors", Nature 323; in this matrix form, Goodfellow, Bengio & Courville (2016),
"Deep Learning", algorithms 6.3 and 6.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .initializers import INITIALIZERS
from .layers import ACTIVATIONS, Array, Layer, Linear


class Network:
    """Layers, one after the other. The last one's outputs are the logits of the classes.

    Args:
        layers: from the pixels to the logits.

    Attributes:
        parameters: the arrays that are learned, those of the first layer first: W, b, W, b, …
            They are the layers' own: an optimizer that changes them in place changes the network.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = list(layers)
        self.parameters: list[Array] = [p for layer in self.layers for p in layer.parameters]

    def forward(self, images: Array) -> list[Array]:
        """What the layers make of images, shape (N, pixels).

        Returns:
            Every x[l]: the images, then the output of each layer. The last are the logits. The
            backward pass needs the others again, which is why training takes more memory than
            predicting does.
        """
        x = [images]
        for layer in self.layers:
            x.append(layer.forward(x[-1]))
        return x

    def backward(self, x: Sequence[Array], delta: Array) -> list[Array]:
        """The gradient of the loss with respect to every parameter.

        This is the chain rule, from the last layer to the first. L depends on a layer's parameters
        and on everything before them only through that layer's output. So once delta, dL/d(output),
        is known, the layer alone can say what its own parameters are to blame for, and what its
        input is: and that input is the output of the layer before it.

        Starting at the loss is what makes it cheap: L is one number, so delta is one array, and the
        gradient of millions of parameters costs about two forward passes. Differences would take
        one forward pass for each parameter.

        Args:
            x: what ``forward`` returned.
            delta: dL/dlogits, shape (N, classes): what the loss's ``backward`` returned.

        Returns:
            Arrays in the order and of the shapes of ``parameters``.
        """
        gradients: list[Array] = []
        for i in reversed(range(len(self.layers))):
            layer = self.layers[i]
            gradients = layer.gradients(x[i], delta) + gradients
            if i > 0:  # before the first layer are the images, and these are not learned
                delta = layer.backward(x[i], x[i + 1], delta)
        return gradients


def feedforward(
    sizes: Sequence[int],
    rng: np.random.Generator,
    *,
    activation: str = "relu",
    weight_init: str = "he",
    dtype: npt.DTypeLike = np.float64,
) -> Network:
    """The usual network: linear layers, with an activation between each two of them.

    Args:
        sizes: units per layer from the pixels to the classes, such as ``[784, 128, 128, 10]``;
            ``[784, 10]``, without a hidden layer, is softmax regression.
        rng: draws the initial weights: ``np.random.default_rng(0)`` draws the same ones each time.
        activation: a key of ``ACTIVATIONS``.
        weight_init: a key of ``INITIALIZERS``.
        dtype: what everything is computed in, if the images are of that type too.

    Raises:
        KeyError: for an activation or initialisation that is not in the tables.
        ValueError: ``sizes`` has fewer than two entries.
    """
    if len(sizes) < 2:
        raise ValueError(f"sizes must name the pixels and the classes at least, got {sizes}")
    layers: list[Layer] = []
    for fan_in, fan_out in pairwise(sizes):
        layers.append(Linear(*INITIALIZERS[weight_init](rng, fan_in, fan_out), dtype))
        layers.append(ACTIVATIONS[activation]())
    return Network(layers[:-1])  # the logits may be any numbers: no activation after the last
