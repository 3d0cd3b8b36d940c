"""Members trained one after the other within a step, each by its own model.

Convolutions are trained so on a CPU, and a stack of one on a GPU. Mapped over members they become
grouped convolutions, which take twice as long there: a member's epoch of study S2's networks in
batches of 1,000 took 3.2 and 8.5 s of a core in stacks of 4, and 1.9 and 4.3 s one after the other.
What members differ in, activations for example, need not be selected either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from dlsweep.config import RunConfig
from dlsweep.models import MODELS, model_spec, quick_on_cpu
from dlsweep.training._losses import loss_of
from dlsweep.training._matrix import row_of
from dlsweep.training._member import Member


def own_member(config: RunConfig, image_shape: tuple[int, int, int], num_classes: int) -> Member:
    """The arithmetic of a configuration's own model on a CPU, without what others need of it."""
    with torch.device("meta"):
        model = MODELS[config.model](model_spec(config, image_shape, num_classes))
    quick_on_cpu(model)
    return Member(model, (loss_of(config),), image_shape)


class Apart:
    """Computes gradients member by member, by models whose values are views of the stack's.

    Args:
        members: each member's arithmetic.
        parameters: stacked, (K, …), by name; not copied.
        buffers: likewise; written to.
        chosen: which of its losses each member has, (K,).
    """

    def __init__(
        self,
        members: Sequence[Member],
        parameters: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        chosen: Tensor,
    ) -> None:
        self._members = members
        self._models = [
            member.bound(row_of(parameters, row), row_of(buffers, row))
            for row, member in enumerate(members)
        ]
        self._leaves = [
            [values[name] for name in parameters]
            for values in (dict(model.named_parameters()) for model in self._models)
        ]
        self._chosen = chosen.unbind(0)

    def step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, list[list[Tensor]]]:
        """Losses (K,), numbers of right answers (K,), and the gradients of each member's loss.

        These are in the order of the parameters. The buffers are changed. Images are (B, C, H, W),
        or (K, B, C, H, W) where orders differ.
        """
        own_batches = labels.dim() == 2
        losses, right, gradients = [], [], []
        for row, model in enumerate(self._models):
            x, y = (images[row], labels[row]) if own_batches else (images, labels)
            logits = model(x)
            loss = self._members[row].mean_loss(logits, y, self._chosen[row])
            gradients.append(list(torch.autograd.grad(loss, self._leaves[row])))
            with torch.no_grad():
                right.append((logits.argmax(1) == y).sum())
            losses.append(loss.detach())
        return torch.stack(losses), torch.stack(right), gradients
