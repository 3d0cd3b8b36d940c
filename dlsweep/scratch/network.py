"""A feedforward classifier and its back-propagation, written by hand in NumPy.

The file reads from top to bottom in the order of the computation: initial weights, activations,
softmax, losses, and the network with its forward and backward pass. The update rules that use the
gradients are in ``optimizers.py``, and the loop over mini-batches is in ``training.py``.

Notation, for a mini-batch of N images (one image is one row, so nothing loops over images)::

    a[0]   = images                      (N, sizes[0])
    z[l]   = a[l] @ W[l] + b[l]          (N, sizes[l + 1])    W[l]: (sizes[l], sizes[l + 1])
    a[l+1] = f(z[l])                     hidden layers;  f is the activation
    p      = softmax(z[-1])              (N, classes)    the output layer
    L      = loss(p, labels)             one number, a mean over the mini-batch
    delta[l] = dL / dz[l]                (N, sizes[l + 1])    what back-propagation carries back

Source of the algorithm: Rumelhart, Hinton & Williams (1986), "Learning representations by
back-propagating errors", Nature 323; in this matrix form, Goodfellow, Bengio & Courville (2016),
"Deep Learning", algorithms 6.3 and 6.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dlsweep.config.streams import weight_stream

Array = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.integer[Any]]


# --- Initial weights: a matrix of shape (fan_in, fan_out), drawn in float64 ---------------------


def random_normal(rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
    """Normal with standard deviation 0.05, whatever the layer's size (Keras' RandomNormal)."""
    return rng.standard_normal((fan_in, fan_out)) * 0.05


def xavier(rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
    """Uniform in ±sqrt(6 / (fan_in + fan_out)): Glorot & Bengio (2010), equation 16.

    The variance 2 / (fan_in + fan_out) keeps the signal's size in both directions: forward it asks
    for 1 / fan_in, backward for 1 / fan_out, and this is the compromise.
    """
    limit = math.sqrt(6.0 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, (fan_in, fan_out))


def he(rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
    """Normal with standard deviation sqrt(2 / fan_in): He et al. (2015), equation 10.

    The 2 makes up for a ReLU, which sets half of its inputs to zero.
    """
    return rng.standard_normal((fan_in, fan_out)) * math.sqrt(2.0 / fan_in)


def zeros(rng: np.random.Generator, fan_in: int, fan_out: int) -> Array:
    """All zero: a lesson, not a choice. The units of a layer start equal and stay equal."""
    return np.zeros((fan_in, fan_out))


INITIALIZERS: dict[str, Callable[[np.random.Generator, int, int], Array]] = {
    "random": random_normal,
    "xavier": xavier,
    "he": he,
    "zeros": zeros,
}


# --- Activations --------------------------------------------------------------------------------


class Activation(NamedTuple):
    """An activation f and its derivative, both elementwise.

    All six derivatives can be written with the output a = f(z) in place of z, so the forward pass
    has to keep only a.
    """

    function: Callable[[Array], Array]  # z -> a = f(z)
    derivative: Callable[[Array], Array]  # a -> f'(z)


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)), with the exponential of negative numbers only, so it cannot overflow."""
    e = np.exp(-np.abs(z))
    a: Array = np.where(z >= 0, 1, e) / (1 + e)
    return a


ACTIVATIONS: dict[str, Activation] = {
    "identity": Activation(
        lambda z: z,
        lambda a: np.ones_like(a),
    ),
    "sigmoid": Activation(
        sigmoid,
        lambda a: a * (1 - a),
    ),
    "tanh": Activation(
        lambda z: np.tanh(z),
        lambda a: 1 - a * a,
    ),
    "relu": Activation(
        lambda z: np.maximum(z, 0),
        lambda a: (a > 0).astype(a.dtype),  # 0 at the kink, as in torch
    ),
    "leaky_relu": Activation(
        lambda z: np.maximum(z, 0.01 * z),
        lambda a: np.where(a > 0, 1, 0.01).astype(a.dtype),
    ),
    "elu": Activation(
        lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        lambda a: np.where(a > 0, 1, a + 1),  # below 0, f(z) = exp(z) - 1 and f'(z) = exp(z)
    ),
}


# --- Softmax ------------------------------------------------------------------------------------


def log_softmax(z: Array) -> Array:
    """log p, where p = exp(z) / sum(exp(z)) in every row of z: (N, classes) -> (N, classes).

    Subtracting a row's maximum changes no probability, because it cancels in the fraction, and
    leaves no exponent above 0: nothing overflows. Taking the logarithm here, before rounding can
    turn a small p into 0, keeps log p finite. The softmax itself is ``np.exp(log_softmax(z))``.
    """
    z = z - z.max(axis=1, keepdims=True)
    z -= np.log(np.exp(z).sum(axis=1, keepdims=True))
    return z


# --- Losses -------------------------------------------------------------------------------------


class Loss(NamedTuple):
    """A loss of the softmax output: its value L and its gradient with respect to the logits z.

    Both take log p, shape (N, classes), and the labels, shape (N,); the gradient dL/dz has the
    shape of log p. It is the first delta of the backward pass.
    """

    value: Callable[[Array, Labels], float]
    gradient: Callable[[Array, Labels], Array]


def _probabilities_minus_one_hot(log_p: Array, labels: Labels) -> Array:
    difference = np.exp(log_p)
    difference[np.arange(len(labels)), labels] -= 1
    return difference


def cross_entropy(log_p: Array, labels: Labels) -> float:
    """L = -mean over images of log p[label] (torch.nn.CrossEntropyLoss)."""
    return -float(log_p[np.arange(len(labels)), labels].mean())


def cross_entropy_gradient(log_p: Array, labels: Labels) -> Array:
    """dL/dz = (p - one_hot) / N.

    For one image, L = -z[label] + log sum exp(z). The first term's derivative is minus the one-hot
    vector, and the second's is the softmax.
    """
    return _probabilities_minus_one_hot(log_p, labels) / len(labels)


def mean_squared_error(log_p: Array, labels: Labels) -> float:
    """L = mean over images and classes of (p - one_hot)² (torch.nn.MSELoss)."""
    return float(np.square(_probabilities_minus_one_hot(log_p, labels)).mean())


def mean_squared_error_gradient(log_p: Array, labels: Labels) -> Array:
    """dL/dz = p * (g - sum(g * p)), where g = dL/dp = 2 (p - one_hot) / (N · classes).

    Every probability depends on every logit of its row, dp[k]/dz[j] = p[k] (1[j = k] - p[j]), so
    the chain rule sums over k: dL/dz[j] = sum over k of g[k] dp[k]/dz[j].
    """
    p = np.exp(log_p)
    g = _probabilities_minus_one_hot(log_p, labels) * (2 / log_p.size)
    delta: Array = p * (g - (g * p).sum(axis=1, keepdims=True))
    return delta


LOSSES: dict[str, Loss] = {
    "cross_entropy": Loss(cross_entropy, cross_entropy_gradient),
    "mean_squared_error": Loss(mean_squared_error, mean_squared_error_gradient),
}


# --- The network --------------------------------------------------------------------------------


class Network:
    """A feedforward network with a softmax output.

    All weights and biases lie one after the other in one vector, ``parameters``, and all their
    gradients in the same order in another, ``gradients``. ``weights[l]``, ``biases[l]`` and their
    gradients are views into those vectors: an optimizer updates the whole network at once, and the
    passes below see matrices. (To set a weight, write into the view: ``weights[0][...] = w``.)

    Args:
        sizes: units per layer from the pixels to the classes, such as ``[784, 128, 128, 10]``;
            ``[784, 10]``, without a hidden layer, is softmax regression.
        activation: name of the hidden layers' activation, a key of ``ACTIVATIONS``.
        loss: name of the loss, a key of ``LOSSES``.
        weight_init: name of the initialisation, a key of ``INITIALIZERS``. Biases start at 0.
        seed: the run's seed; layer l draws its weights from ``weight_stream(seed, l)``.
        dtype: the floating-point type that everything is computed in.

    Raises:
        KeyError: a name is in none of the tables above.
        ValueError: ``sizes`` has fewer than two entries.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: str,
        loss: str,
        weight_init: str,
        seed: int,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        if len(sizes) < 2:
            raise ValueError(f"sizes must name the pixels and the classes at least, got {sizes}")
        self.sizes = list(sizes)
        self.activation = ACTIVATIONS[activation]
        self.loss = LOSSES[loss]
        initialize = INITIALIZERS[weight_init]

        count = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))
        self.parameters: Array = np.zeros(count, dtype)
        self.gradients: Array = np.zeros(count, dtype)
        self.weights, self.biases = _layer_views(self.parameters, sizes)
        self.weight_gradients, self.bias_gradients = _layer_views(self.gradients, sizes)
        for layer, w in enumerate(self.weights):
            w[...] = initialize(weight_stream(seed, layer), *w.shape)

    def forward(self, images: Array) -> tuple[list[Array], Array]:
        """What the network makes of images, shape (N, pixels).

        Returns:
            The input of every layer, ``a[l]`` of shape (N, sizes[l]), which the backward pass
            needs again, and the logarithm of the class probabilities, shape (N, classes).
        """
        a = [images.astype(self.parameters.dtype, copy=False)]
        for w, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            z = a[-1] @ w
            z += b
            a.append(self.activation.function(z))
        logits = a[-1] @ self.weights[-1]
        logits += self.biases[-1]
        return a, log_softmax(logits)

    def backward(self, a: list[Array], log_p: Array, labels: Labels) -> None:
        """Fills ``gradients`` with dL/dW and dL/db of every layer, from the last to the first.

        Args:
            a, log_p: what ``forward`` returned for the mini-batch.
            labels: the right classes, integers of shape (N,).
        """
        # delta is dL/dz of the layer at hand. The loss knows it for the output layer.
        delta = self.loss.gradient(log_p, labels)
        for layer in reversed(range(len(self.weights))):
            # z = a W + b. The weight from unit i to unit j touches the loss only through column j
            # of z, which it multiplies by column i of a: dL/dW[i, j] = sum over n of
            # a[n, i] delta[n, j], the matrix product a.T @ delta. The sum over the images n needs
            # no division by N, because the loss is a mean and delta has the 1/N in it already.
            np.matmul(a[layer].T, delta, out=self.weight_gradients[layer])
            # A bias is a weight whose input is always 1: the same sum with 1 in place of a[n, i].
            delta.sum(axis=0, out=self.bias_gradients[layer])
            if layer > 0:  # the images have no parameters behind them
                # Unit i of the layer below feeds every unit j through W[i, j], so its share of the
                # blame is dL/da[n, i] = sum over j of delta[n, j] W[i, j]: delta @ W.T. Then one
                # link more, from a = f(z) to z: times f'(z), elementwise, as f is.
                delta = delta @ self.weights[layer].T
                delta *= self.activation.derivative(a[layer])

    def snapshot(self) -> list[Array]:
        """Copies of all weights and biases: W[0], b[0], W[1], b[1], …"""
        layers = zip(self.weights, self.biases, strict=True)
        return [array.copy() for layer in layers for array in layer]

    def restore(self, snapshot: Sequence[Array]) -> None:
        """Sets all weights and biases to what ``snapshot`` returned."""
        for w, saved in zip(self.weights, snapshot[0::2], strict=True):
            w[...] = saved
        for b, saved in zip(self.biases, snapshot[1::2], strict=True):
            b[...] = saved


def _layer_views(vector: Array, sizes: Sequence[int]) -> tuple[list[Array], list[Array]]:
    """The vector cut into W[0], b[0], W[1], b[1], …, as views: all the W, all the b."""
    weights, biases, start = [], [], 0
    for fan_in, fan_out in pairwise(sizes):
        middle = start + fan_in * fan_out
        weights.append(vector[start:middle].reshape(fan_in, fan_out))
        start = middle + fan_out
        biases.append(vector[middle:start])
    return weights, biases
