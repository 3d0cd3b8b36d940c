"""The updates of a whole stack, rule by rule."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dlsweep.config import RunConfig
from dlsweep.training._fused import FUSED, FusedUpdate
from dlsweep.training._rules import Rule, Settings, rule_of


@dataclass(frozen=True)
class Segment:
    """Consecutive rows of a stack with rules of one kind and equally many parameters.

    Attributes:
        rule: the first one's, with whose update all are updated.
        rows: their slice of the stack.
        owned: how many columns are theirs, from the first; the others are not updated.
        settings: theirs.
        weight_decay: a column (rows, 1).
        decays: whether any of them is not 0.
        blocks: views of their parameters and slots, a block of columns each, with its columns.
        fused: what updates the one member that this is in place of all that, if anything does.
    """

    rule: Rule
    rows: slice
    owned: int
    settings: Settings
    weight_decay: Tensor
    decays: bool
    blocks: list[tuple[slice, Tensor, list[Tensor]]]
    fused: FusedUpdate | None = None


_BLOCK = 32 * 1024
"""Numbers of each matrix that are updated at once on a CPU.

A rule reads and writes its operands several times over; in blocks, all but the first time they are
in the cache. As whole matrices they come from memory each time, which takes several times as long.
"""


class Optimizer:
    """The update of a whole stack, segment by segment.

    Args:
        configs: the K members' configurations; those that can be one segment stand together.
        parameters: (K, P), updated in place by ``step``.
        owned: how many columns are each member's, from the first, (K,); all by default.
    """

    def __init__(
        self,
        configs: Sequence[RunConfig],
        parameters: Tensor,
        owned: Sequence[int] | None = None,
    ) -> None:
        self.configs = list(configs)
        self._owned = list(owned or [parameters.shape[1]] * len(self.configs))
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
        self._parameters = parameters
        self._segments = []
        kinds = zip((rule_of(config).kind for config in self.configs), self._owned, strict=True)
        stop = 0
        for _, alike in itertools.groupby(kinds):
            start, stop = stop, stop + len(list(alike))
            self._segments.append(self._segment(slice(start, stop), parameters))

    def _segment(self, rows: slice, parameters: Tensor) -> Segment:
        configs = self.configs[rows]
        rule = rule_of(configs[0])
        count = self._owned[rows.start]
        on_cpu = parameters.device.type == "cpu"
        width = max(1, _BLOCK // len(configs)) if on_cpu else count
        slots = self.slots[: rule.slots]
        columns = [slice(at, min(at + width, count)) for at in range(0, count, width)]
        return Segment(
            rule=rule,
            rows=rows,
            owned=count,
            settings=Settings.of(configs, parameters),
            weight_decay=parameters.new_tensor([[config.weight_decay] for config in configs]),
            decays=any(config.weight_decay > 0 for config in configs),
            blocks=[(c, parameters[rows, c], [slot[rows, c] for slot in slots]) for c in columns],
        )

    def fuse(self) -> None:
        """Let ``step`` update members one by one, for as long as no member leaves.

        On a CPU this is the fastest where members are few and not compiled, and what a member gets
        is the same to the bit whoever is beside it.
        """
        self._segments = []
        for k, config in enumerate(self.configs):
            segment = self._segment(slice(k, k + 1), self._parameters)
            if config.optimizer in FUSED:
                own = slice(self._owned[k])
                slots = [slot[k, own] for slot in self.slots[: segment.rule.slots]]
                fused = FusedUpdate(config, self._parameters[k, own], slots)
                segment = dataclasses.replace(segment, fused=fused)
            self._segments.append(segment)

    def compile(
        self,
        first: int,
        program: Callable[[str], Callable[..., Any]],
    ) -> None:
        """Prepare ``step_compiled``, for as long as no member leaves.

        Args:
            first: the size of the first piece of the gradient.
            program: gives the compiled update of the rules of this kind, see ``update_program``.
        """
        self._updates = []
        for segment in self._segments:
            rows, pieces = segment.rows, (slice(first), slice(first, segment.owned))
            matrices = [self._parameters, *self.slots[: segment.rule.slots]]
            w, *slots = [[matrix[rows, columns] for columns in pieces] for matrix in matrices]
            columns = [segment.weight_decay, *segment.settings.columns]
            run = program(segment.rule.kind)
            rest = slice(segment.owned - first)
            self._updates.append((run, rows, rest, w, [*itertools.chain(*slots), *columns]))

    def step_compiled(
        self, gradients: tuple[Tensor, Tensor], factors: Sequence[Sequence[Tensor]]
    ) -> None:
        """``step`` by compiled programs, with the gradient in two pieces, (K, size) each."""
        first, others = gradients
        for (run, rows, rest, w, after), columns in zip(self._updates, factors, strict=True):
            run(*w, first[rows], others[rows, rest], *after, *columns)

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
            if segment.fused is not None:
                segment.fused.begin_epoch(learning_rates[members[0]], self.steps)
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
            if segment.fused is not None:
                segment.fused(gradient[segment.rows.start, : segment.owned])
                continue
            for where, parameters, slots in segment.blocks:
                g = gradient[segment.rows, where]
                if segment.decays:
                    g.addcmul_(segment.weight_decay, parameters)
                segment.rule.update(parameters, g, slots, segment.settings, columns)

    def keep(self, rows: Sequence[int], parameters: Tensor) -> None:
        """Go on with these members only; ``parameters`` are theirs already, (len(rows), P)."""
        index = torch.tensor(rows, device=parameters.device)
        self.configs = [self.configs[row] for row in rows]
        self._owned = [self._owned[row] for row in rows]
        self.slots = [slot.index_select(0, index) for slot in self.slots]
        self._prepare(parameters)
