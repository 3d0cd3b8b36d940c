"""Update rules: from the gradient of the loss to the next weights.

In the formulas, w is a parameter (a weight or a bias), g the gradient of the loss with the weight
decay in it, η the learning rate, and t counts the steps from 1. Every rule works element by
element, and equals the optimizer of torch.optim that it names, step for step; where textbooks
differ, torch decides.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .layers import Array


@dataclass
class Optimizer(ABC):
    """What the rules share: the learning rate, the weight decay, and a memory.

    Args:
        parameters: the arrays to be trained, changed in place (``Network.parameters``).
        learning_rate: η, an attribute, which a schedule may change between steps.
        weight_decay: the L2 penalty; adds weight_decay · w to the gradient, of biases too.

    Attributes:
        memory: for each parameter the arrays that the rule remembers from step to step, such as a
            running average of g. They have the parameter's shape and start at 0.
        t: how many steps were taken.
    """

    parameters: Sequence[Array]
    learning_rate: float
    weight_decay: float = 0.0

    remembers: ClassVar[int] = 0
    """How many arrays the rule remembers for each parameter."""

    def __post_init__(self) -> None:
        self.t = 0
        self.memory = [[np.zeros_like(w) for _ in range(self.remembers)] for w in self.parameters]

    def step(self, gradients: Sequence[Array]) -> None:
        """Moves every parameter by one step, given dL/dw of each, in the same order."""
        self.t += 1
        for w, g, memory in zip(self.parameters, gradients, self.memory, strict=True):
            self.update(w, self.decay(w, g), *memory)

    def decay(self, w: Array, g: Array) -> Array:
        """The gradient with the penalty's: weight_decay / 2 · |w|² has the derivative below."""
        return g + self.weight_decay * w if self.weight_decay else g

    @abstractmethod
    def update(self, w: Array, g: Array, *memory: Array) -> None:
        """The rule: changes w and the memory in place, given g. Arrays of one shape."""


@dataclass
class SGD(Optimizer):
    """Straight down the gradient (torch.optim.SGD)."""

    def update(self, w: Array, g: Array, *memory: Array) -> None:
        """w ← w - η g."""
        w -= self.learning_rate * g


@dataclass
class Momentum(Optimizer):
    """A velocity that remembers: Polyak (1964) (torch.optim.SGD with momentum).

    Across a valley gradients change sign and cancel in m; along it they add up.
    """

    momentum: float = 0.9
    remembers = 1

    def update(self, w: Array, g: Array, *memory: Array) -> None:
        """m ← μ m + g;  w ← w - η m."""
        (m,) = memory
        m *= self.momentum
        m += g
        w -= self.learning_rate * m


@dataclass
class Nesterov(Momentum):
    """Momentum that looks ahead: Sutskever et al. (2013), equations 3 and 4, on the looked-ahead w.

    The textbook takes the gradient at w - η μ m, where the velocity is about to carry the weights.
    Calling that point w gives the form below, which needs the gradient at w only
    (torch.optim.SGD with nesterov=True).
    """

    def update(self, w: Array, g: Array, *memory: Array) -> None:
        """m ← μ m + g;  w ← w - η (g + μ m)."""
        (m,) = memory
        m *= self.momentum
        m += g
        w -= self.learning_rate * (g + self.momentum * m)


@dataclass
class Adagrad(Optimizer):
    """Smaller steps where much has happened: Duchi, Hazan & Singer (2011) (torch.optim.Adagrad).

    v only grows, so the steps of every weight become ever smaller: the flaw that RMSprop mends.
    """

    epsilon: float = 1e-10
    remembers = 1

    def update(self, w: Array, g: Array, *memory: Array) -> None:
        """v ← v + g²;  w ← w - η g / (√v + ε)."""
        (v,) = memory
        v += g * g
        w -= self.learning_rate * g / (np.sqrt(v) + self.epsilon)


@dataclass
class RMSprop(Optimizer):
    """Every weight at its own pace: Tieleman & Hinton (2012), lecture 6e (torch.optim.RMSprop)."""

    beta: float = 0.99
    epsilon: float = 1e-8
    remembers = 1

    def update(self, w: Array, g: Array, *memory: Array) -> None:
        """v ← β v + (1 - β) g²;  w ← w - η g / (√v + ε)."""
        (v,) = memory
        v *= self.beta
        v += (1 - self.beta) * g * g
        w -= self.learning_rate * g / (np.sqrt(v) + self.epsilon)


@dataclass
class Adadelta(Optimizer):
    """RMSprop whose steps have the size of earlier steps: Zeiler (2012) (torch.optim.Adadelta).

    g / √v has no unit, but a step should have w's. √u, the size of past steps, has it. The rule was
    made to do without a learning rate: η is 1 unless one insists.
    """

    learning_rate: float = 1.0
    beta: float = 0.9
    epsilon: float = 1e-6
    remembers = 2

    def update(self, w: Array, g: Array, *memory: Array) -> None:
        """v ← β v + (1 - β) g²;  d = √(u + ε) / √(v + ε) g;  u ← β u + (1 - β) d²;  w ← w - η d."""
        v, u = memory
        v *= self.beta
        v += (1 - self.beta) * g * g
        d = np.sqrt(u + self.epsilon) / np.sqrt(v + self.epsilon) * g
        u *= self.beta
        u += (1 - self.beta) * d * d
        w -= self.learning_rate * d


@dataclass
class Adam(Optimizer):
    """Momentum and RMSprop in one: Kingma & Ba (2015), algorithm 1 (torch.optim.Adam).

    Both averages start at 0 and are too small at first, by the factors 1 - β1ᵗ and 1 - β2ᵗ; the
    hats divide them out. That is done here as in the paper's section 2, on the two numbers η and ε
    instead of the two arrays: η m̂ / (√v̂ + ε) = η √(1 - β2ᵗ) / (1 - β1ᵗ) · m / (√v + ε √(1 - β2ᵗ)).
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    remembers = 2

    def update(self, w: Array, g: Array, *memory: Array) -> None:
        """m ← β1 m + (1 - β1) g;  v ← β2 v + (1 - β2) g²;  w ← w - η m̂ / (√v̂ + ε)."""
        m, v = memory
        m *= self.beta1
        m += (1 - self.beta1) * g
        v *= self.beta2
        v += (1 - self.beta2) * g * g
        root = math.sqrt(1 - self.beta2**self.t)
        rate = self.learning_rate * root / (1 - self.beta1**self.t)
        w -= rate * m / (np.sqrt(v) + self.epsilon * root)


@dataclass
class AdamW(Adam):
    """Adam with a weight decay that shrinks: Loshchilov & Hutter (2019) (torch.optim.AdamW).

    In Adam the penalty's gradient is divided by √v like the rest of g, so weights with large
    gradients hardly decay. Here each step takes the same share η · weight_decay off every weight.
    """

    weight_decay: float = 0.01

    def decay(self, w: Array, g: Array) -> Array:
        """w ← w - η · weight_decay · w; the gradient is that of the loss alone."""
        w *= 1 - self.learning_rate * self.weight_decay
        return g


@dataclass
class NAdam(Adam):
    """Adam with Nesterov's look-ahead: Dozat (2016), algorithm 2 (torch.optim.NAdam).

    Looking ahead, a step adds up what this gradient gives now and what the average will give at
    the next step, with the momentum μₜ = β1 (1 - 0.96^(0.004 t) / 2), which grows from β1 / 2 to
    β1. Its bias correction needs the product of all momenta so far, Πₜ = μ1 μ2 … μₜ.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.mu_product = 1.0

    def mu(self, t: int) -> float:
        """μₜ, the momentum at step t."""
        decay: float = 0.96 ** (0.004 * t)
        return self.beta1 * (1 - 0.5 * decay)

    def step(self, gradients: Sequence[Array]) -> None:
        """As in every rule, and Πₜ ← Πₜ₋₁ μₜ."""
        self.mu_product *= self.mu(self.t + 1)
        super().step(gradients)

    def update(self, w: Array, g: Array, *memory: Array) -> None:
        """m, v as in Adam;  w ← w - η ((1-μₜ)/(1-Πₜ) g + μₜ₊₁/(1-Πₜ₊₁) m) / (√v̂ + ε)."""
        m, v = memory
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
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adadelta": Adadelta,
    "adam": Adam,
    "adamw": AdamW,
    "nadam": NAdam,
}
