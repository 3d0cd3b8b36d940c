"""The gradient of fully connected networks on a CPU, layer by layer.

Products are torch's own, and what lies between them is compiled: three small programs, whatever the
depths and the widths. Each layer is computed for those who have it: the deepest members stand first
in a stack, so those with an i-th layer are its first rows.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap
from torch.fx import GraphModule

from dlsweep.models import activate, activation_backward, backward_takes_x
from dlsweep.training._compiled import Program, made, trace
from dlsweep.training._losses import loss_of

# Sizes to trace with: all different, for equal ones would be taken for the same symbol.
_MEMBERS, _BATCH, _WIDTH, _CLASSES = 6, 48, 128, 10


def members_with(layer: int, depths: Sequence[int]) -> int:
    """How many of a stack's members have a hidden layer, given how many of these they have."""
    return sum(depth > layer for depth in depths)


@dataclass(frozen=True)
class Between:
    """What members differ in, and so what the programs between the products choose from.

    Attributes:
        activations: of the hidden layers.
        losses: of all members.
        dtype: of parameters and images.
        own_batches: whether each member has a batch of its own.
    """

    activations: tuple[str, ...]
    losses: tuple[str, ...]
    dtype: torch.dtype
    own_batches: bool

    def forward(self, wait: bool = True) -> Program:
        """Of products (n, B, h), biases (n, h) and chosen activations (n,): y, (n, B, h).

        Before it comes x, what it is the activation of, where ``backward`` reads that.
        """
        return self._made("forward", self.activations, wait)

    def backward(self, wait: bool = True) -> Program:
        """Of the gradient at y, x, y and chosen activations: those at x and at the biases.

        Where it does not read x, anything may be in its place.
        """
        return self._made("backward", self.activations, wait)

    def loss(self, wait: bool = True) -> Program:
        """Of products (K, B, classes), biases, labels and chosen losses.

        Mean losses (K,), numbers of right answers (K,), and the gradients at the logits and at the
        biases.
        """
        return self._made("loss", (self.losses, self.own_batches), wait)

    def _made(self, name: str, key: Hashable, wait: bool) -> Program:
        program = made((name, key, self.dtype), getattr(self, f"_trace_{name}"), wait)
        assert program is not None, "this is plain arithmetic"
        return program

    def _like(self, *shape: int) -> Tensor:
        return torch.rand(*shape, dtype=self.dtype)

    def _bias(self, size: int) -> Tensor:
        return self._like(_MEMBERS, 999)[:, :size]  # a part of a wider matrix, as it will be

    def _trace_forward(self) -> tuple[GraphModule, list[Tensor]]:
        def forward(z: Tensor, bias: Tensor, chosen: Tensor) -> tuple[Tensor, ...]:
            x = z + bias.unsqueeze(1)
            y = vmap(lambda x, chosen: activate(x, chosen, self.activations))(x, chosen)
            return (x, y) if backward_takes_x(self.activations) else (y,)

        chosen = torch.zeros(_MEMBERS, dtype=torch.int64)
        examples = [self._like(_MEMBERS, _BATCH, _WIDTH), self._bias(_WIDTH), chosen]
        return trace(forward, examples), examples

    def _trace_backward(self) -> tuple[GraphModule, list[Tensor]]:
        def backward(dy: Tensor, x: Tensor, y: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
            def one(dy: Tensor, x: Tensor, y: Tensor, chosen: Tensor) -> Tensor:
                return activation_backward(dy, x, y, chosen, self.activations)

            dx = vmap(one)(dy, x, y, chosen)
            return dx, dx.sum(1)

        chosen = torch.zeros(_MEMBERS, dtype=torch.int64)
        examples = [*(self._like(_MEMBERS, _BATCH, _WIDTH) for _ in range(3)), chosen]
        return trace(backward, examples), examples

    def _trace_loss(self) -> tuple[GraphModule, list[Tensor]]:
        def one(logits: Tensor, labels: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
            mean = loss_of(self.losses, chosen)(logits, labels).mean()
            return mean, (logits.detach().argmax(1) == labels).sum()

        own = 0 if self.own_batches else None
        step = vmap(grad_and_value(one, has_aux=True), (0, own, 0))

        def loss(z: Tensor, bias: Tensor, labels: Tensor, chosen: Tensor) -> Any:
            d, (losses, right) = step(z + bias.unsqueeze(1), labels, chosen)
            return losses, right, d, d.sum(1)

        lead = (_MEMBERS, _BATCH) if self.own_batches else (_BATCH,)
        examples = [
            self._like(_MEMBERS, _BATCH, _CLASSES),
            self._bias(_CLASSES),
            torch.zeros(lead, dtype=torch.int64),
            torch.zeros(_MEMBERS, dtype=torch.int64),
        ]
        return trace(loss, examples), examples


@dataclass(frozen=True)
class _Layer:
    """A layer of the n members that have it: views, which stay what they are.

    Attributes:
        members: n.
        weights: (n, out, in).
        transposed: these as (n, in, out).
        bias: (n, out).
        chosen: which activation each has, (n,); of the last layer which loss.
        weight_gradient: as ``weights``, written to, but for the first layer.
        bias_gradient: as ``bias``, written to.
    """

    members: int
    weights: Tensor
    transposed: Tensor
    bias: Tensor
    chosen: Tensor
    weight_gradient: Tensor
    bias_gradient: Tensor


class LayeredGradient:
    """Computes the gradient of every member.

    Args:
        depths: how many hidden layers members have, the deepest first.
        between: what members differ in.
        parameters: stacked, (K, …), by name; not copied.
        gradients: like these; written to, but for the first layer's weights.
        buffers: stacked, by name.
        chosen: which of the losses each member has, (K,).
    """

    def __init__(
        self,
        depths: Sequence[int],
        between: Between,
        parameters: Mapping[str, Tensor],
        gradients: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        chosen: Tensor,
    ) -> None:
        self._forward, self._backward = between.forward(), between.backward()
        self._loss = between.loss()

        def layer(name: str, members: int, chosen: Tensor) -> _Layer:
            weights = parameters[f"{name}.weight"][:members]
            return _Layer(
                members=members,
                weights=weights,
                transposed=weights.transpose(1, 2),
                bias=parameters[f"{name}.bias"][:members],
                chosen=chosen[:members],
                weight_gradient=gradients[f"{name}.weight"][:members],
                bias_gradient=gradients[f"{name}.bias"][:members],
            )

        self._hidden = [
            layer(
                f"hidden.{i}.weights",
                members_with(i, depths),
                buffers[f"hidden.{i}.activation.chosen"],
            )
            for i in range(max(depths))
        ]
        self._output = layer("output", len(depths), chosen)
        after = [layer.members for layer in self._hidden[1:]]
        self._ending = [
            slice(n, layer.members) for n, layer in zip([*after, 0], self._hidden, strict=True)
        ]
        """Of each hidden layer those rows whose last it is."""

    @torch.no_grad()
    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Losses (K,), numbers of right answers (K,) and the first weights' gradient (K, size).

        Images are (B, C, H, W), or (K, B, C, H, W) where each member has its own.
        """
        pixels = images.flatten(-3)
        inputs = pixels.expand(len(self._output.bias), *pixels.shape[-2:])
        values: list[tuple[Tensor, Tensor]] = []
        for layer in self._hidden:
            z = torch.bmm(values[-1][1][: layer.members] if values else inputs, layer.transposed)
            x, *y = self._forward(z, layer.bias, layer.chosen)
            values.append((x, y[0] if y else x))
        ended = [
            y[rows]
            for (_, y), rows in zip(values, self._ending, strict=True)
            if rows.start < rows.stop
        ]
        features = ended[0] if len(ended) == 1 else torch.cat(ended[::-1])

        out = self._output
        z = torch.bmm(features, out.transposed)
        losses, right, d, db = self._loss(z, out.bias, labels, out.chosen)
        torch.bmm(d.transpose(1, 2), features, out=out.weight_gradient)
        out.bias_gradient.copy_(db)
        at_features = at_y = torch.bmm(d, out.weights)
        for i in reversed(range(len(self._hidden))):
            layer, rows, (x, y) = self._hidden[i], self._ending[i], values[i]
            if rows.start == 0:
                at_y = at_features[rows]
            elif rows.start < rows.stop:
                at_y = torch.cat([at_y, at_features[rows]])
            d, db = self._backward(at_y, x, y, layer.chosen)
            layer.bias_gradient.copy_(db)
            if i > 0:
                below = values[i - 1][1][: layer.members]
                torch.bmm(d.transpose(1, 2), below, out=layer.weight_gradient)
                at_y = torch.bmm(d, layer.weights)
        return losses, right, torch.bmm(d.transpose(1, 2), inputs).flatten(1)
