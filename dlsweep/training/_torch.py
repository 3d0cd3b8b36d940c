"""PyTorch as a backend: K models trained together as one stacked model."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from dlsweep.config import RunConfig
from dlsweep.config.streams import epoch_order
from dlsweep.data import Dataset, Split
from dlsweep.models import build
from dlsweep.training._losses import LOSSES
from dlsweep.training._optimizers import Optimizer

_EVALUATION_BYTES = 64 * 2**20
"""About how much memory the widest layer may take while evaluating."""


class TorchLearner:
    """Trains K runs as one stack; see ``Learner``.

    The parameters of all members are one matrix ``theta`` (K, P), a row for each; a model's
    parameters are views of its row. So an update rule, a copy of the best weights or the departure
    of a member is one operation, however many layers there are. Buffers (running statistics,
    counters, and what members differ in) are stacked tensors (K, …) by name.

    Args:
        configs: the members' configurations; stackable, see ``plan``. Members with the same
            optimizer stand together.
        data: tensors on the device to train on; their type is that of the parameters.
    """

    def __init__(self, configs: Sequence[RunConfig], data: Dataset) -> None:
        self.configs = list(configs)
        self.data = data
        images = data.train.images
        self.device, dtype = images.device, images.dtype
        shape, classes = data.image_shape, data.num_classes
        models = [build(config, shape, classes, configs, dtype) for config in configs]
        self._shapes = {name: p.shape for name, p in models[0].named_parameters()}
        self._sizes = [shape.numel() for shape in self._shapes.values()]
        rows = [torch.cat([p.detach().flatten() for p in m.parameters()]) for m in models]
        self.theta = torch.stack(rows).to(self.device)
        self.buffers = {
            name: torch.stack([dict(m.named_buffers())[name] for m in models]).to(self.device)
            for name, _ in models[0].named_buffers()
        }
        self._persistent = models[0].state_dict().keys() - self._shapes.keys()
        self._changing = _changing_buffers(models[0], shape, dtype)
        self._modules = {
            mode: copy.deepcopy(models[0]).to("meta").train(mode) for mode in (True, False)
        }
        self._width = _widest(models[0], shape, dtype)
        self.best = self.theta.clone()
        self.best_buffers = {name: b.clone() for name, b in self.buffers.items()}
        self.optimizer = Optimizer(configs, self.theta)
        self._loss_names = sorted({config.loss for config in configs})
        self._prepare()

    def _prepare(self) -> None:
        """What follows from which members are in the stack."""
        chosen = [self._loss_names.index(config.loss) for config in self.configs]
        self._chosen_loss = torch.tensor(chosen, device=self.device)
        self._seeds = [config.seed for config in self.configs]
        # Leaves of autograd that are views of theta: an update of theta is an update of them. Kept
        # from step to step, as is the gradient, for which memory is then never asked again.
        parameters = self._views(self.theta)
        if len(self.configs) == 1:
            parameters = _index_first(parameters)
        self._leaves = {name: p.detach().requires_grad_() for name, p in parameters.items()}
        self._gradient = torch.empty_like(self.theta)

    def _views(self, theta: Tensor) -> dict[str, Tensor]:
        """The rows of ``theta`` (K, P) as stacked parameters (K, …) by name."""
        parts = torch.split(theta, self._sizes, dim=1)
        return {
            name: part.view(-1, *shape)
            for part, (name, shape) in zip(parts, self._shapes.items(), strict=True)
        }

    @property
    def parameters(self) -> int:
        """See ``Learner``."""
        return self.theta.shape[1]

    # One member's arithmetic: ordinary PyTorch on one model, mapped over the stack by vmap.

    def _logits(
        self,
        parameters: dict[str, Tensor],
        buffers: dict[str, Tensor],
        images: Tensor,
        training: bool,
    ) -> Tensor:
        logits: Tensor = functional_call(self._modules[training], (parameters, buffers), (images,))
        return logits

    def _losses(self, logits: Tensor, labels: Tensor, chosen: Tensor) -> Tensor:
        losses = LOSSES[self._loss_names[0]](logits, labels)
        for i, name in enumerate(self._loss_names[1:], start=1):
            losses = torch.where(chosen == i, LOSSES[name](logits, labels), losses)
        return losses

    def _train_member(
        self,
        parameters: dict[str, Tensor],
        buffers: dict[str, Tensor],
        images: Tensor,
        labels: Tensor,
        chosen: Tensor,
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Mean loss of the batch, how many were right, and the buffers that changed."""
        changed = {name: buffers[name].clone() for name in self._changing}
        logits = self._logits(parameters, {**buffers, **changed}, images, True)
        loss = self._losses(logits, labels, chosen).mean()
        return loss, (logits.detach().argmax(1) == labels).sum(), changed

    def _step(
        self, images: Tensor, labels: Tensor, factors: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """One step of every member: (K,) losses and numbers of right answers.

        The members share nothing, so the gradient of the sum of their losses is the gradient of
        each one's own. Images are (B, C, H, W), or (K, B, C, H, W) where orders differ.
        """
        if len(self.configs) == 1:  # the same function without the overhead of mapping it
            one = self._train_member(
                self._leaves, _index_first(self.buffers), images, labels, self._chosen_loss[0]
            )
            losses, right, changed = _add_axis(one)
        else:
            own = 0 if labels.dim() == 2 else None
            losses, right, changed = vmap(self._train_member, (0, 0, own, own, 0))(
                self._leaves, self.buffers, images, labels, self._chosen_loss
            )
        gradients = torch.autograd.grad(losses.sum(), list(self._leaves.values()))
        with torch.no_grad():
            self.buffers.update(changed)
            flat = [gradient.reshape(len(self.configs), -1) for gradient in gradients]
            torch.cat(flat, 1, out=self._gradient)
            self.optimizer.step(self._gradient, factors)
        return losses.detach(), right

    def train_epoch(self, epoch: int, learning_rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See ``Learner``. Metrics stay on the device until the epoch ends."""
        split, batch = self.data.train, self.configs[0].batch_size
        count = len(split)
        order = self._orders(epoch, count)
        starts = list(range(0, count, batch))
        if self.configs[0].batch_norm and count - starts[-1] == 1 and len(starts) > 1:
            starts.pop()  # statistics of one image do not exist
        tables = self.optimizer.begin_epoch(learning_rates, len(starts), self.theta)
        members = len(self.configs)
        total_loss = torch.zeros(members, dtype=torch.float64, device=self.device)
        total_right = torch.zeros(members, dtype=torch.int64, device=self.device)
        seen = 0
        for i, start in enumerate(starts):
            index = order[..., start : start + batch]
            losses, right = self._step(
                split.images[index], split.labels[index], [table[i] for table in tables]
            )
            size = index.shape[-1]
            total_loss += losses.to(torch.float64) * size
            total_right += right
            seen += size
        return (total_loss / seen).cpu().numpy(), (total_right.double() / seen).cpu().numpy()

    def _orders(self, epoch: int, count: int) -> Tensor:
        """(count,) where all members have the same seed, else (K, count)."""
        orders = {seed: epoch_order(seed, epoch, count) for seed in set(self._seeds)}
        if len(orders) == 1:
            return torch.from_numpy(orders[self._seeds[0]]).to(self.device)
        stacked = np.stack([orders[seed] for seed in self._seeds])
        return torch.from_numpy(stacked).to(self.device)

    @torch.no_grad()
    def _evaluate(
        self, split: Split, theta: Tensor, buffers: dict[str, Tensor], chosen: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Losses (K, N) and logits (K, N, classes) of members on a whole split."""

        def member(
            parameters: dict[str, Tensor],
            buffers: dict[str, Tensor],
            chosen: Tensor,
            images: Tensor,
            labels: Tensor,
        ) -> tuple[Tensor, Tensor]:
            logits = self._logits(parameters, buffers, images, False)
            return self._losses(logits, labels, chosen), logits

        over = vmap(member, (0, 0, 0, None, None))
        per_image = len(theta) * self._width * theta.element_size()
        batch = max(1, min(len(split), _EVALUATION_BYTES // per_image))
        parts = [
            over(
                self._views(theta),
                buffers,
                chosen,
                split.images[i : i + batch],
                split.labels[i : i + batch],
            )
            for i in range(0, len(split), batch)
        ]
        losses, logits = zip(*parts, strict=True)
        return torch.cat(losses, 1), torch.cat(logits, 1)

    def validate(self) -> tuple[np.ndarray, np.ndarray]:
        """See ``Learner``."""
        split = self.data.val
        losses, logits = self._evaluate(split, self.theta, self.buffers, self._chosen_loss)
        right = (logits.argmax(2) == split.labels).double().mean(1)
        return losses.double().mean(1).cpu().numpy(), right.cpu().numpy()

    def remember(self, rows: Sequence[int]) -> None:
        """See ``Learner``."""
        index = torch.tensor(list(rows), dtype=torch.int64, device=self.device)
        self.best.index_copy_(0, index, self.theta.index_select(0, index))
        for name, best in self.best_buffers.items():
            best.index_copy_(0, index, self.buffers[name].index_select(0, index))

    def recall(self, row: int, split: str) -> tuple[float, np.ndarray]:
        """See ``Learner``."""
        one = slice(row, row + 1)
        buffers = {name: buffer[one] for name, buffer in self.best_buffers.items()}
        losses, logits = self._evaluate(
            getattr(self.data, split), self.best[one], buffers, self._chosen_loss[one]
        )
        probabilities = torch.softmax(logits[0], 1).float().cpu().numpy()
        return float(losses.double().mean()), probabilities

    def best_weights(self, row: int) -> dict[str, np.ndarray]:
        """See ``Learner``."""
        best = self._views(self.best[row : row + 1])
        weights = {name: part[0].cpu().numpy().copy() for name, part in best.items()}
        for name in self._persistent:
            weights[name] = self.best_buffers[name][row].cpu().numpy().copy()
        return weights

    def keep(self, rows: Sequence[int]) -> None:
        """See ``Learner``."""
        index = torch.tensor(list(rows), dtype=torch.int64, device=self.device)
        self.configs = [self.configs[row] for row in rows]
        self.theta = self.theta.index_select(0, index)
        self.best = self.best.index_select(0, index)
        self.buffers = {n: b.index_select(0, index) for n, b in self.buffers.items()}
        self.best_buffers = {n: b.index_select(0, index) for n, b in self.best_buffers.items()}
        self.optimizer.keep(rows, self.theta)
        self._prepare()


def _index_first(argument: Any) -> Any:
    if isinstance(argument, dict):
        return {name: value[0] for name, value in argument.items()}
    return argument[0]


def _add_axis(results: Any) -> Any:
    return tuple(
        {name: value.unsqueeze(0) for name, value in result.items()}
        if isinstance(result, dict)
        else result.unsqueeze(0)
        for result in results
    )


def _changing_buffers(
    model: nn.Module, image_shape: tuple[int, int, int], dtype: torch.dtype
) -> list[str]:
    """The buffers that a training step writes to, found by watching one."""
    trial = copy.deepcopy(model).train()
    before = {name: buffer._version for name, buffer in trial.named_buffers()}
    with torch.no_grad():
        trial(torch.zeros(2, *image_shape, dtype=dtype))
    return [name for name, buffer in trial.named_buffers() if buffer._version != before[name]]


def _widest(model: nn.Module, image_shape: tuple[int, int, int], dtype: torch.dtype) -> int:
    """The largest number of values that any layer gives for one image."""
    widest = 0

    def watch(module: nn.Module, inputs: object, output: Tensor) -> None:
        nonlocal widest
        widest = max(widest, output.numel())

    trial = copy.deepcopy(model).eval()
    for module in trial.modules():
        module.register_forward_hook(watch)
    with torch.no_grad():
        trial(torch.zeros(1, *image_shape, dtype=dtype))
    return widest
