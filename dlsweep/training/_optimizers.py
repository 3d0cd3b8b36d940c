"""The updates of a whole stack on a GPU, rule by rule."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dlsweep.config import RunConfig
from dlsweep.training._rules import Rule, Settings, rule_of


@dataclass(frozen=True)
class Segment:
    """Consecutive rows of a stack with rules of one kind.

    Attributes:
        rule: the first one's, with whose update all are updated.
        rows: their slice of the stack.
        settings: theirs.
        weight_decay: a column (rows, 1).
        decays: whether any of them is not 0.
        parameters: views of theirs.
        slots: likewise.
    """

    rule: Rule
    rows: slice
    settings: Settings
    weight_decay: Tensor
    decays: bool
    parameters: Tensor
    slots: list[Tensor]


class Optimizer:
    """The update of a whole stack, segment by segment.

    Args:
        configs: the K members' configurations; those with rules of one kind stand together.
        parameters: (K, P), updated in place by ``step``.
    """

    def __init__(self, configs: Sequence[RunConfig], parameters: Tensor) -> None:
        self.configs = list(configs)
        self.steps = 0
        """Steps taken so far."""
        most = max(rule_of(config).slots for config in configs)
        self.slots = [torch.zeros_like(parameters) for _ in range(most)]
        self._prepare(parameters)

    @property
    def segments(self) -> Sequence[Segment]:
        """What is updated together, as long as no member leaves."""
        return self._segments

    def _prepare(self, parameters: Tensor) -> None:
        self._segments = []
        stop = 0
        for _, alike in itertools.groupby(rule_of(config).kind for config in self.configs):
            start, stop = stop, stop + len(list(alike))
            self._segments.append(self._segment(slice(start, stop), parameters))

    def _segment(self, rows: slice, parameters: Tensor) -> Segment:
        configs = self.configs[rows]
        rule = rule_of(configs[0])
        return Segment(
            rule=rule,
            rows=rows,
            settings=Settings.of(configs, parameters),
            weight_decay=parameters.new_tensor([[config.weight_decay] for config in configs]),
            decays=any(config.weight_decay > 0 for config in configs),
            parameters=parameters[rows],
            slots=[slot[rows] for slot in self.slots[: rule.slots]],
        )

    def begin_epoch(self, learning_rates: np.ndarray, steps: int, like: Tensor) -> list[Tensor]:
        """The factors of the next ``steps`` steps.

        Args:
            learning_rates: (K,), of this epoch.
            steps: how many steps the epoch has.
            like: a tensor with the type and device that the factors shall have.

        Returns:
            For each segment a tensor (steps, factors, rows, 1), for ``step`` to be given the
            columns of a step of.
        """
        numbers = np.arange(self.steps + 1, self.steps + steps + 1, dtype=np.int64)

        def factors(k: int) -> np.ndarray:
            config = self.configs[k]
            return np.stack(rule_of(config).factors(config, learning_rates[k], numbers), 1)

        tables = []
        for segment in self._segments:
            members = range(segment.rows.start, segment.rows.stop)
            table = np.stack([factors(k) for k in members], axis=2)
            tables.append(torch.from_numpy(table).to(like.dtype).to(like.device).unsqueeze(3))
        self.steps += steps
        return tables

    def step(self, gradient: Tensor, factors: Sequence[Sequence[Tensor]]) -> None:
        """Update the parameters in place; ``gradient`` is overwritten.

        Args:
            gradient: of the mean loss of the batch, a row for each member, (K, P).
            factors: for each segment its factors of this step, as columns (rows, 1).
        """
        for segment, columns in zip(self._segments, factors, strict=True):
            g, parameters = gradient[segment.rows], segment.parameters
            if segment.decays:
                g.addcmul_(segment.weight_decay, parameters)
            segment.rule.update(parameters, g, segment.slots, segment.settings, columns)

    def keep(self, rows: Sequence[int], parameters: Tensor) -> None:
        """Go on with these members only; ``parameters`` are theirs already, (len(rows), P)."""
        index = torch.tensor(rows, device=parameters.device)
        self.configs = [self.configs[row] for row in rows]
        self.slots = [slot.index_select(0, index) for slot in self.slots]
        self._prepare(parameters)
