"""Layers: functions with a forward and a backward pass.

A layer answers three questions:

* ``forward``: what is the output, given the input x?
* ``gradients``: what are the layer's parameters to blame for? dL/dW for each of them.
* ``backward``: what is the input to blame for? dL/dx, which the layer before goes on with.

The last two are given delta = dL/dy, where y is the layer's output. A layer keeps nothing from one
call to the next but its parameters.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]


class Layer(ABC):
    """A layer, without parameters unless it says otherwise."""

    parameters: tuple[Array, ...] = ()

    @abstractmethod
    def forward(self, x: Array) -> Array:
        """The output y, given the input: (N, inputs) -> (N, outputs)."""

    @abstractmethod
    def backward(self, x: Array, y: Array, delta: Array) -> Array:
        """dL/dx, of the shape of x, given delta = dL/dy, of the shape of y."""

    def gradients(self, x: Array, delta: Array) -> list[Array]:
        """dL/dW for every array W of ``parameters``, of its shape."""
        return []


class Linear(Layer):
    """y = x W + b: every output is a weighted sum of all inputs, and a bias.

    Args:
        weight: (inputs, outputs), the initial W, as ``initializers.py`` draws it.
        bias: (outputs,), the initial b.
        dtype: the type that they are converted to.
    """

    def __init__(self, weight: Array, bias: Array, dtype: npt.DTypeLike = np.float64) -> None:
        self.weight = weight.astype(dtype)
        self.bias = bias.astype(dtype)
        self.parameters = (self.weight, self.bias)

    def forward(self, x: Array) -> Array:
        """(N, inputs) -> (N, outputs); the bias is added to every row."""
        y: Array = x @ self.weight
        y += self.bias
        return y

    def gradients(self, x: Array, delta: Array) -> list[Array]:
        """dL/dW = xᵀ delta and dL/db = the sum of delta's rows.

        The weight from unit i to unit j touches the loss only through column j of y, where it
        multiplies column i of x: dL/dW[i, j] = sum over n of x[n, i] delta[n, j], a matrix product.
        A bias is a weight whose input is always 1: the same sum with 1 in place of x[n, i]. The
        sums over the images n need no division by N: L is a mean, and delta has the 1/N in it.
        """
        return [x.T @ delta, delta.sum(axis=0)]

    def backward(self, x: Array, y: Array, delta: Array) -> Array:
        """dL/dx = delta Wᵀ.

        Input i feeds every output j through W[i, j], so its share of the blame is
        dL/dx[n, i] = sum over j of delta[n, j] W[i, j].
        """
        dx: Array = delta @ self.weight.T
        return dx


# --- Activations: y = f(x) in every element, so dL/dx = delta · f'(x) in every element ----------


class Identity(Layer):
    """f(x) = x: as if there were no activation."""

    def forward(self, x: Array) -> Array:
        """x."""
        return x

    def backward(self, x: Array, y: Array, delta: Array) -> Array:
        """f' = 1."""
        return delta


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), with the exponential of negative numbers only, so it cannot overflow."""
    e = np.exp(-np.abs(x))
    y: Array = np.where(x >= 0, 1, e) / (1 + e)
    return y


class Sigmoid(Layer):
    """f(x) = σ(x) = 1 / (1 + exp(-x)), from 0 to 1.

    Its slope is at most 1/4, and each layer multiplies delta by it: through many of them little
    comes back to the first. This is the vanishing gradient.
    """

    def forward(self, x: Array) -> Array:
        """σ(x)."""
        return sigmoid(x)

    def backward(self, x: Array, y: Array, delta: Array) -> Array:
        """σ' = σ (1 - σ): the output is at hand, so no exponential is needed again."""
        return delta * (y * (1 - y))


class Tanh(Layer):
    """f(x) = tanh x, from -1 to 1: a sigmoid around 0, with a slope of up to 1."""

    def forward(self, x: Array) -> Array:
        """tanh x."""
        y: Array = np.tanh(x)
        return y

    def backward(self, x: Array, y: Array, delta: Array) -> Array:
        """tanh' = 1 - tanh²."""
        return delta * (1 - y * y)


class ReLU(Layer):
    """f(x) = max(x, 0): a slope of 1 or 0. Nair & Hinton (2010).

    A unit whose x is below 0 for every image learns no more: it is dead.
    """

    def forward(self, x: Array) -> Array:
        """max(x, 0)."""
        y: Array = np.maximum(x, 0)
        return y

    def backward(self, x: Array, y: Array, delta: Array) -> Array:
        """f' is 1 above 0, else 0; at 0 itself there is none, and we take 0, as torch does."""
        return delta * (x > 0)


class LeakyReLU(Layer):
    """f(x) = max(x, 0.01 x): a ReLU that cannot die. Maas, Hannun & Ng (2013)."""

    def forward(self, x: Array) -> Array:
        """max(x, 0.01 x)."""
        y: Array = np.maximum(x, 0.01 * x)
        return y

    def backward(self, x: Array, y: Array, delta: Array) -> Array:
        """f' is 1 above 0, else 0.01."""
        return np.where(x > 0, delta, 0.01 * delta)


class ELU(Layer):
    """f(x) = x above 0, else exp(x) - 1: Clevert, Unterthiner & Hochreiter (2016)."""

    def forward(self, x: Array) -> Array:
        """expm1 is exp(x) - 1 without rounding near 0; the minimum keeps it from overflowing."""
        return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))

    def backward(self, x: Array, y: Array, delta: Array) -> Array:
        """f' is 1 above 0, else exp(x) = y + 1."""
        return delta * np.where(x > 0, 1, y + 1)


class SiLU(Layer):
    """f(x) = x σ(x), also called swish: Elfwing, Uchibe & Doya (2018).

    It falls a little before it rises, so y does not tell x: here the derivative needs the input.
    """

    def forward(self, x: Array) -> Array:
        """x σ(x)."""
        return x * sigmoid(x)

    def backward(self, x: Array, y: Array, delta: Array) -> Array:
        """The product rule: f' = σ + x σ (1 - σ)."""
        s = sigmoid(x)
        return delta * (s + x * s * (1 - s))


_erf = np.vectorize(math.erf, otypes=[np.float64])  # element by element: NumPy has no erf


def normal_cdf(x: Array) -> Array:
    """Φ(x), the probability that a standard normal number is below x."""
    phi: Array = (0.5 * (1 + _erf(x / math.sqrt(2)))).astype(x.dtype)
    return phi


class GELU(Layer):
    """f(x) = x Φ(x): x times the chance that a normal number is below it (Hendrycks & Gimpel 2016).

    This is the exact form, not the one with tanh. It is slow here, for want of an erf in NumPy.
    """

    def forward(self, x: Array) -> Array:
        """x Φ(x)."""
        return x * normal_cdf(x)

    def backward(self, x: Array, y: Array, delta: Array) -> Array:
        """The product rule: f' = Φ + x φ, where φ = Φ' = exp(-x²/2) / √(2π)."""
        density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        return delta * (normal_cdf(x) + x * density)


ACTIVATIONS: dict[str, type[Layer]] = {
    "identity": Identity,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "silu": SiLU,
    "gelu": GELU,
}
