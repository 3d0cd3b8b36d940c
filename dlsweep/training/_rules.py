"""The six update rules, for all members of a stack at once.

Parameters are rows of a matrix (K, P), a row for each member; every setting of a rule is a column,
so members may differ in all of them. The rules are those of torch.optim, to which the tests hold
them step by step; the L2 penalty is added to the gradient.

What depends on the number of the step alone (bias corrections) is computed ahead, in float64 on
the host, for a whole epoch: ``factors``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dlsweep.config import RunConfig

_NADAM_MOMENTUM_DECAY = 4e-3


@dataclass(frozen=True)
class Settings:
    """The settings that a rule reads: each a column (K, 1) of the parameters' type.

    ``rest``, ``rest1`` and ``rest2`` are 1 − beta, 1 − beta1 and 1 − beta2, taken in float64: in
    float32, 1 − 0.999 is wrong in the fifth digit. ``ahead_g`` and ``ahead_v`` are what a step
    takes of the gradient and of the velocity: 0 and 1, or with Nesterov's look ahead 1 and
    ``momentum``.
    """

    momentum: Tensor
    ahead_g: Tensor
    ahead_v: Tensor
    beta: Tensor
    beta1: Tensor
    beta2: Tensor
    epsilon: Tensor
    rest: Tensor
    rest1: Tensor
    rest2: Tensor

    @property
    def columns(self) -> tuple[Tensor, ...]:
        """All of them, in order."""
        return tuple(vars(self).values())

    @classmethod
    def of(cls, configs: Sequence[RunConfig], like: Tensor) -> Settings:
        """The settings of K runs, with the type and device of ``like``."""

        def column(value: Callable[[RunConfig], float]) -> Tensor:
            values = [[value(config)] for config in configs]
            return torch.tensor(values, dtype=like.dtype, device=like.device)

        return cls(
            momentum=column(lambda c: c.momentum),
            ahead_g=column(lambda c: float(c.optimizer == "nesterov")),
            ahead_v=column(lambda c: c.momentum if c.optimizer == "nesterov" else 1.0),
            beta=column(lambda c: c.beta),
            beta1=column(lambda c: c.beta1),
            beta2=column(lambda c: c.beta2),
            epsilon=column(lambda c: c.epsilon),
            rest=column(lambda c: 1 - c.beta),
            rest1=column(lambda c: 1 - c.beta1),
            rest2=column(lambda c: 1 - c.beta2),
        )


Factors = Sequence[Tensor]
Update = Callable[[Tensor, Tensor, Sequence[Tensor], Settings, Factors], None]


@dataclass(frozen=True)
class Rule:
    """An update rule.

    Attributes:
        kind: rules of one kind have ``slots``, ``factor_count`` and ``update`` in common: members
            that differ in their settings and factors alone, whose updates are one operation.
        slots: how many matrices (K, P) it remembers between steps; they start as zeros.
        factor_count: how many factors there are.
        factors: for one run, its configuration, the learning rate and the numbers of the steps
            (T,) from 1 give the T values of each factor.
        update: changes parameters (K, P) and slots in place, given the gradient (K, P), which it
            may overwrite, the settings, and each factor of this step as a column (K, 1).
    """

    kind: str
    slots: int
    factors: Callable[[RunConfig, float, np.ndarray], list[np.ndarray]]
    factor_count: int
    update: Update


def _learning_rate(config: RunConfig, lr: float, steps: np.ndarray) -> list[np.ndarray]:
    return [np.full(len(steps), lr)]


def _sgd(w: Tensor, g: Tensor, slots: Sequence[Tensor], s: Settings, factors: Factors) -> None:
    """w ← w − lr · g"""
    (lr,) = factors
    w.sub_(g.mul_(lr))


def _momentum(w: Tensor, g: Tensor, slots: Sequence[Tensor], s: Settings, factors: Factors) -> None:
    """v ← momentum · v + g;  w ← w − lr · v, or as Nesterov w − lr · (g + momentum · v)"""
    (lr,), (v,) = factors, slots
    v.mul_(s.momentum).add_(g)
    w.sub_(g.mul_(s.ahead_g).addcmul_(v, s.ahead_v).mul_(lr))


def _rmsprop(w: Tensor, g: Tensor, slots: Sequence[Tensor], s: Settings, factors: Factors) -> None:
    """v ← beta · v + (1 − beta) · g²;  w ← w − lr · g / (√v + epsilon)"""
    (lr,), (v,) = factors, slots
    v.mul_(s.beta).addcmul_(g * s.rest, g)
    w.sub_(g.div_(v.sqrt().add_(s.epsilon)).mul_(lr))


def _adam_factors(config: RunConfig, lr: float, steps: np.ndarray) -> list[np.ndarray]:
    rate = lr / (1 - config.beta1**steps)
    return [np.zeros(len(steps)), rate, 1 / np.sqrt(1 - config.beta2**steps)]


def _nadam_factors(config: RunConfig, lr: float, steps: np.ndarray) -> list[np.ndarray]:
    """With the momentum schedule of torch.optim.NAdam."""

    def mu(t: np.ndarray) -> np.ndarray:
        return config.beta1 * (1 - 0.5 * 0.96 ** (t * _NADAM_MOMENTUM_DECAY))

    product = np.cumprod(mu(np.arange(1, steps[-1] + 1)))[steps - 1]
    return [
        lr * (1 - mu(steps)) / (1 - product),
        lr * mu(steps + 1) / (1 - product * mu(steps + 1)),
        1 / np.sqrt(1 - config.beta2**steps),
    ]


def _adam(w: Tensor, g: Tensor, slots: Sequence[Tensor], s: Settings, factors: Factors) -> None:
    """Kingma and Ba 2015, algorithm 1, and Dozat 2016, algorithm 8.

    They differ in what a step takes of the gradient itself (with Adam nothing) and of the first
    moment.
    """
    (rate_g, rate_m, root), (m, v) = factors, slots
    m.lerp_(g, s.rest1)
    v.mul_(s.beta2).addcmul_(g * s.rest2, g)
    w.sub_(g.mul_(rate_g).addcmul_(m, rate_m).div_(v.sqrt().mul_(root).add_(s.epsilon)))


RULES: dict[str, Rule] = {
    "sgd": Rule("sgd", 0, _learning_rate, 1, _sgd),
    "momentum": Rule("momentum", 1, _learning_rate, 1, _momentum),
    "nesterov": Rule("momentum", 1, _learning_rate, 1, _momentum),
    "rmsprop": Rule("rmsprop", 1, _learning_rate, 1, _rmsprop),
    "adam": Rule("adam", 2, _adam_factors, 3, _adam),
    "nadam": Rule("adam", 2, _nadam_factors, 3, _adam),
}


def rule_of(config: RunConfig) -> Rule:
    """The update rule of a run."""
    return RULES[config.optimizer]
