"""A stack on a CPU: few numbers are touched, and little is said to do it."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dlsweep.config import RunConfig
from dlsweep.data import Dataset, Split
from dlsweep.models import FeedForward
from dlsweep.training._apart import Apart, own_member
from dlsweep.training._backpropagation import Backpropagation
from dlsweep.training._evaluation import Answers
from dlsweep.training._layout import Layout
from dlsweep.training._learner import Recalled
from dlsweep.training._losses import loss_of
from dlsweep.training._matrix import as_it_lies, row_of
from dlsweep.training._torch import TorchLearner
from dlsweep.training._updates import MemberUpdates

Means = tuple[np.ndarray, np.ndarray]
"""Losses (K,) and accuracies (K,), float64."""


class CpuLearner(TorchLearner):
    """See ``TorchLearner``.

    Fully connected networks are trained together, convolutional ones one after the other.

    Args:
        configs: the members' configurations.
        data: on the CPU.
        compile_for: nothing is compiled here.
    """

    optimizer: MemberUpdates

    def __init__(
        self, configs: Sequence[RunConfig], data: Dataset, compile_for: Layout | None = None
    ) -> None:
        super().__init__(configs, data, Layout.of(configs))

    def _transposed(self, model: nn.Module) -> Collection[str]:
        """The first layer's weights, of fully connected networks.

        With those of a pixel side by side, images times weights take half to two thirds of the
        time. What another layer gained so, the gradient at its input would lose.
        """
        if not isinstance(model, FeedForward):
            return []
        return [next(name for name, _ in model.named_parameters())]

    def _begin(self, model: nn.Module) -> None:
        names = [alone.parameters for alone in self._alone]
        self.optimizer = MemberUpdates(self.configs, self._columns, names, self.theta)
        if isinstance(model, FeedForward):
            split, classes = self.data.train, self.data.num_classes
            self._images = split.images.flatten(1)
            self._one_hot = F.one_hot(split.labels, classes).to(self.theta.dtype)

    def _prepare(self) -> None:
        super()._prepare()
        stacked, names = self._columns.views(self.theta), self._alone[0].parameters
        parameters = {name: stacked[name] for name in names}  # of the deepest member
        model, shape = self._alone[0].skeleton, self.data.image_shape
        self._apart: Apart | None = None
        if isinstance(model, FeedForward):
            self._together = Backpropagation(model, self.configs, parameters, self.buffers)
            self._gradients = [
                [as_it_lies(gradients[name]) for name in alone.parameters]
                for gradients, alone in zip(self._together.gradients, self._alone, strict=True)
            ]
        else:
            members = [own_member(config, shape, self.data.num_classes) for config in self.configs]
            self._apart = Apart(members, parameters, self.buffers, self._chosen_loss)

    def train_epoch(self, epoch: int, learning_rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See ``Learner``."""
        order = self._orders(epoch, len(self.data.train))
        batches = torch.split(order, self.configs[0].batch_size, -1)
        if self.configs[0].batch_norm and batches[-1].shape[-1] == 1 and len(batches) > 1:
            batches = batches[:-1]  # statistics of one image do not exist
        self.optimizer.begin_epoch(learning_rates, len(batches))
        with _tiny_as_zero():
            if self._apart is not None:
                return self._train_apart(self._apart, batches)
            return self._train_together(batches)

    @torch.inference_mode()
    def _train_together(self, batches: Sequence[Tensor]) -> Means:
        """Losses and answers are read off the logits at the end, of all batches at once."""
        order, size = torch.cat(list(batches), -1), self.configs[0].batch_size
        classes = self.data.num_classes
        logits = self.theta.new_empty(len(self.configs), classes, order.shape[-1]).mT
        for index, kept in zip(batches, torch.split(logits, size, 1), strict=True):
            kept.copy_(self._together.step(self._images, self._one_hot, index))
            self.optimizer.step(self._gradients)
        labels = self.data.train.labels[order].expand(logits.shape[:2])
        means = [
            (loss_of(config)(own, true).double().mean(), _share_right(own, true))
            for config, own, true in zip(self.configs, logits, labels, strict=True)
        ]
        loss, right = zip(*means, strict=True)
        return torch.stack(loss).numpy(), torch.stack(right).numpy()

    def _train_apart(self, apart: Apart, batches: Sequence[Tensor]) -> Means:
        split = self.data.train
        losses, right = [], []
        for index in batches:
            labels = split.labels[index]
            loss, answers, gradients = apart.step(_take(split.images, index), labels)
            with torch.no_grad():
                self.optimizer.step(gradients)
            losses.append(loss)
            right.append(answers)
        sizes = torch.tensor([[index.shape[-1]] for index in batches])
        # One after the other: a sum in parts would depend on how many members there are.
        total_loss = (torch.stack(losses).to(torch.float64) * sizes).cumsum(0)[-1] / sizes.sum()
        total_right = torch.stack(right).sum(0).double() / sizes.sum()
        return total_loss.numpy(), total_right.numpy()

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

    def expect(self, rows: Sequence[int]) -> None:
        """See ``Learner``. Here each is evaluated alone."""

    def recall(self, row: int, split: str) -> Recalled:
        """See ``Learner``."""
        losses, logits = self._evaluate(
            getattr(self.data, split), self.best, self.best_buffers, [row]
        )
        loss, predictions = float(losses.double().mean()), logits[0].argmax(1).numpy()
        return Recalled(loss, predictions, torch.softmax(logits[0], 1).float().numpy())


@contextlib.contextmanager
def _tiny_as_zero() -> Iterator[None]:
    """In this thread, numbers below the smallest normal one (1e-38 in float32) are 0.

    A processor takes a hundred times as long for each of them; and the moments of units that are
    dead fade until they are such numbers.
    """
    before = float(torch.tensor(1e-39) * 1) == 0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _share_right(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(1) == labels).double().mean()


def _take(rows: Tensor, index: Tensor) -> Tensor:
    """``rows[index]`` in a third of the time; rows are contiguous, the index is (B,) or (K, B)."""
    # Of images with one channel the strides say which layout convolutions choose: one is slow.
    row, *inner = rows.stride()
    lead = (row,) if index.dim() == 1 else (index.shape[1] * row, row)
    taken = rows.index_select(0, index.flatten())
    return taken.as_strided((*index.shape, *rows.shape[1:]), (*lead, *inner))
