"""The arithmetic of one member of a stack: ordinary PyTorch on one model."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from dlsweep.training._losses import RunLoss

Tensors = Mapping[str, Tensor]


class Member:
    """What is done with one model; the stack maps it over its members.

    Parameters and buffers are arguments, by their names in the model, so that one skeleton without
    values serves all members.

    Args:
        model: a model like the members'; its values are not used.
        losses: those that members have between them.
        image_shape: (channels, height, width).
    """

    def __init__(
        self, model: nn.Module, losses: Sequence[RunLoss], image_shape: tuple[int, int, int]
    ) -> None:
        self.losses = tuple(losses)
        self.changing = _changing_buffers(model, image_shape)
        """The names of the buffers that a training step writes to."""
        self.names = {name for name, _ in (*model.named_parameters(), *model.named_buffers())}
        """The names of all parameters and buffers."""
        skeleton = copy.deepcopy(model).to("meta")
        self._skeletons = {True: skeleton.train(), False: copy.deepcopy(skeleton).eval()}

    def logits(
        self, parameters: Tensors, buffers: Tensors, images: Tensor, *, training: bool
    ) -> Tensor:
        """(N, classes) for images (N, C, H, W); in training, changes buffers in place."""
        values = {**parameters, **buffers}
        logits: Tensor = functional_call(self._skeletons[training], values, (images,))
        return logits

    def bound(self, parameters: Tensors, buffers: Tensors) -> nn.Module:
        """A model in training that has these very tensors: it sees what is written to them."""
        model = copy.deepcopy(self._skeletons[True])
        for name in self.names:
            owner, _, attribute = name.rpartition(".")
            # A parameter shares its tensor's memory.
            value = nn.Parameter(parameters[name]) if name in parameters else buffers[name]
            setattr(model.get_submodule(owner), attribute, value)
        return model

    def loss(self, logits: Tensor, labels: Tensor, chosen: Tensor) -> Tensor:
        """The loss of every sample, (N,): that of ``losses[chosen]``."""
        losses = self.losses[0](logits, labels)
        for i, other in enumerate(self.losses[1:], start=1):
            losses = torch.where(chosen == i, other(logits, labels), losses)
        return losses

    def mean_loss(self, logits: Tensor, labels: Tensor, chosen: Tensor) -> Tensor:
        """The mean loss of a batch, of a model that is not mapped."""
        if len(self.losses) == 1:
            return self.losses[0].mean(logits, labels)
        return self.loss(logits, labels, chosen).mean()

    def train(
        self,
        parameters: Tensors,
        buffers: Tensors,
        images: Tensor,
        labels: Tensor,
        chosen: Tensor,
    ) -> tuple[Tensor, tuple[Tensor, dict[str, Tensor]]]:
        """Mean loss of a batch; how many were right, and the buffers as they are afterwards."""
        changed = {name: buffers[name].clone() for name in self.changing}
        logits = self.logits(parameters, {**buffers, **changed}, images, training=True)
        loss = self.loss(logits, labels, chosen).mean()
        return loss, ((logits.detach().argmax(1) == labels).sum(), changed)

    def evaluate(
        self,
        parameters: Tensors,
        buffers: Tensors,
        images: Tensor,
        labels: Tensor,
        chosen: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """The loss of every sample, (N,), and the logits, (N, classes)."""
        logits = self.logits(parameters, buffers, images, training=False)
        return self.loss(logits, labels, chosen), logits


def _changing_buffers(model: nn.Module, image_shape: tuple[int, int, int]) -> list[str]:
    """The buffers that a training step writes to, found by watching one."""
    trial = copy.deepcopy(model).train()
    before = {name: buffer._version for name, buffer in trial.named_buffers()}
    like = next(trial.parameters())
    with torch.no_grad():
        trial(like.new_zeros(2, *image_shape))
    return [name for name, buffer in trial.named_buffers() if buffer._version != before[name]]


def widest_layer(model: nn.Module, image_shape: tuple[int, int, int]) -> int:
    """The largest number of values that any layer of a model gives for one image."""
    widest = 0

    def watch(module: nn.Module, inputs: object, output: Tensor) -> None:
        nonlocal widest
        widest = max(widest, output.numel())

    trial = copy.deepcopy(model).eval()
    for module in trial.modules():
        module.register_forward_hook(watch)
    with torch.no_grad():
        trial(next(trial.parameters()).new_zeros(1, *image_shape))
    return widest
