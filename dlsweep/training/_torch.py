"""PyTorch as a backend: K models trained together as one stacked model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from dlsweep.config import RunConfig
from dlsweep.config.streams import epoch_order
from dlsweep.data import Dataset
from dlsweep.training._evaluation import alone_models
from dlsweep.training._initial import initial_values
from dlsweep.training._layout import Layout, ordered_parameters
from dlsweep.training._matrix import Columns
from dlsweep.training._member import widest_layer
from dlsweep.training._optimizers import Optimizer
from dlsweep.training._state import load_arrays
from dlsweep.training._updates import MemberUpdates


class TorchLearner(ABC):
    """Trains K runs as one stack; see ``Learner``. What a CPU and a GPU have in common.

    The parameters of all members are one matrix ``theta`` (K, P), a row for each; a model's
    parameters are views of its row, some of them transposed. So a copy of the best weights or the
    departure of a member is one operation, however many layers there are. Buffers (running
    statistics, counters, and what members differ in) are stacked tensors (K, …) by name.

    Args:
        configs: the members' configurations; stackable (see ``plan``), in the order that they are
            to stand in.
        data: tensors on the device to train on; their type is that of the parameters.
        layout: of the members' models.
    """

    optimizer: Optimizer | MemberUpdates

    def __init__(self, configs: Sequence[RunConfig], data: Dataset, layout: Layout) -> None:
        self.configs = list(configs)
        self.data = data
        self._layout = layout
        self.device = data.train.images.device
        self._alone = alone_models(configs, data)
        model, theta, buffers = initial_values(layout, configs, data)
        shapes = {name: p.shape for name, p in ordered_parameters(model).items()}
        self._columns = Columns(shapes, self._transposed(model))
        self._columns.arrange(theta)
        self.theta = theta.to(self.device)
        self.buffers = {name: buffer.to(self.device) for name, buffer in buffers.items()}
        self._persistent = model.state_dict().keys() - self._columns.shapes.keys()
        self._width = widest_layer(model, data.image_shape)
        self._begin(model)
        del model, theta, buffers
        self.best = self.theta.clone()
        self.best_buffers = {name: b.clone() for name, b in self.buffers.items()}
        self._prepare()

    @abstractmethod
    def _begin(self, model: nn.Module) -> None:
        """What is made once: the optimizer; the model is in the layout, its values are not used."""

    def _transposed(self, model: nn.Module) -> Collection[str]:
        """The parameters whose columns are those of a transposed matrix."""
        return ()

    def _prepare(self) -> None:
        """What follows from which members are in the stack."""
        self._seeds = [config.seed for config in self.configs]
        chosen = [self._layout.losses.index(config.loss) for config in self.configs]
        self._chosen_loss = torch.tensor(chosen, device=self.device)

    def parameters(self, row: int) -> int:
        """See ``Learner``."""
        return sum(self._columns.shapes[name].numel() for name in self._alone[row].parameters)

    def _orders(self, epoch: int, count: int) -> Tensor:
        """(count,) where all members have the same seed, else (K, count)."""
        orders = {seed: epoch_order(seed, epoch, count) for seed in set(self._seeds)}
        if len(orders) == 1:
            return torch.from_numpy(orders[self._seeds[0]]).to(self.device)
        stacked = np.stack([orders[seed] for seed in self._seeds])
        return torch.from_numpy(stacked).to(self.device)

    def remember(self, rows: Sequence[int]) -> None:
        """See ``Learner``."""
        index = torch.tensor(list(rows), dtype=torch.int64, device=self.device)
        self.best.index_copy_(0, index, self.theta.index_select(0, index))
        for name, best in self.best_buffers.items():
            best.index_copy_(0, index, self.buffers[name].index_select(0, index))

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
