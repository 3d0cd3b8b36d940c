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
    float32, 1 − 0.999 is wrong in the fifth digit.
    """

    momentum: Tensor
    beta: Tensor
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
            beta=column(lambda c: c.beta),
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


def _momentum_factors(config: RunConfig, lr: float, steps: np.ndarray) -> list[np.ndarray]:
    """What a step takes of the gradient and of the velocity."""
    return [np.zeros(len(steps)), np.full(len(steps), lr)]


def _nesterov_factors(config: RunConfig, lr: float, steps: np.ndarray) -> list[np.ndarray]:
    return [np.full(len(steps), lr), np.full(len(steps), lr * config.momentum)]


def _momentum(w: Tensor, g: Tensor, slots: Sequence[Tensor], s: Settings, factors: Factors) -> None:
    """v ← momentum · v + g;  w ← w − lr · v, or as Nesterov w − lr · (g + momentum · v)"""
    (rate_g, rate_v), (v,) = factors, slots
    v.mul_(s.momentum).add_(g)
    w.sub_(g.mul_(rate_g).addcmul_(v, rate_v))


def _rmsprop(w: Tensor, g: Tensor, slots: Sequence[Tensor], s: Settings, factors: Factors) -> None:
    """v ← beta · v + (1 − beta) · g²;  w ← w − lr · g / (√v + epsilon)"""
    (lr,), (v,) = factors, slots
    v.mul_(s.beta).addcmul_(g * s.rest, g)
    w.sub_(g.div_(v.sqrt().add_(s.epsilon)).mul_(lr))


def _adam_factors(config: RunConfig, lr: float, steps: np.ndarray) -> list[np.ndarray]:
    return _scaled(config, steps, np.zeros(len(steps)), lr / (1 - config.beta1**steps))


def _nadam_factors(config: RunConfig, lr: float, steps: np.ndarray) -> list[np.ndarray]:
    """With the momentum schedule of torch.optim.NAdam."""

    def mu(t: np.ndarray) -> np.ndarray:
        return config.beta1 * (1 - 0.5 * 0.96 ** (t * _NADAM_MOMENTUM_DECAY))

    product = np.cumprod(mu(np.arange(1, steps[-1] + 1)))[steps - 1]
    rate_g = lr * (1 - mu(steps)) / (1 - product)
    return _scaled(config, steps, rate_g, lr * mu(steps + 1) / (1 - product * mu(steps + 1)))


def _scaled(
    config: RunConfig, steps: np.ndarray, rate_g: np.ndarray, rate_m: np.ndarray
) -> list[np.ndarray]:
    """Rates and epsilon times what corrects √v for its start at 0: numbers instead of matrices."""
    root = np.sqrt(1 - config.beta2**steps)
    return [rate_g * root, rate_m * root, config.epsilon * root]


def _adam(w: Tensor, g: Tensor, slots: Sequence[Tensor], s: Settings, factors: Factors) -> None:
    """Kingma and Ba 2015, section 2, and Dozat 2016, algorithm 8.

    They differ in what a step takes of the gradient itself (with Adam nothing) and of the first
    moment.
    """
    (rate_g, rate_m, epsilon), (m, v) = factors, slots
    m.addcmul_(g - m, s.rest1)
    v.mul_(s.beta2).addcmul_(g * s.rest2, g)
    w.sub_(g.mul_(rate_g).addcmul_(m, rate_m).div_(v.sqrt().add_(epsilon)))


RULES: dict[str, Rule] = {
    "sgd": Rule("sgd", 0, _learning_rate, 1, _sgd),
    "momentum": Rule("momentum", 1, _momentum_factors, 2, _momentum),
    "nesterov": Rule("momentum", 1, _nesterov_factors, 2, _momentum),
    "rmsprop": Rule("rmsprop", 1, _learning_rate, 1, _rmsprop),
    "adam": Rule("adam", 2, _adam_factors, 3, _adam),
    "nadam": Rule("adam", 2, _nadam_factors, 3, _adam),
}


def rule_of(config: RunConfig) -> Rule:
    """The update rule of a run."""
    return RULES[config.optimizer]
