"""Any module, by autograd: members one after the other, or all in one program of torch.func."""

from __future__ import annotations

import copy
import functools
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import grad_and_value, vmap

from dlsweep.config.streams import forward_seed
from dlsweep.models import Objective, answers
from dlsweep.training._losses import loss_of
from dlsweep.training._matrix import as_it_lies, row_of
from dlsweep.training._updates import MemberUpdates, StackUpdates
from dlsweep.training.learners._learner import Means
from dlsweep.training.learners._modules import is_known, trained, write_back
from dlsweep.training.learners._torch import TorchLearner
from dlsweep.training.planning import COMPILED, ONE_BY_ONE

_log = logging.getLogger("dlsweep.training")

Step = Callable[[Tensor, Tensor, int, int], list[Tensor]]
"""Of images, labels, epoch and batch: losses (K,), numbers of right answers (K,) and, where modules
have losses of their own, these (K,); after which the gradients are in the stack's matrix and the
buffers are those after the step."""


class AutogradLearner(TorchLearner):
    """Trains any module by autograd: one member, or a stack whose members differ in numbers alone.

    A module that no such program can be made of (``torch.func`` says so, or it draws random numbers
    or replaces its buffers) is trained member by member, and a line is logged.
    """

    optimizer: MemberUpdates | StackUpdates

    def _begin(self) -> None:
        if self.device.type == "cpu" and self.way == ONE_BY_ONE:
            self.optimizer = MemberUpdates(self.configs, self._columns, self._names, self.theta)
        else:
            self.optimizer = StackUpdates(self.configs, self._columns, self.theta)

    def _prepare(self) -> None:
        self._gradient = torch.zeros_like(self.theta)
        stacked = self._columns.views(self._gradient)
        names = [self._trained(row) for row in self._rows]
        self._into = [[stacked[name][row] for name in names[row]] for row in self._rows]
        self._lying = [[as_it_lies(part) for part in parts] for parts in self._into]
        self._leaves = [
            [trained(module)[name] for name in own]
            for module, own in zip(self.modules, names, strict=True)
        ]
        self._steps: dict[Objective, Step] = {}

    def _step_for(self, objective: Objective) -> Step:
        """The step towards an objective; made once for the members that there are."""
        if objective not in self._steps:
            step: Step | None = None
            if self.way != ONE_BY_ONE and len(self.configs) > 1:
                step = self._program(objective)
            self._steps[objective] = step or functools.partial(self._one_by_one, objective)
        return self._steps[objective]

    @property
    def _rows(self) -> range:
        return range(len(self.configs))

    def _train(self, epoch: int, batches: Sequence[Tensor]) -> Means:
        split, found = self.data.train, []
        step = self._step_for(self.objective(epoch))
        with _own_generator(self.device):
            for number, index in enumerate(batches):
                images, labels = self._batch(epoch, number, index), split.labels[index]
                found.append(step(images, labels, epoch, number))
                with torch.no_grad():
                    if isinstance(self.optimizer, StackUpdates):
                        self.optimizer.step(self._gradient)
                    else:
                        self.optimizer.step(self._lying)
        losses, right, *own = (torch.stack(parts) for parts in zip(*found, strict=True))
        sizes = torch.tensor([[index.shape[-1]] for index in batches], device=self.device)
        # One after the other: a sum in parts would depend on how many members there are.
        means = [(means.double() * sizes).cumsum(0)[-1] / sizes.sum() for means in (losses, *own)]
        means.insert(1, right.sum(0).double() / sizes.sum())
        found_means = Means(*(mean.cpu().numpy() for mean in means))
        if not self._logs_within:
            return found_means
        return found_means._replace(batches=losses.double().mT.cpu().numpy())

    def _one_by_one(
        self, objective: Objective, images: Tensor, labels: Tensor, epoch: int, batch: int
    ) -> list[Tensor]:
        """Step each member in turn; images (B, C, H, W), or (K, B, C, H, W) where orders differ."""
        found = []
        for row, (config, module) in enumerate(zip(self.configs, self.modules, strict=True)):
            x, y = (images[row], labels[row]) if labels.dim() == 2 else (images, labels)
            known = is_known(module)
            if not known:
                torch.manual_seed(forward_seed(config.seed, epoch, batch))
            logits, own = answers(module, x)
            loss = loss_of(config).mean(logits, y)
            total = objective.total(loss, own)
            gradients = torch.autograd.grad(total, self._leaves[row], materialize_grads=True)
            with torch.no_grad():
                # Into memory of our own: two parameters may be given one gradient.
                torch._foreach_copy_(self._into[row], gradients)
                if not known:
                    write_back(module, row_of(self.buffers, row))
                right = (logits.argmax(1) == y).sum()
                means = () if own is None else (own.mean(),)
            found.append((loss.detach(), right, *means))
        return [torch.stack(parts) for parts in zip(*found, strict=True)]

    def _program(self, objective: Objective) -> Step | None:
        """The step of all members at once; None where there can be none."""
        module, loss = self.modules[0], loss_of(self.configs[0])

        def member(parameters: Any, buffers: Any, images: Tensor, labels: Tensor) -> Any:
            after = {name: buffer.clone() for name, buffer in buffers.items()}
            logits, own = answers(module, images, {**parameters, **after})
            mean = loss(logits, labels).mean()
            right = (logits.detach().argmax(1) == labels).sum()
            means = () if own is None else (own.detach().mean(),)
            return objective.total(mean, own), ((mean.detach(), right, *means), after)

        orders = 0 if self._batches_differ else None
        program = vmap(grad_and_value(member, has_aux=True), (0, 0, orders, orders))
        parameters = self._columns.views(self.theta)
        into = list(self._columns.views(self._gradient).values())

        @torch.no_grad()
        def step(images: Tensor, labels: Tensor, epoch: int, batch: int) -> list[Tensor]:
            gradients, (_, (found, after)) = program(parameters, self.buffers, images, labels)
            torch._foreach_copy_(into, [gradients[name] for name in parameters])
            for name, buffer in after.items():
                self.buffers[name].copy_(buffer)
            return list(found)

        if not self._works(program, "as a stack"):
            return None
        if self.way == COMPILED:
            compiled = torch.compile(program)
            if self._works(compiled, "compiled"):
                program = compiled
        return step

    def _works(self, program: Callable[..., Any], how: str) -> bool:
        """Whether a step's program computes; a line is logged where it does not."""
        module = self.modules[0]
        several = self._batches_differ
        lead = (len(self.configs), 2) if several else (2,)
        images = self.theta.new_zeros(*lead, *self.data.image_shape)
        labels = torch.zeros(lead, dtype=torch.int64, device=self.device)
        try:
            _refuse_replaced_buffers(module, images.flatten(0, -4)[:2])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                program(self._columns.views(self.theta), self.buffers, images, labels)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever a module does that cannot be mapped or compiled
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            _log.warning("%s is not trained %s: %s", type(module).__name__, how, reason)
            return False
        return True


def _refuse_replaced_buffers(module: nn.Module, images: Tensor) -> None:
    """Raise ValueError where a training step puts new tensors in the place of buffers.

    A program of torch.func would lose them.
    """
    trial = copy.deepcopy(module).train()
    before = dict(trial.named_buffers())
    with torch.no_grad():
        trial(images)
    for name, buffer in trial.named_buffers():
        if before.get(name) is not buffer:
            raise ValueError(f"it replaces its buffer {name}")


@contextmanager
def _own_generator(device: torch.device) -> Iterator[None]:
    """What is drawn here leaves torch's global generators as they were."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield
