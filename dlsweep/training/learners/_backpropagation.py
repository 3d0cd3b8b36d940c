"""Backpropagation through a stack of fully connected networks on a CPU, written out.

The deepest members stand first, so those with an i-th layer are its first rows, and a layer is
computed for these alone. What members differ in besides numbers (activations, losses) is done for
those neighbours who have it in common.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dlsweep.config import RunConfig
from dlsweep.models import Block, Dropout, DropoutInBlocks, FeedForward
from dlsweep.training._losses import loss_of
from dlsweep.training.learners._layers import (
    Activations,
    BatchNorm,
    Dropouts,
    Layer,
    Linear,
    Operations,
    runs,
)
from dlsweep.training.planning import is_written_out

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class _Pass:
    """A step's operations, and where they have what.

    Attributes:
        images: flat, (B, pixels) or (K, B, pixels); to be written before.
        labels: one-hot, (B, classes) or (K, B, classes); likewise.
        operations: the step.
        logits: (K, B, classes).
    """

    images: Tensor
    labels: Tensor
    operations: Operations
    logits: Tensor


class Backpropagation:
    """Computes the gradients of a stack of fully connected networks.

    Args:
        model: of the deepest member, a FeedForward itself; its values are not used.
        configs: the members', in the order of ``standing``.
        parameters: stacked, (K, …), by name, each member's contiguous or the transpose of what is;
            not copied.
        buffers: likewise; written to.

    Raises:
        TypeError: for a network or a loss whose gradient is not written out here.
    """

    def __init__(
        self,
        model: nn.Module,
        configs: Sequence[RunConfig],
        parameters: Tensors,
        buffers: Tensors,
    ) -> None:
        hidden = _written_out(model, configs)
        self._configs, self._buffers = configs, buffers
        depths = [config.num_layers for config in configs]
        self._members = {"output": len(configs)}
        """How many have a part of the network."""
        self._blocks: dict[str, Block] = {}
        self._dropouts: dict[str, tuple[str, Dropout]] = {}
        for name, module in hidden.named_children():
            part = f"hidden.{name}"
            if isinstance(module, Block):
                block, members = part, sum(depth > len(self._blocks) for depth in depths)
                self._members[block], self._blocks[block] = members, module
            elif isinstance(module, Dropout):
                self._dropouts[block] = part, module
        self._parameters = {
            name: parameter[: self._members[".".join(name.split(".")[:-2]) or "output"]]
            for name, parameter in parameters.items()
        }
        self._into = {n: torch.empty_like(p) for n, p in self._parameters.items()}
        self.gradients = [
            {name: into[row] for name, into in self._into.items() if row < len(into)}
            for row in range(len(configs))
        ]
        """Of each member, by the names of its parameters; what a step writes."""
        self._passes: dict[torch.Size, _Pass] = {}

    def step(self, images: Tensor, labels: Tensor, index: Tensor) -> Tensor:
        """The logits of a batch, (K, B, classes), after which ``gradients`` are those of its loss.

        They are good until the next step.

        Args:
            images: flat, (N, pixels).
            labels: one-hot, (N, classes).
            index: which of these are the batch, (B,), or (K, B) where members have their own.
        """
        self.prepare(index.shape, images.shape[1], labels.shape[1])
        batch = self._passes[index.shape]
        flat = index.flatten()
        torch.index_select(images, 0, flat, out=batch.images.flatten(0, -2))
        torch.index_select(labels, 0, flat, out=batch.labels.flatten(0, -2))
        batch.operations.run()
        return batch.logits

    def prepare(self, index: torch.Size, pixels: int, classes: int) -> None:
        """Make all that a step takes with an index of this shape."""
        if index not in self._passes:
            self._passes[index] = self._pass(index, pixels, classes)

    def _pass(self, lead: torch.Size, pixels: int, classes: int) -> _Pass:
        do = Operations(self._parameters["output.weight"])
        images, labels = do.memory(*lead, pixels), do.memory(*lead, classes)
        blocks = [
            (self._linear(f"{part}.weights"), self._after(part, block))
            for part, block in self._blocks.items()
        ]
        output = self._linear("output", transposed=True)
        x = images.expand(len(self._configs), lead[-1], pixels)
        logits = output.forward(do, _features(do, blocks, x))
        at_logits = output.values(do, lead[-1])
        for loss, rows in runs([loss_of(config) for config in self._configs]):
            hot = labels[rows] if labels.dim() == 3 else labels
            do.add(loss.gradient, logits[rows].mT, hot.mT, at_logits[rows].mT)
        output.backward(do, at_logits)
        _backward(do, blocks, output, at_logits)
        return _Pass(images, labels, do, logits)

    def _linear(self, part: str, *, transposed: bool = False) -> Linear:
        names = [n for n in (f"{part}.weight", f"{part}.bias") if n in self._parameters]
        weight, *bias = (self._parameters[n] for n in names)
        into = [self._into[n] for n in names]
        return Linear(weight, bias[0] if bias else None, into, transposed=transposed)

    def _after(self, part: str, block: Block) -> list[Layer]:
        """What follows the weights of a block."""
        members = self._members[part]
        layers: list[Layer] = []
        if isinstance(block.norm, nn.BatchNorm1d):
            names = [f"{part}.norm.{n}" for n in ("weight", "bias")]
            *running, batches = (
                self._buffers[f"{part}.norm.{n}"][:members]
                for n in ("running_mean", "running_var", "num_batches_tracked")
            )
            parameters = [self._parameters[n] for n in names]
            into = [self._into[n] for n in names]
            layers.append(BatchNorm(block.norm, parameters, running, batches, into))
        layers.append(Activations([config.activation for config in self._configs[:members]]))
        if part in self._dropouts:
            layers.append(Dropouts([self._dropout(part, row) for row in range(members)]))
        return layers

    def _dropout(self, part: str, row: int) -> DropoutInBlocks:
        """What follows the block of a member, with its buffers."""
        name, module = self._dropouts[part]
        layer = DropoutInBlocks.of(module)
        for buffer in ("p", "key", "step"):
            setattr(layer, buffer, self._buffers[f"{name}.{buffer}"][row])
        return layer


def _written_out(model: nn.Module, configs: Sequence[RunConfig]) -> nn.Sequential:
    """The hidden layers of the very class of network that is written out here.

    Raises:
        TypeError: where they are not: a subclass may compute something else.
    """
    if type(model) is FeedForward and all(map(is_written_out, configs)):
        layers = list(model.hidden)
        blocks = [layer for layer in layers if type(layer) is Block]
        known = all(type(layer) in (Block, Dropout, DropoutInBlocks) for layer in layers)
        known &= all(type(block.weights) is nn.Linear for block in blocks)
        known &= all(type(block.norm) in (type(None), nn.BatchNorm1d) for block in blocks)
        if known:
            return model.hidden
    raise TypeError(f"the gradient of this {type(model).__name__} is not written out")


_Blocks = Sequence[tuple[Linear, Sequence[Layer]]]
"""Weights, and what follows them."""


def _features(do: Operations, blocks: _Blocks, x: Tensor) -> Tensor:
    """Where the values of every member's last hidden layer are, (K, B, units)."""
    ended = []
    for linear, layers in blocks:
        if linear.members < len(x):  # here the networks of the others end
            ended.append(x[linear.members :])
            x = x[: linear.members]
        x = linear.forward(do, x)
        for layer in layers:
            x = layer.forward(do, x)
    if not ended:
        return x
    parts = [x, *reversed(ended)]
    features = do.memory(sum(map(len, parts)), *x.shape[1:])
    do.add(torch.cat, parts, out=features)
    return features


def _backward(do: Operations, blocks: _Blocks, output: Linear, at_logits: Tensor) -> None:
    """All gradients of the hidden layers."""
    following, at_following, members = output, at_logits, 0
    for linear, layers in reversed(blocks):
        d = do.memory(linear.members, at_logits.shape[1], linear.outputs)
        if members > 0:
            following.backward_to_input(do, at_following[:members], d[:members])
        if members < linear.members:  # of these it is the last hidden layer
            rows = slice(members, linear.members)
            output.backward_to_input(do, at_logits[rows], d[rows], rows.start)
        for layer in reversed(layers):
            layer.backward(do, d)
        linear.backward(do, d)
        following, at_following, members = linear, d, linear.members
