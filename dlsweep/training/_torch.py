"""PyTorch as a backend: K models trained together as one stacked model."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.func import vmap

from dlsweep.config import RunConfig
from dlsweep.config.streams import epoch_order
from dlsweep.data import Dataset, Split
from dlsweep.training._apart import Apart, own_member, trained_apart
from dlsweep.training._compiled import Program, make_together
from dlsweep.training._cpu_programs import (
    CompiledGradient,
    example_widths,
    gradient_program,
    is_plain,
    update_program,
)
from dlsweep.training._evaluation import Answers, alone_models
from dlsweep.training._initial import initial_values
from dlsweep.training._layout import Layout, can_be_deepened, ordered_parameters
from dlsweep.training._matrix import Columns, row_of
from dlsweep.training._member import Member, widest_layer
from dlsweep.training._optimizers import Optimizer
from dlsweep.training._rules import rule_of
from dlsweep.training._state import load_arrays


class TorchLearner:
    """Trains K runs as one stack; see ``Learner``.

    The parameters of all members are one matrix ``theta`` (K, P), a row for each; a model's
    parameters are views of its row. So an update rule, a copy of the best weights or the departure
    of a member is one operation, however many layers there are. Buffers (running statistics,
    counters, and what members differ in) are stacked tensors (K, …) by name.

    Args:
        configs: the members' configurations; stackable (see ``plan``), in the order that they are
            to stand in.
        data: tensors on the device to train on; their type is that of the parameters.
        compile_for: the layout to compile programs for, which takes seconds; None to train
            without compiling, in the smallest layout that serves these members.
    """

    _for_a_cpu: ClassVar[bool] = True

    def __init__(
        self, configs: Sequence[RunConfig], data: Dataset, compile_for: Layout | None = None
    ) -> None:
        self.configs = list(configs)
        self.data = data
        # Torch cannot trace batch norm with symbols for sizes. Convolutions have fixed shapes, and
        # there the time is in the arithmetic.
        self._can_be_compiled = (
            compile_for is not None
            and configs[0].model == "feedforward"
            and not configs[0].batch_norm
            and example_widths(configs[0].hidden_sizes) is not None
        )
        self._layout = compile_for or Layout.of(configs)
        images, shape = data.train.images, data.image_shape
        self.device = images.device
        model, theta, buffers = initial_values(self._layout, configs, data)
        self._alone = alone_models(configs, data)
        self._columns = Columns({n: p.shape for n, p in ordered_parameters(model).items()})
        self.theta = theta.to(self.device)
        self.buffers = {name: buffer.to(self.device) for name, buffer in buffers.items()}
        self._persistent = model.state_dict().keys() - self._columns.shapes.keys()
        self._member = Member(model, self._layout.losses, shape)
        self._width = widest_layer(model, shape)
        del model, theta, buffers
        self.best = self.theta.clone()
        self.best_buffers = {name: b.clone() for name, b in self.buffers.items()}
        # On a GPU few operations count, here few numbers.
        owned = [self.parameters(row) for row in range(len(configs))] if self._for_a_cpu else None
        self.optimizer = Optimizer(configs, self.theta, owned)
        self._prepare()

    def _prepare(self) -> None:
        """What follows from which members are in the stack."""
        chosen = [self._layout.losses.index(config.loss) for config in self.configs]
        self._chosen_loss = torch.tensor(chosen, device=self.device)
        self._seeds = [config.seed for config in self.configs]
        # Leaves of autograd that are views of theta: an update of theta is an update of them. Kept
        # from step to step, as is the gradient, for which memory is then never asked again.
        self._stacked = parameters = self._columns.views(self.theta)
        self._leaves = {name: p.detach().requires_grad_() for name, p in parameters.items()}
        self._gradient = torch.empty_like(self.theta)
        self._apart = None
        device = "cpu" if self._for_a_cpu else "cuda"
        if trained_apart(self.configs[0], len(self.configs), device):
            members = [self._own_member(config) for config in self.configs]
            self._apart = Apart(
                members, parameters, self.buffers, self._gradient, self._chosen_loss
            )
        self._fixed = []
        if not self._for_a_cpu:  # identity layers are updated, and put back
            own = [model.parameters for model in self._alone]
            self._fixed = self._columns.not_owned(own, self.theta)
        self._compiled = self._compile() if self._can_be_compiled and self._for_a_cpu else None
        if self._compiled is not None:
            first = self._columns.sizes[0]
            self._others = self._gradient[:, first:]
            self.optimizer.compile(first, self._update_program)
        elif self._apart is not None and self._for_a_cpu:
            self.optimizer.fuse()

    def _compile(self) -> CompiledGradient | None:
        """What computes the gradient, where it can be compiled; the updates' programs are made."""
        self._rules = {rule.kind: rule for rule in map(rule_of, self.configs)}
        updates = [functools.partial(self._update_program, kind) for kind in self._rules]
        config, own_batches = self.configs[0], len(set(self._seeds)) > 1
        make = functools.partial(gradient_program, self._layout, config, self.data, own_batches)
        make_together([make, *updates])
        program = make()
        if program is None:
            return None
        return CompiledGradient(
            program,
            self._stacked,
            self.buffers,
            self._columns.views(self._gradient),
            self._member.changing,
            [config.num_layers for config in self.configs] if is_plain(config) else None,
        )

    def _update_program(self, kind: str, wait: bool = True) -> Program:
        program = update_program(self._rules[kind], self.theta.dtype, wait=wait)
        assert program is not None, "rules are plain arithmetic"
        return program

    def _own_member(self, config: RunConfig) -> Member:
        """What trains a member apart from the others: its own model where the stack's is larger."""
        if not self._for_a_cpu or can_be_deepened(config):
            return self._member
        return own_member(config, self.data.image_shape, self.data.num_classes)

    def parameters(self, row: int) -> int:
        """See ``Learner``."""
        return sum(self._columns.shapes[name].numel() for name in self._alone[row].parameters)

    def _step(
        self, images: Tensor, labels: Tensor, factors: Sequence[Sequence[Tensor]]
    ) -> tuple[Tensor, Tensor]:
        """One step of every member: (K,) losses and numbers of right answers.

        The members share nothing, so the gradient of the sum of their losses is the gradient of
        each one's own. Images are (B, C, H, W), or (K, B, C, H, W) where orders differ.
        """
        own = 0 if labels.dim() == 2 else None
        if self._compiled is not None and labels.shape[-1] > 1:
            losses, right, first = self._compiled(images, labels, self._chosen_loss)
            self.optimizer.step_compiled((first, self._others), factors)
            return losses, right
        if self._apart is not None:
            losses, right = self._apart.step(images, labels)
        else:
            losses, (right, state) = vmap(self._member.train, (0, 0, own, own, 0))(
                self._leaves, self.buffers, images, labels, self._chosen_loss
            )
            gradients = torch.autograd.grad(losses.sum(), list(self._leaves.values()))
            self._change(state)
            with torch.no_grad():
                flat = [gradient.reshape(len(self.configs), -1) for gradient in gradients]
                torch.cat(flat, 1, out=self._gradient)
        with torch.no_grad():
            self.optimizer.step(self._gradient, factors)
        self._restore_fixed()
        return losses.detach(), right

    def _restore_fixed(self) -> None:
        for columns, rows, values in self._fixed:
            columns.index_copy_(0, rows, values)

    def _change(self, buffers: Mapping[str, Tensor]) -> None:
        """In place: what trains members apart has views of them."""
        for name, value in buffers.items():
            self.buffers[name].copy_(value)

    def train_epoch(self, epoch: int, learning_rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See ``Learner``. What can be done for the whole epoch at once is no part of a step."""
        split = self.data.train
        order = self._orders(epoch, len(split))
        batches = torch.split(order, self.configs[0].batch_size, -1)
        if self.configs[0].batch_norm and batches[-1].shape[-1] == 1 and len(batches) > 1:
            batches = batches[:-1]  # statistics of one image do not exist
        labels = torch.split(_take(split.labels, order), self.configs[0].batch_size, -1)
        tables = self.optimizer.begin_epoch(learning_rates, len(batches), self.theta)
        factors = zip(*map(_by_step, tables), strict=True)
        losses, right = zip(
            *(
                self._step(_take(split.images, index), own_labels.contiguous(), columns)
                for index, own_labels, columns in zip(batches, labels, factors, strict=False)
            ),
            strict=True,
        )
        sizes = torch.tensor([[index.shape[-1]] for index in batches])
        # One after the other: a sum in parts would depend on how many members there are.
        total_loss = (torch.stack(losses).to(torch.float64) * sizes).cumsum(0)[-1] / sizes.sum()
        total_right = torch.stack(right).sum(0).double() / sizes.sum()
        return total_loss.numpy(), total_right.numpy()

    def _orders(self, epoch: int, count: int) -> Tensor:
        """(count,) where all members have the same seed, else (K, count)."""
        orders = {seed: epoch_order(seed, epoch, count) for seed in set(self._seeds)}
        if len(orders) == 1:
            return torch.from_numpy(orders[self._seeds[0]]).to(self.device)
        stacked = np.stack([orders[seed] for seed in self._seeds])
        return torch.from_numpy(stacked).to(self.device)

    def _evaluate(
        self, split: Split, theta: Tensor, buffers: dict[str, Tensor], rows: Sequence[int]
    ) -> Answers:
        """Losses (rows, N) and logits (rows, N, classes) of members on a whole split."""
        image_bytes = self._width * theta.element_size()
        views = self._columns.views(theta)
        parts = [
            self._alone[row].evaluate(row_of(views, row), row_of(buffers, row), split, image_bytes)
            for row in rows
        ]
        losses, logits = zip(*parts, strict=True)
        return torch.stack(losses), torch.stack(logits)

    def validate(self) -> tuple[np.ndarray, np.ndarray]:
        """See ``Learner``."""
        split, rows = self.data.val, range(len(self.configs))
        losses, logits = self._evaluate(split, self.theta, self.buffers, rows)
        right = (logits.argmax(2) == split.labels).double().mean(1)
        return losses.double().mean(1).cpu().numpy(), right.cpu().numpy()

    def remember(self, rows: Sequence[int]) -> None:
        """See ``Learner``."""
        index = torch.tensor(list(rows), dtype=torch.int64, device=self.device)
        self.best.index_copy_(0, index, self.theta.index_select(0, index))
        for name, best in self.best_buffers.items():
            best.index_copy_(0, index, self.buffers[name].index_select(0, index))

    def expect(self, rows: Sequence[int]) -> None:
        """See ``Learner``. Here each is evaluated alone."""

    def recall(self, row: int, split: str) -> tuple[float, np.ndarray]:
        """See ``Learner``."""
        losses, logits = self._evaluate(
            getattr(self.data, split), self.best, self.best_buffers, [row]
        )
        probabilities = torch.softmax(logits[0], 1).float().cpu().numpy()
        return float(losses.double().mean()), probabilities

    def best_weights(self, row: int) -> dict[str, np.ndarray]:
        """See ``Learner``."""
        best = self._columns.views(self.best[row : row + 1])
        weights = {name: best[name][0].cpu().numpy().copy() for name in self._alone[row].parameters}
        for name in self._persistent:
            weights[name] = self.best_buffers[name][row].cpu().numpy().copy()
        return weights

    def set_best_weights(self, row: int, weights: Mapping[str, np.ndarray]) -> None:
        """See ``Learner``."""
        best = self._columns.views(self.best[row : row + 1])
        for name in self._alone[row].parameters:
            best[name][0].copy_(torch.from_numpy(np.array(weights[name])))
        for name in self._persistent:
            self.best_buffers[name][row].copy_(torch.from_numpy(np.array(weights[name])))

    def keep(self, rows: Sequence[int]) -> None:
        """See ``Learner``."""
        index = torch.tensor(list(rows), dtype=torch.int64, device=self.device)
        self.configs = [self.configs[row] for row in rows]
        self._alone = [self._alone[row] for row in rows]
        self.theta = self.theta.index_select(0, index)
        self.best = self.best.index_select(0, index)
        self.buffers = {n: b.index_select(0, index) for n, b in self.buffers.items()}
        self.best_buffers = {n: b.index_select(0, index) for n, b in self.best_buffers.items()}
        self.optimizer.keep(rows, self.theta)
        self._prepare()

    def state(self) -> dict[str, np.ndarray]:
        """See ``Learner``."""
        return {name: array.cpu().numpy().copy() for name, array in self._state().items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """See ``Learner``. In place: what was prepared are views of these."""
        steps = torch.tensor(0)
        load_arrays({**self._state(), "steps": steps}, arrays)
        self.optimizer.steps = int(steps)

    def _state(self) -> dict[str, Tensor]:
        """All that training changes, by name."""
        return {
            "parameters": self.theta,
            "best": self.best,
            "steps": torch.tensor(self.optimizer.steps),
            **{f"slots.{i}": slot for i, slot in enumerate(self.optimizer.slots)},
            **{f"buffers.{name}": buffer for name, buffer in self.buffers.items()},
            **{f"best_buffers.{name}": buffer for name, buffer in self.best_buffers.items()},
        }


def _take(rows: Tensor, index: Tensor) -> Tensor:
    """``rows[index]`` in a third of the time; rows are contiguous, the index is (B,) or (K, B)."""
    # Of images with one channel the strides say which layout convolutions choose: one is slow.
    row, *inner = rows.stride()
    lead = (row,) if index.dim() == 1 else (index.shape[1] * row, row)
    taken = rows.index_select(0, index.flatten())
    return taken.as_strided((*index.shape, *rows.shape[1:]), (*lead, *inner))


def _by_step(table: Tensor) -> list[tuple[Tensor, ...]]:
    """Of a segment's factors, (steps, factors, rows, 1), the columns (rows, 1) of each step."""
    columns, count = table.flatten(0, 1).unbind(0), table.shape[1]
    return [columns[at : at + count] for at in range(0, len(columns), count)]
