"""The updates of a stack's members, by the rules of ``dlsweep.parts``."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dlsweep.config import RunConfig
from dlsweep.parts import OPTIMIZERS, Hyperparameters, Optimizer, Updater
from dlsweep.training._matrix import Columns, as_it_lies


class Updates:
    """What both ways of updating have in common: the slots, and the number of steps taken.

    Args:
        configs: the K members' configurations.
        columns: where the parameters are.
        parameters: (K, P), updated in place.
    """

    def __init__(self, configs: Sequence[RunConfig], columns: Columns, parameters: Tensor) -> None:
        self.configs = list(configs)
        self._columns = columns
        self._trained: Collection[str] = columns.shapes.keys()
        self.steps = 0
        """Steps taken so far."""
        most = max(OPTIMIZERS[config.optimizer].slots for config in configs)
        self.slots = [torch.zeros_like(parameters) for _ in range(most)]
        """What the rules remember, each (K, P)."""

    def _prepare(self, parameters: Tensor) -> None:
        """Make what follows from which members there are, and what of them is trained."""
        raise NotImplementedError

    def train_only(self, names: Collection[str], parameters: Tensor) -> None:
        """Update these parameters from now on, and leave the others as they are."""
        self._trained = set(names)
        self._prepare(parameters)

    def begin_anew(self) -> None:
        """Forget all steps, as if none had been taken."""
        self.steps = 0
        for slot in self.slots:
            slot.zero_()

    def keep(self, rows: Sequence[int], parameters: Tensor) -> None:
        """Go on with these members only; ``parameters`` are theirs already, (len(rows), P)."""
        index = torch.tensor(list(rows), device=parameters.device)
        self.configs = [self.configs[row] for row in rows]
        self.slots = [slot.index_select(0, index) for slot in self.slots]

    def _factors(self, row: int, learning_rate: float, steps: int) -> np.ndarray:
        """The factors of a member's next steps, (steps, factors)."""
        config = self.configs[row]
        numbers = np.arange(self.steps + 1, self.steps + steps + 1, dtype=np.int64)
        rule = OPTIMIZERS[config.optimizer]
        return np.stack(rule.factors(Hyperparameters.of(config), learning_rate, numbers), 1)


class MemberUpdates(Updates):
    """Updates member by member, as a CPU does best.

    What a member gets is the same to the bit whatever other members there are.

    Args:
        configs: the K members' configurations.
        columns: where the parameters are.
        names: of each member's parameters.
        parameters: (K, P), updated in place.
    """

    def __init__(
        self,
        configs: Sequence[RunConfig],
        columns: Columns,
        names: Sequence[Sequence[str]],
        parameters: Tensor,
    ) -> None:
        super().__init__(configs, columns, parameters)
        self._names = list(names)
        self._prepare(parameters)

    def _prepare(self, parameters: Tensor) -> None:
        stacked, *slots = (self._columns.views(matrix) for matrix in (parameters, *self.slots))

        def own(views: Mapping[str, Tensor], row: int) -> list[Tensor]:
            names = [name for name in self._names[row] if name in self._trained]
            return [as_it_lies(views[name][row]) for name in names]

        self._updaters: list[Updater] = []
        for row, config in enumerate(self.configs):
            rule = OPTIMIZERS[config.optimizer]
            slots_of_row = [own(slot, row) for slot in slots[: rule.slots]]
            self._updaters.append(
                rule.updater(own(stacked, row), slots_of_row, Hyperparameters.of(config))
            )

    def begin_epoch(self, learning_rates: np.ndarray, steps: int) -> None:
        """Set the learning rates, (K,), of the next ``steps`` steps."""
        self._rates = [float(rate) for rate in learning_rates]
        self._next: list[Iterator[list[float]]] = [
            iter(self._factors(row, rate, steps).tolist()) for row, rate in enumerate(self._rates)
        ]
        self.steps += steps

    def step(self, gradients: Sequence[list[Tensor]]) -> None:
        """Update the parameters in place.

        Args:
            gradients: of the mean loss of the batch, for each member and each of its parameters
                that are trained, in the order of their names, as they lie in memory; they may be
                overwritten.
        """
        for update, own, rate, factors in zip(
            self._updaters, gradients, self._rates, self._next, strict=True
        ):
            update(own, rate, next(factors))

    def keep(self, rows: Sequence[int], parameters: Tensor) -> None:
        """Go on with these members only; ``parameters`` are theirs already, (len(rows), P)."""
        super().keep(rows, parameters)
        self._names = [self._names[row] for row in rows]
        self._prepare(parameters)


@dataclass(frozen=True)
class _Segment:
    """Consecutive rows of a stack with one rule, some of their columns, and their numbers."""

    rule: Optimizer
    rows: slice
    columns: slice
    h: Hyperparameters
    decays: bool
    parameters: Tensor
    slots: list[Tensor]


class StackUpdates(Updates):
    """Updates all members of one rule at once, as a GPU does best.

    Args:
        configs: the K members' configurations; those with one rule stand together.
        columns: where the parameters are.
        parameters: (K, P), updated in place.
    """

    def __init__(self, configs: Sequence[RunConfig], columns: Columns, parameters: Tensor) -> None:
        super().__init__(configs, columns, parameters)
        self._prepare(parameters)

    def _prepare(self, parameters: Tensor) -> None:
        self._segments: list[_Segment] = []
        stop = 0
        for name, alike in itertools.groupby(config.optimizer for config in self.configs):
            start, stop = stop, stop + len(list(alike))
            rows, rule = slice(start, stop), OPTIMIZERS[name]
            numbers = [Hyperparameters.of(config) for config in self.configs[rows]]
            self._segments += [
                _Segment(
                    rule,
                    rows,
                    columns,
                    Hyperparameters.stacked(numbers, parameters),
                    any(h.weight_decay > 0 for h in numbers),
                    parameters[rows, columns],
                    [slot[rows, columns] for slot in self.slots[: rule.slots]],
                )
                for columns in self._columns.slices(self._trained)
            ]

    def begin_epoch(self, learning_rates: np.ndarray, steps: int) -> None:
        """Set the learning rates, (K,), of the next ``steps`` steps."""
        self._tables = []
        self._step = 0
        for segment in self._segments:
            members = range(segment.rows.start, segment.rows.stop)
            like, rates = segment.parameters, [float(learning_rates[row]) for row in members]
            table = np.stack(
                [self._factors(row, rate, steps) for row, rate in zip(members, rates, strict=True)],
                axis=2,
            )  # (steps, factors, rows)
            self._tables.append(
                (
                    torch.from_numpy(table).to(like.dtype).to(like.device).unsqueeze(3),
                    like.new_tensor(rates).unsqueeze(1),
                )
            )
        self.steps += steps

    def step(self, gradient: Tensor) -> None:
        """Update the parameters in place; the gradient, (K, P), is overwritten."""
        for segment, (table, rates) in zip(self._segments, self._tables, strict=True):
            g, w = gradient[segment.rows, segment.columns], segment.parameters
            if segment.decays:
                segment.rule.penalize(w, g, segment.h.weight_decay, rates)
            segment.rule.update(w, g, segment.slots, segment.h, table[self._step].unbind(0))
        self._step += 1

    def keep(self, rows: Sequence[int], parameters: Tensor) -> None:
        """Go on with these members only; ``parameters`` are theirs already, (len(rows), P)."""
        super().keep(rows, parameters)
        self._prepare(parameters)
