"""PyTorch as a backend: what all ways to train the members of a stack have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from dlsweep.config import RunConfig
from dlsweep.config.streams import epoch_order
from dlsweep.data import Dataset, Split
from dlsweep.models import Objective, auxiliary_name, build, evaluate_only, objective_of
from dlsweep.training._losses import loss_of
from dlsweep.training._matrix import Columns
from dlsweep.training._updates import MemberUpdates, StackUpdates
from dlsweep.training.learners._arrays import load_arrays, take
from dlsweep.training.learners._augmentation import EpochAugmentation
from dlsweep.training.learners._evaluation import answers_of, quicken, transposed
from dlsweep.training.learners._learner import Means, Recalled
from dlsweep.training.learners._modules import bind, kept, saved_names, trained
from dlsweep.training.planning import HAND_WRITTEN, ONE_BY_ONE, counts_of, way


class TorchLearner(ABC):
    """Trains K runs as one stack; see ``Learner``.

    The parameters of all members are one matrix ``theta`` (K, P), a row for each; those of a
    member's module are views of its row. So a copy of the best weights or the departure of a member
    is one operation, however many layers there are. What else a module changes (running statistics,
    counters) or must keep (parameters that are frozen) are stacked tensors (K, …) by name.

    Args:
        configs: the members' configurations; stackable (see ``plan``), in the order that they are
            to stand in: the first has all the parameters that any has.
        data: tensors on the device to train on; their type is that of the parameters.
    """

    optimizer: MemberUpdates | StackUpdates

    def __init__(self, configs: Sequence[RunConfig], data: Dataset) -> None:
        self.configs = list(configs)
        self.data = data
        self.device = data.train.images.device
        self.way = way(self.configs[0], self.device.type)
        self.modules = [self._module(config) for config in self.configs]
        first = self.modules[0]
        self.auxiliary = auxiliary_name(first)
        self._frozen: tuple[str, ...] = ()
        shapes = {name: p.shape for name, p in trained(first).items()}
        self._columns = Columns(shapes, transposed(first) if self.device.type == "cpu" else ())
        self._names = [list(trained(module)) for module in self.modules]
        self._kept = [list(kept(module)) for module in self.modules]
        self._saved = [saved_names(module) for module in self.modules]
        self._widest = counts_of(first, data.image_shape).widest
        self._normalizes = any(
            isinstance(module, nn.modules.batchnorm._BatchNorm) for module in first.modules()
        )
        dtype, count = data.train.images.dtype, len(self.configs)
        self.theta = torch.zeros(count, sum(self._columns.sizes), dtype=dtype, device=self.device)
        self.buffers = {
            name: torch.zeros(count, *value.shape, dtype=value.dtype, device=self.device)
            for name, value in kept(first).items()
        }
        views = self._columns.views(self.theta)
        with torch.no_grad():
            for row, module in enumerate(self.modules):
                for name, parameter in trained(module).items():
                    views[name][row].copy_(parameter)
                for name, value in kept(module).items():
                    self.buffers[name][row].copy_(value)
                self._bind(row, module.to(self.device))
        self.best = self.theta.clone()
        self.best_buffers = {name: b.clone() for name, b in self.buffers.items()}
        self._begin()
        self._prepare()

    def _module(self, config: RunConfig) -> nn.Module:
        """A member's module with its initial weights, on the CPU, in training."""
        images = self.data.train.images
        module = build(config, self.data.image_shape, self.data.num_classes, images.dtype)
        if self.device.type == "cpu" and self.way in (HAND_WRITTEN, ONE_BY_ONE):
            quicken(module)
        return module.train()

    def _values(self, theta: Tensor, buffers: Mapping[str, Tensor], row: int) -> dict[str, Tensor]:
        """A member's tensors by name, views of the stack's."""
        parameters = self._columns.views(theta)
        return {
            **{name: parameters[name][row] for name in self._names[row]},
            **{name: buffers[name][row] for name in self._kept[row]},
        }

    def _bind(self, row: int, module: nn.Module) -> None:
        bind(module, self._values(self.theta, self.buffers, row))

    @abstractmethod
    def _begin(self) -> None:
        """Make what is made once: the optimizer."""

    def _prepare(self) -> None:
        """Make what follows from which members are in the stack."""

    @abstractmethod
    def _train(self, epoch: int, batches: Sequence[Tensor]) -> Means:
        """Train an epoch on batches, each (B,) or, of each member, (K, B)."""

    def parameters(self, row: int) -> int:
        """How many numbers are trained in a member."""
        return sum(self._columns.shapes[name].numel() for name in self._names[row])

    def objective(self, epoch: int) -> Objective:
        """What is trained for in an epoch, from 1; the same of all members."""
        return objective_of(self.modules[0], epoch)

    def _trained(self, row: int) -> list[str]:
        """The names of the parameters of a member that are trained at present."""
        return Objective(frozen=self._frozen).trains(self._names[row])

    def _pursue(self, epoch: int) -> None:
        """Train what an epoch's objective is for, from now on."""
        objective = self.objective(epoch)
        if epoch > 1 and objective != self.objective(epoch - 1):
            self.optimizer.begin_anew()
        if objective.frozen != self._frozen:
            self._frozen = objective.frozen
            self.optimizer.train_only(objective.trains(self._columns.shapes), self.theta)
            self._prepare()
        if self._frozen:
            for module in self.modules:
                evaluate_only(module, self._frozen)

    def train_epoch(self, epoch: int, learning_rates: np.ndarray) -> Means:
        """Train all members for one epoch."""
        self._pursue(epoch)
        order = self._order(epoch, len(self.data.train))
        batches = torch.split(order, self.configs[0].batch_size, -1)
        if self._normalizes and batches[-1].shape[-1] == 1 and len(batches) > 1:
            batches = batches[:-1]  # statistics of one image do not exist
        self.optimizer.begin_epoch(learning_rates, len(batches))
        with _exact(self.device), _tiny_as_zero():
            return self._train(epoch, batches)

    def _order(self, epoch: int, count: int) -> Tensor:
        """(count,) where all members see the same, else (K, count)."""
        seeds = [config.seed for config in self.configs]
        orders = {seed: epoch_order(seed, epoch, count) for seed in set(seeds)}
        if not self._batches_differ:
            return torch.from_numpy(orders[seeds[0]]).to(self.device)
        return torch.from_numpy(np.stack([orders[seed] for seed in seeds])).to(self.device)

    @property
    def _logs_within(self) -> bool:
        """Whether a member logs the loss within epochs."""
        return any(config.log_every for config in self.configs)

    @property
    def _batches_differ(self) -> bool:
        """Whether members see other images, or the images in another order."""
        return len({(config.seed, config.augment) for config in self.configs}) > 1

    def _batch(self, epoch: int, number: int, index: Tensor) -> Tensor:
        """The images of a batch, (B, C, H, W), or (K, B, C, H, W) where members have their own.

        Args:
            epoch: from 1.
            number: of the batch, from 0.
            index: of its images among those to train on, (B,) or (K, B).
        """
        images, start = take(self.data.train.images, index), number * self.configs[0].batch_size
        if all(config.augment is None for config in self.configs):
            return images
        if number == 0:
            configs = self.configs if self._batches_differ else self.configs[:1]
            count = len(self.data.train)
            self._augmentations = [
                EpochAugmentation(config, epoch, count, self.device) for config in configs
            ]
        if index.dim() == 1:
            return self._augmentations[0](images, start)
        changed = torch.empty_strided(
            images.shape, images.stride(), dtype=images.dtype, device=images.device
        )
        for change, own, place in zip(self._augmentations, images, changed, strict=True):
            place.copy_(change(own, start))
        return changed

    def _answers(
        self, row: int, split: Split, values: Mapping[str, Tensor] | None = None
    ) -> tuple[list[float], Tensor]:
        """A member's mean loss, accuracy and, if it has any, own loss; and its logits."""
        with _exact(self.device):
            module = self.modules[row]
            logits, own = answers_of(module, split.images, self._widest, values)
        loss = loss_of(self.configs[row])(logits, split.labels)
        right = logits.argmax(1) == split.labels
        means = [numbers.double().mean() for numbers in (loss, right, own) if numbers is not None]
        return torch.stack(means).tolist(), logits

    @torch.no_grad()
    def validate(self) -> Means:
        """On the validation split."""
        found = [self._answers(row, self.data.val)[0] for row in range(len(self.configs))]
        return Means(*np.array(found).T)

    @torch.no_grad()
    def recall(self, row: int, split: str) -> Recalled:
        """What a member's best weights say of ``val`` or ``test``."""
        best = self._values(self.best, self.best_buffers, row)
        (loss, _, *own), logits = self._answers(row, getattr(self.data, split), best)
        probabilities = torch.softmax(logits, 1).float().cpu().numpy()
        return Recalled(loss, logits.argmax(1).cpu().numpy(), probabilities, *own)

    def remember(self, rows: Sequence[int]) -> None:
        """Keep these members' present weights as their best."""
        index = torch.tensor(list(rows), dtype=torch.int64, device=self.device)
        self.best.index_copy_(0, index, self.theta.index_select(0, index))
        for name, best in self.best_buffers.items():
            best.index_copy_(0, index, self.buffers[name].index_select(0, index))

    def best_weights(self, row: int) -> dict[str, np.ndarray]:
        """A member's best weights and buffers by their names."""
        best = self._values(self.best, self.best_buffers, row)
        return {name: best[n].cpu().numpy().copy() for name, n in self._saved[row].items()}

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these members only, in this order."""
        index = torch.tensor(list(rows), dtype=torch.int64, device=self.device)
        for mine in ("configs", "modules", "_names", "_kept", "_saved"):
            setattr(self, mine, [getattr(self, mine)[row] for row in rows])
        self.theta = self.theta.index_select(0, index)
        self.best = self.best.index_select(0, index)
        self.buffers = {n: b.index_select(0, index) for n, b in self.buffers.items()}
        self.best_buffers = {n: b.index_select(0, index) for n, b in self.best_buffers.items()}
        for row, module in enumerate(self.modules):
            self._bind(row, module)
        self.optimizer.keep(rows, self.theta)
        self._prepare()

    def state(self) -> dict[str, np.ndarray]:
        """Copies of all arrays that decide how training goes on, by name."""
        return {name: array.cpu().numpy().copy() for name, array in self._state().items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from what ``state`` gave; in place, as what was prepared are views of these."""
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


@contextmanager
def _exact(device: torch.device) -> Iterator[None]:
    """On a GPU, float32 means float32, and the same numbers come out each time.

    Convolutions would otherwise round their operands to TF32's 10 bits, which is PyTorch's default
    for them, and choose among algorithms of which some add in no fixed order.
    """
    if device.type != "cuda":
        yield
        return
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32, convolutions.deterministic
    products.allow_tf32, convolutions.allow_tf32, convolutions.deterministic = False, False, True
    try:
        yield
    finally:
        products.allow_tf32, convolutions.allow_tf32, convolutions.deterministic = before


@contextmanager
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
