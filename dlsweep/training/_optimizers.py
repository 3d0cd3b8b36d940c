"""The six update rules, for all members of a stack at once.

Parameters are rows of a matrix (K, P), a row for each member; every setting of a rule is a column,
so members may differ in all of them. The rules are those of torch.optim, to which the tests hold
them step by step; the L2 penalty is added to the gradient.

What depends on the number of the step alone (bias corrections) is computed ahead, in float64 on
the host, for a whole epoch: ``factors``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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
        slots: how many matrices (K, P) it remembers between steps; they start as zeros.
        factor_count: how many factors there are.
        factors: for one run, its configuration, the learning rate and the numbers of the steps
            (T,) from 1 give the T values of each factor.
        update: changes parameters (K, P) and slots in place, given the gradient (K, P), which it
            may overwrite, the settings, and each factor of this step as a column (K, 1).
    """

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
    """v ← momentum · v + g;  w ← w − lr · v"""
    (lr,), (v,) = factors, slots
    v.mul_(s.momentum).add_(g)
    w.sub_(v * lr)


def _nesterov(w: Tensor, g: Tensor, slots: Sequence[Tensor], s: Settings, factors: Factors) -> None:
    """v ← momentum · v + g;  w ← w − lr · (g + momentum · v)"""
    (lr,), (v,) = factors, slots
    v.mul_(s.momentum).add_(g)
    w.sub_(g.addcmul_(v, s.momentum).mul_(lr))


def _rmsprop(w: Tensor, g: Tensor, slots: Sequence[Tensor], s: Settings, factors: Factors) -> None:
    """v ← beta · v + (1 − beta) · g²;  w ← w − lr · g / (√v + epsilon)"""
    (lr,), (v,) = factors, slots
    v.mul_(s.beta).addcmul_(g * s.rest, g)
    w.sub_(g.div_(v.sqrt().add_(s.epsilon)).mul_(lr))


def _moments(g: Tensor, slots: Sequence[Tensor], s: Settings) -> tuple[Tensor, Tensor]:
    m, v = slots
    m.lerp_(g, s.rest1)
    v.mul_(s.beta2).addcmul_(g * s.rest2, g)
    return m, v


def _adam_factors(config: RunConfig, lr: float, steps: np.ndarray) -> list[np.ndarray]:
    return [lr / (1 - config.beta1**steps), 1 / np.sqrt(1 - config.beta2**steps)]


def _adam(w: Tensor, g: Tensor, slots: Sequence[Tensor], s: Settings, factors: Factors) -> None:
    """Kingma and Ba 2015, algorithm 1."""
    rate, root = factors
    m, v = _moments(g, slots, s)
    w.sub_((m * rate).div_(v.sqrt().mul_(root).add_(s.epsilon)))


def _nadam_factors(config: RunConfig, lr: float, steps: np.ndarray) -> list[np.ndarray]:
    def mu(t: np.ndarray) -> np.ndarray:
        return config.beta1 * (1 - 0.5 * 0.96 ** (t * _NADAM_MOMENTUM_DECAY))

    product = np.cumprod(mu(np.arange(1, steps[-1] + 1)))[steps - 1]
    return [
        lr * (1 - mu(steps)) / (1 - product),
        lr * mu(steps + 1) / (1 - product * mu(steps + 1)),
        1 / np.sqrt(1 - config.beta2**steps),
    ]


def _nadam(w: Tensor, g: Tensor, slots: Sequence[Tensor], s: Settings, factors: Factors) -> None:
    """Dozat 2016, algorithm 8, with the momentum schedule of torch.optim.NAdam."""
    rate_g, rate_m, root = factors
    m, v = _moments(g, slots, s)
    w.sub_(g.mul_(rate_g).addcmul_(m, rate_m).div_(v.sqrt().mul_(root).add_(s.epsilon)))


RULES: dict[str, Rule] = {
    "sgd": Rule(0, _learning_rate, 1, _sgd),
    "momentum": Rule(1, _learning_rate, 1, _momentum),
    "nesterov": Rule(1, _learning_rate, 1, _nesterov),
    "rmsprop": Rule(1, _learning_rate, 1, _rmsprop),
    "adam": Rule(2, _adam_factors, 2, _adam),
    "nadam": Rule(2, _nadam_factors, 3, _nadam),
}


@dataclass(frozen=True)
class Segment:
    """Consecutive rows of a stack that share a rule.

    Attributes:
        rule: theirs.
        rows: their slice of the stack.
        settings: theirs.
        weight_decay: a column (rows, 1).
        decays: whether any of them is not 0.
        blocks: views of their parameters and slots, a block of columns each, with its columns.
    """

    rule: Rule
    rows: slice
    settings: Settings
    weight_decay: Tensor
    decays: bool
    blocks: list[tuple[slice, Tensor, list[Tensor]]]


_BLOCK = 32 * 1024
"""Numbers of each matrix that are updated at once on a CPU.

A rule reads and writes its operands several times over; in blocks, all but the first time they are
in the cache. As whole matrices they come from memory each time, which takes several times as long.
"""


class Optimizer:
    """The update of a whole stack: each run of members with the same optimizer is one segment.

    Args:
        configs: the K members' configurations; members with the same optimizer stand together.
        parameters: (K, P), updated in place by ``step``.
    """

    def __init__(
        self,
        configs: Sequence[RunConfig],
        parameters: Tensor,
    ) -> None:
        self.configs = list(configs)
        self.steps = 0
        """Steps taken so far."""
        most = max(RULES[config.optimizer].slots for config in configs)
        self.slots = [torch.zeros_like(parameters) for _ in range(most)]
        self._prepare(parameters)

    @property
    def segments(self) -> Sequence[Segment]:
        """Members that share a rule, as long as no member leaves."""
        return self._segments

    def _prepare(self, parameters: Tensor) -> None:
        configs = self.configs
        self._parameters = parameters
        self._segments = []
        start = 0
        while start < len(configs):
            name = configs[start].optimizer
            stop = start
            while stop < len(configs) and configs[stop].optimizer == name:
                stop += 1
            self._segments.append(self._segment(name, slice(start, stop), parameters))
            start = stop

    def _segment(self, name: str, rows: slice, parameters: Tensor) -> Segment:
        configs, rule = self.configs[rows], RULES[name]
        count = parameters.shape[1]
        on_cpu = parameters.device.type == "cpu"
        width = max(1, _BLOCK // len(configs)) if on_cpu else count
        slots = self.slots[: rule.slots]
        columns = [slice(at, at + width) for at in range(0, count, width)]
        return Segment(
            rule=rule,
            rows=rows,
            settings=Settings.of(configs, parameters),
            weight_decay=parameters.new_tensor([[config.weight_decay] for config in configs]),
            decays=any(config.weight_decay > 0 for config in configs),
            blocks=[(c, parameters[rows, c], [slot[rows, c] for slot in slots]) for c in columns],
        )

    def compile(
        self,
        first: int,
        owned: Tensor,
        program: Callable[[str], Callable[..., Any]],
    ) -> None:
        """Prepare ``step_compiled``, for as long as no member leaves.

        Args:
            first: the size of the first piece of the gradient.
            owned: where parameters are the member's own, (K, P); the others stay as they are.
            program: gives the compiled update of the rule of this name, see ``update_program``.
        """
        self._updates = []
        pieces = slice(None, first), slice(first, None)
        for segment in self._segments:
            rows = segment.rows
            matrices = [self._parameters, *self.slots[: segment.rule.slots]]
            w, *slots = [[matrix[rows, columns] for columns in pieces] for matrix in matrices]
            own = owned[rows, first:].contiguous()
            columns = [segment.weight_decay, *segment.settings.columns]
            run = program(self.configs[rows.start].optimizer)
            self._updates.append((run, rows, w, [*itertools.chain(*slots), own, *columns]))

    def step_compiled(self, gradients: Sequence[Tensor], factors: Sequence[Tensor]) -> None:
        """``step`` by compiled programs, with the gradient in two pieces, (K, size) each."""
        for (run, rows, w, after), f in zip(self._updates, factors, strict=True):
            run(*w, *(piece[rows] for piece in gradients), *after, *f.unbind(0))

    def begin_epoch(self, learning_rates: np.ndarray, steps: int, like: Tensor) -> list[Tensor]:
        """The factors of the next ``steps`` steps.

        Args:
            learning_rates: (K,), of this epoch.
            steps: how many steps the epoch has.
            like: a tensor with the type and device that the factors shall have.

        Returns:
            For each segment a tensor (steps, factors, rows, 1), for ``step`` to be given a step's
            entry of.
        """
        numbers = np.arange(self.steps + 1, self.steps + steps + 1, dtype=np.int64)
        tables = []
        for segment in self._segments:
            members = range(segment.rows.start, segment.rows.stop)
            table = np.stack(
                [
                    np.stack(segment.rule.factors(self.configs[k], learning_rates[k], numbers), 1)
                    for k in members
                ],
                axis=2,
            )
            tables.append(torch.from_numpy(table).to(like.dtype).to(like.device).unsqueeze(3))
        self.steps += steps
        return tables

    def step(self, gradient: Tensor, factors: Sequence[Tensor]) -> None:
        """Update the parameters in place; ``gradient`` is overwritten.

        Args:
            gradient: of the mean loss of the batch, a row for each member, (K, P).
            factors: for each segment its factors of this step, (factors, rows, 1).
        """
        for segment, f in zip(self._segments, factors, strict=True):
            columns = f.unbind(0)
            for where, parameters, slots in segment.blocks:
                g = gradient[segment.rows, where]
                if segment.decays:
                    g.addcmul_(segment.weight_decay, parameters)
                segment.rule.update(parameters, g, slots, segment.settings, columns)

    def keep(self, rows: Sequence[int], parameters: Tensor) -> None:
        """Go on with these members only; ``parameters`` are theirs already, (len(rows), P)."""
        index = torch.tensor(rows, device=parameters.device)
        self.configs = [self.configs[row] for row in rows]
        self.slots = [slot.index_select(0, index) for slot in self.slots]
        self._prepare(parameters)
