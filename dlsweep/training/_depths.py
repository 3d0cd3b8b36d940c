"""Networks of different depths in one program: each layer is computed for those who have it.

The deepest members stand first in a stack, so those with an i-th layer are its first rows, however
many these are. A program is traced with a symbol for each number; it may be 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from dlsweep.models import FeedForward
from dlsweep.training._member import Member, Tensors

_HIDDEN = "hidden"


def members_with(name: str, depths: Sequence[int]) -> int:
    """How many of a stack's members have the layer of a tensor, given their hidden layers.

    Args:
        name: of a parameter or buffer of ``FeedForward``.
        depths: of the members, the deepest first.
    """
    module, _, rest = name.partition(".")
    if module != _HIDDEN:
        return len(depths)
    layer = int(rest.partition(".")[0])
    return sum(depth > layer for depth in depths)


def example_depths(depth: int) -> list[int]:
    """Depths of members to trace with, of whom each layer has another number.

    The numbers are odd and more than 3, as no other size to trace with is.
    """
    counts = [2 * (depth - layer) + 3 for layer in range(depth)]
    return [depth - sum(count <= row for count in counts) for row in range(counts[0])]


def stacked_losses(
    model: FeedForward, member: Member, *, own_batches: bool
) -> Callable[..., tuple[Tensor, tuple[Tensor, Tensor]]]:
    """What members of different depths lose in a batch.

    Args:
        model: as deep as the deepest; its values are not used.
        member: what computes a member's loss.
        own_batches: whether each member has a batch of its own.

    Returns:
        A function of stacked parameters and buffers by name, of those members who have them,
        images, labels and chosen losses, as ``Member.train`` has them. It returns the sum of the
        members' mean losses; and the losses (K,) and numbers of right answers (K,).
    """
    own = 0 if own_batches else None

    def losses(
        parameters: Tensors, buffers: Tensors, images: Tensor, labels: Tensor, chosen: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        x, ended, over = images, [], own
        for i, block in enumerate(model.hidden):
            values = _of(parameters, f"{_HIDDEN}.{i}") | _of(buffers, f"{_HIDDEN}.{i}")
            count = next(iter(values.values())).shape[0]
            if i > 0:
                x, rest = torch.split(x, [count, x.shape[0] - count])
                ended.append(rest)
            x = _mapped(block, over)(values, x)
            over = 0
        features = torch.cat([x, *reversed(ended)])
        logits = _mapped(model.output, 0)(_of(parameters, "output"), features)

        def mean(logits: Tensor, labels: Tensor, chosen: Tensor) -> Tensor:
            return member.loss(logits, labels, chosen).mean()

        means = vmap(mean, (0, own, 0))(logits, labels, chosen)
        right = (logits.detach().argmax(2) == labels).sum(1)
        return means.sum(), (means, right)

    return losses


def _of(tensors: Mapping[str, Tensor], module: str) -> dict[str, Tensor]:
    """Those of a module, by their names in it."""
    start = f"{module}."
    return {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}


def _mapped(module: torch.nn.Module, over: int | None) -> Callable[..., Any]:
    def call(values: dict[str, Tensor], x: Tensor) -> Any:
        return functional_call(module, values, (x,))

    return vmap(call, (0, over))
