"""What a member's model answers on a split, by its own model alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Mapping, Sequence

import torch
from torch import Tensor
from torch.func import functional_call

from dlsweep.config import RunConfig
from dlsweep.data import Dataset, Split
from dlsweep.models import MODELS, model_spec, quick_on_cpu
from dlsweep.training._losses import loss_of

EVALUATION_BYTES = {"cpu": 16 * 2**20, "cuda": 512 * 2**20}
"""About how much memory the widest layer may take while evaluating.

On a CPU, allocations above 32 MB come fresh from the system each time (glibc), page by page: in
parts of 64 MB the evaluation of CNNs took twice as long as in parts of 16 MB. Many images at once
keep a GPU busy.
"""

Answers = tuple[Tensor, Tensor]
"""Losses (…, N) and logits (…, N, classes)."""


class AloneModel:
    """A configuration's own model, without values and without what its stack needs of it.

    On a CPU nothing is gained by evaluating members together; and a member alone needs neither the
    layers nor the activations that the others have.
    """

    def __init__(self, config: RunConfig, data: Dataset) -> None:
        spec = model_spec(config, data.image_shape, data.num_classes)
        with torch.device("meta"):
            self.skeleton = MODELS[config.model](spec).eval()
            """The model without values."""
        quick_on_cpu(self.skeleton)
        self._loss = loss_of(config)
        self.parameters = [name for name, _ in self.skeleton.named_parameters()]
        """Their names; a stack's model may have more."""
        persistent = self.skeleton.state_dict().keys()
        self._buffers = [n for n, _ in self.skeleton.named_buffers() if n in persistent]

    def evaluate(
        self,
        parameters: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        split: Split,
        image_bytes: int,
    ) -> Answers:
        """Losses (N,) and logits (N, classes) of a split (see ``in_parts``)."""
        values = {name: parameters[name] for name in self.parameters}
        values |= {name: buffers[name] for name in self._buffers}

        def answers(images: Tensor, labels: Tensor) -> Answers:
            logits = functional_call(self.skeleton, values, (images,))
            return self._loss(logits, labels), logits

        return in_parts(answers, split, image_bytes)


def alone_models(configs: Sequence[RunConfig], data: Dataset) -> list[AloneModel]:
    """The members' models; those that differ in values only are one."""
    made: dict[Hashable, AloneModel] = {}
    models = []
    for config in configs:
        spec = model_spec(config, data.image_shape, data.num_classes)
        like = dataclasses.replace(spec, dropout_key=0, dropout=float(config.dropout > 0))
        key = like, loss_of(config)
        if key not in made:
            made[key] = AloneModel(config, data)
        models.append(made[key])
    return models


@torch.no_grad()
def in_parts(
    answers: Callable[[Tensor, Tensor], Answers], split: Split, image_bytes: int
) -> Answers:
    """The answers on a whole split, in parts that memory has room for.

    Args:
        answers: takes images and labels.
        split: of N images.
        image_bytes: what the widest layer takes for one image.
    """
    batch = max(1, min(len(split), EVALUATION_BYTES[split.images.device.type] // image_bytes))
    parts = [
        answers(split.images[i : i + batch], split.labels[i : i + batch])
        for i in range(0, len(split), batch)
    ]
    losses, logits = zip(*parts, strict=True)
    return torch.cat(losses, -1), torch.cat(logits, -2)
