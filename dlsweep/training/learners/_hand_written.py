"""Fully connected networks on a CPU, by backpropagation that is written out for them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from dlsweep.training._losses import loss_of
from dlsweep.training._matrix import as_it_lies
from dlsweep.training._updates import MemberUpdates
from dlsweep.training.learners._backpropagation import Backpropagation
from dlsweep.training.learners._learner import Means
from dlsweep.training.learners._torch import TorchLearner


class HandWrittenLearner(TorchLearner):
    """Trains feedforward nets with hand-written gradients, in few and fused operations."""

    optimizer: MemberUpdates

    def _begin(self) -> None:
        self.optimizer = MemberUpdates(self.configs, self._columns, self._names, self.theta)
        split, classes = self.data.train, self.data.num_classes
        self._images = split.images.flatten(1)
        self._one_hot = F.one_hot(split.labels, classes).to(self.theta.dtype)

    def _prepare(self) -> None:
        stacked = self._columns.views(self.theta)
        parameters = {name: stacked[name] for name in self._names[0]}  # of the deepest member
        self._stack = Backpropagation(self.modules[0], self.configs, parameters, self.buffers)
        self._gradients = [
            [as_it_lies(gradients[name]) for name in names]
            for gradients, names in zip(self._stack.gradients, self._names, strict=True)
        ]

    @torch.inference_mode()
    def _train(self, epoch: int, batches: Sequence[Tensor]) -> Means:
        """Losses and answers are read off the logits at the end, of all batches at once."""
        order, size = torch.cat(list(batches), -1), self.configs[0].batch_size
        classes = self.data.num_classes
        logits = self.theta.new_empty(len(self.configs), classes, order.shape[-1]).mT
        places = torch.split(logits, size, 1)
        for number, (index, place) in enumerate(zip(batches, places, strict=True)):
            place.copy_(self._stack.step(*self._of_batch(epoch, number, index)))
            self.optimizer.step(self._gradients)
        labels = self.data.train.labels[order].expand(logits.shape[:2])
        losses = [
            loss_of(config)(mine, true).double()
            for config, mine, true in zip(self.configs, logits, labels, strict=True)
        ]
        right = [_share_right(mine, true) for mine, true in zip(logits, labels, strict=True)]
        loss = [one.mean() for one in losses]
        means = Means(torch.stack(loss).numpy(), torch.stack(right).numpy())
        if not self._logs_within:
            return means
        batched = [torch.stack([part.mean() for part in torch.split(one, size)]) for one in losses]
        return means._replace(batches=torch.stack(batched).numpy())

    def _of_batch(self, epoch: int, number: int, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What ``Backpropagation.step`` takes for a batch."""
        if all(config.augment is None for config in self.configs):
            return self._images, self._one_hot, index
        images = self._batch(epoch, number, index)
        places = torch.arange(index.numel()).view(index.shape)
        return images.flatten(index.dim()).flatten(0, -2), self._one_hot[index.flatten()], places


def _share_right(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(1) == labels).double().mean()
