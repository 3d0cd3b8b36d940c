"""Networks of different depths in one program: each layer is computed for those who have it.

The deepest members stand first in a stack, so those with an i-th layer are its first rows, however
many these are. A program is traced with a symbol for each number; it may be 0.

The gradient is written out, instead of derived from each member's model: there are a third fewer
operations to trace and to compile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from dlsweep.models import activate, activation_backward
from dlsweep.training._losses import loss_of
from dlsweep.training._member import Tensors


def members_with(name: str, depths: Sequence[int]) -> int:
    """How many of a stack's members have the layer of a tensor, given their hidden layers.

    Args:
        name: of a parameter or buffer of ``FeedForward``.
        depths: of the members, the deepest first.
    """
    module, _, rest = name.partition(".")
    if module != "hidden":
        return len(depths)
    layer = int(rest.partition(".")[0])
    return sum(depth > layer for depth in depths)


def example_depths(depth: int) -> list[int]:
    """Depths of members to trace with, of whom each layer has another number.

    The numbers are odd and more than 3, as no other size to trace with is.
    """
    counts = [2 * (depth - layer) + 3 for layer in range(depth)]
    return [depth - sum(count <= row for count in counts) for row in range(counts[0])]


Gradient = tuple[dict[str, Tensor], Tensor, Tensor]


def stacked_gradient(
    depth: int, activations: Sequence[str], losses: Sequence[str], *, own_batches: bool
) -> Callable[[Tensors, Tensors, Tensor, Tensor, Tensor], Gradient]:
    """The gradient of every member's mean loss of a batch.

    Args:
        depth: hidden layers of the deepest.
        activations: those that the hidden layers choose from.
        losses: those that members choose from.
        own_batches: whether each member has a batch of its own.

    Returns:
        A function of stacked parameters and buffers by name, of those members who have them,
        images, labels and chosen losses, as ``Member.train`` has them. It returns the gradients by
        name, losses (K,) and numbers of right answers (K,).
    """
    own = 0 if own_batches else None

    def one(logits: Tensor, labels: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        mean = loss_of(losses, chosen)(logits, labels).mean()
        return mean, (logits.detach().argmax(1) == labels).sum()

    at_logits = vmap(grad_and_value(one, has_aux=True), (0, own, 0))

    def linear(of: Tensors, layer: str, x: Tensor) -> Tensor:
        return torch.bmm(x, of[f"{layer}.weight"].mT) + of[f"{layer}.bias"].unsqueeze(1)

    def linear_backward(into: dict[str, Tensor], layer: str, d: Tensor, x: Tensor) -> None:
        into[f"{layer}.weight"] = torch.bmm(d.mT, x)
        into[f"{layer}.bias"] = d.sum(1)

    @torch.no_grad()
    def gradient(
        parameters: Tensors, buffers: Tensors, images: Tensor, labels: Tensor, chosen: Tensor
    ) -> Gradient:
        pixels = images.flatten(-3)
        y = pixels.expand(chosen.shape[0], *pixels.shape[-2:])
        inputs, values, ended = [], [], []
        for i in range(depth):
            members = parameters[f"hidden.{i}.weights.bias"].shape[0]  # len would be no symbol
            inputs.append(y[:members])
            if i > 0:
                ended.append(y[members:])
            x = linear(parameters, f"hidden.{i}.weights", inputs[i])
            of = buffers[f"hidden.{i}.activation.chosen"].view(-1, 1, 1)
            y = activate(x, of, activations)
            values.append((x, y, of))
        features = torch.cat([y, *reversed(ended)])
        d, (means, right) = at_logits(linear(parameters, "output", features), labels, chosen)
        gradients: dict[str, Tensor] = {}
        linear_backward(gradients, "output", d, features)
        at_features = torch.bmm(d, parameters["output.weight"])
        dy = at_features[: y.shape[0]]
        for i in reversed(range(depth)):
            layer, (x, y, of) = f"hidden.{i}.weights", values[i]
            if i < depth - 1:
                dy = torch.cat([dy, at_features[dy.shape[0] : y.shape[0]]])
            d = activation_backward(dy, x, y, of, activations)
            linear_backward(gradients, layer, d, inputs[i])
            if i > 0:
                dy = torch.bmm(d, parameters[f"{layer}.weight"])
        return gradients, means, right

    return gradient
