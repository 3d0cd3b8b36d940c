"""Six update rules: from the gradient of the loss to the next weights.

In the formulas, w are all parameters of the network (weights and biases alike), g is the gradient
of the loss with the weight decay in it, and t counts the steps from 1. Every rule equals the
optimizer of torch.optim that it names, step for step; where textbooks differ, torch decides.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np

from dlsweep.scratch.network import Array

# The rules are elementwise, so a step may go through the parameters piece by piece. A formula's
# intermediate results are then small: they stay in the processor's cache, and their memory is
# reused, where that of a whole vector is fetched from the operating system again and again.
BLOCK = 16384


class Optimizer(ABC):
    """What the rules share: the hyperparameters, the weight decay and the running averages.

    Each rule uses the hyperparameters that its formula names and ignores the others.

    Args:
        parameters: the vector to be trained, changed in place (``Network.parameters``).
        learning_rate: an attribute, which a schedule may change between steps.
        momentum: decay of the velocity (momentum, nesterov).
        beta: decay of the average of g² (rmsprop).
        beta1: decay of the average of g (adam, nadam).
        beta2: decay of the average of g² (adam, nadam).
        epsilon: keeps the denominator away from 0 (rmsprop, adam, nadam).
        weight_decay: the L2 penalty; adds weight_decay · w to the gradient, of biases too.
    """

    def __init__(
        self,
        parameters: Array,
        *,
        learning_rate: float,
        momentum: float = 0.9,
        beta: float = 0.9,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.parameters = parameters
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.beta = beta
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weight_decay = weight_decay
        self.t = 0
        # The averages are kept from step to step, one entry per parameter. A rule without them
        # leaves them alone, and pages that nobody writes to take no memory.
        self.m: Array = np.zeros(parameters.shape, parameters.dtype)  # of g
        self.v: Array = np.zeros(parameters.shape, parameters.dtype)  # of g²

    def step(self, gradients: Array) -> None:
        """Moves the parameters by one step, given dL/dw, a vector of the parameters' shape."""
        self.t += 1
        for start in range(0, len(self.parameters), BLOCK):
            block = slice(start, start + BLOCK)
            w, g = self.parameters[block], gradients[block]
            if self.weight_decay:
                # The penalty is weight_decay / 2 · |w|², and this adds its derivative.
                g = g + self.weight_decay * w
            self.update(w, g, self.m[block], self.v[block])

    @abstractmethod
    def update(self, w: Array, g: Array, m: Array, v: Array) -> None:
        """The rule: changes w, m and v in place, given g. Four vectors of one shape."""


class SGD(Optimizer):
    """Straight down the gradient (torch.optim.SGD)."""

    def update(self, w: Array, g: Array, m: Array, v: Array) -> None:
        """w ← w - η g."""
        w -= self.learning_rate * g


class Momentum(Optimizer):
    """A velocity that remembers: Polyak (1964) (torch.optim.SGD with momentum)."""

    def update(self, w: Array, g: Array, m: Array, v: Array) -> None:
        """m ← μ m + g;  w ← w - η m."""
        m *= self.momentum
        m += g
        w -= self.learning_rate * m


class Nesterov(Optimizer):
    """Momentum that looks ahead: Sutskever et al. (2013), equations 3 and 4, on the looked-ahead w.

    The textbook takes the gradient at w - η μ m, where the velocity is about to carry the weights.
    Calling that point w gives the form below, which needs the gradient at w only
    (torch.optim.SGD with nesterov=True).
    """

    def update(self, w: Array, g: Array, m: Array, v: Array) -> None:
        """m ← μ m + g;  w ← w - η (g + μ m)."""
        m *= self.momentum
        m += g
        w -= self.learning_rate * (g + self.momentum * m)


class RMSprop(Optimizer):
    """Every weight at its own pace: Tieleman & Hinton (2012), lecture 6e (torch.optim.RMSprop)."""

    def update(self, w: Array, g: Array, m: Array, v: Array) -> None:
        """v ← β v + (1 - β) g²;  w ← w - η g / (√v + ε)."""
        v *= self.beta
        v += (1 - self.beta) * g * g
        w -= self.learning_rate * g / (np.sqrt(v) + self.epsilon)


class Adam(Optimizer):
    """Momentum and RMSprop in one: Kingma & Ba (2015), algorithm 1 (torch.optim.Adam).

    Both averages start at 0 and are too small at first, by the factors 1 - β1ᵗ and 1 - β2ᵗ; the
    hats divide them out. That is done here as in the paper's section 2, on the two numbers η and ε
    instead of the two vectors: η m̂ / (√v̂ + ε) = η √(1 - β2ᵗ) / (1 - β1ᵗ) · m / (√v + ε √(1 - β2ᵗ)).
    """

    def update(self, w: Array, g: Array, m: Array, v: Array) -> None:
        """m ← β1 m + (1 - β1) g;  v ← β2 v + (1 - β2) g²;  w ← w - η m̂ / (√v̂ + ε)."""
        m *= self.beta1
        m += (1 - self.beta1) * g
        v *= self.beta2
        v += (1 - self.beta2) * g * g
        root = math.sqrt(1 - self.beta2**self.t)
        rate = self.learning_rate * root / (1 - self.beta1**self.t)
        w -= rate * m / (np.sqrt(v) + self.epsilon * root)


class NAdam(Optimizer):
    """Adam with Nesterov's look-ahead: Dozat (2016), algorithm 2 (torch.optim.NAdam).

    Looking ahead, a step adds up what this gradient gives now and what the average will give at
    the next step, with the momentum μₜ = β1 (1 - 0.96^(0.004 t) / 2), which grows from β1 / 2 to
    β1. Its bias correction needs the product of all momenta so far, Πₜ = μ1 μ2 … μₜ.
    """

    mu_product = 1.0

    def mu(self, t: int) -> float:
        """μₜ, the momentum at step t."""
        decay: float = 0.96 ** (0.004 * t)
        return self.beta1 * (1 - 0.5 * decay)

    def step(self, gradients: Array) -> None:
        """As in every rule, and Πₜ ← Πₜ₋₁ μₜ."""
        self.mu_product *= self.mu(self.t + 1)
        super().step(gradients)

    def update(self, w: Array, g: Array, m: Array, v: Array) -> None:
        """m, v as in Adam;  w ← w - η ((1-μₜ)/(1-Πₜ) g + μₜ₊₁/(1-Πₜ₊₁) m) / (√v̂ + ε)."""
        m *= self.beta1
        m += (1 - self.beta1) * g
        v *= self.beta2
        v += (1 - self.beta2) * g * g
        root = math.sqrt(1 - self.beta2**self.t)  # taken out of √v̂ as in Adam
        rate = self.learning_rate * root
        mu, mu_next = self.mu(self.t), self.mu(self.t + 1)
        g_rate = rate * (1 - mu) / (1 - self.mu_product)
        m_rate = rate * mu_next / (1 - self.mu_product * mu_next)
        w -= (g_rate * g + m_rate * m) / (np.sqrt(v) + self.epsilon * root)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "rmsprop": RMSprop,
    "adam": Adam,
    "nadam": NAdam,
}
