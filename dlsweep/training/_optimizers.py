"""The updates of a whole stack, rule by rule."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dlsweep.config import RunConfig
from dlsweep.training._fused import FUSED, FusedUpdate
from dlsweep.training._rules import RULES, Rule, Settings


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
        fused: the members' updates one by one, once ``Optimizer.fuse`` was asked for them.
    """

    rule: Rule
    rows: slice
    settings: Settings
    weight_decay: Tensor
    decays: bool
    blocks: list[tuple[slice, Tensor, list[Tensor]]]
    fused: list[FusedUpdate] = field(default_factory=list)


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

    def fuse(self) -> None:
        """Let ``step`` update members one by one, for as long as no member leaves.

        On a CPU this is the fastest where members are few and not compiled, and what a member gets
        is the same to the bit whoever is beside it.
        """
        for segment in self._segments:
            members = range(segment.rows.start, segment.rows.stop)
            if self.configs[members[0]].optimizer in FUSED:
                slots = self.slots[: segment.rule.slots]
                segment.fused[:] = [
                    FusedUpdate(self.configs[k], self._parameters[k], [slot[k] for slot in slots])
                    for k in members
                ]

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
            for k, fused in enumerate(segment.fused, segment.rows.start):
                fused.begin_epoch(learning_rates[k], self.steps)
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
            if segment.fused:
                for fused, row in zip(segment.fused, gradient[segment.rows], strict=True):
                    fused(row)
                continue
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
