"""What a model answers on a split of images."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from dlsweep.models import FeedForward, answers, quick_on_cpu
from dlsweep.training.learners._modules import is_known, trained

EVALUATION_BYTES = {"cpu": 16 * 2**20, "cuda": 512 * 2**20}
"""About how much memory the widest layer may take while evaluating.

On a CPU, allocations above 32 MB come fresh from the system each time (glibc), page by page: in
parts of 64 MB the evaluation of CNNs took twice as long as in parts of 16 MB. Many images at once
keep a GPU busy.
"""


def quicken(module: nn.Module) -> None:
    """Replace the parts of a known model by those that do the same on a CPU in less time."""
    if is_known(module):
        quick_on_cpu(module)


def transposed(module: nn.Module) -> list[str]:
    """The parameters that are held column by column on a CPU: a known network's first weights.

    With those of a pixel side by side, images times weights take half to two thirds of the time.
    What another layer gained so, the gradient at its input would lose.
    """
    return list(trained(module))[:1] if type(module) is FeedForward else []


@torch.no_grad()
def logits_of(module: nn.Module, images: Tensor, widest: int) -> Tensor:
    """The logits of images (N, C, H, W), (N, classes), in parts that memory has room for.

    Args:
        module: what is asked; it is in training afterwards as it was before.
        images: on the module's device.
        widest: the most values that any of its layers gives for one image.
    """
    logits, _ = _in_parts(module, images, widest, lambda part: (module(part), None))
    return logits


@torch.no_grad()
def answers_of(
    module: nn.Module,
    images: Tensor,
    widest: int,
    values: Mapping[str, Tensor] | None = None,
) -> tuple[Tensor, Tensor | None]:
    """As ``logits_of``, and the module's own losses (N,) if it has any.

    Args:
        module: what is asked; it is in training afterwards as it was before.
        images: on the module's device.
        widest: the most values that any of its layers gives for one image.
        values: parameters and buffers by name to compute with, in place of the module's own.
    """
    return _in_parts(module, images, widest, lambda part: answers(module, part, values))


def _in_parts(
    module: nn.Module,
    images: Tensor,
    widest: int,
    compute: Callable[[Tensor], tuple[Tensor, Tensor | None]],
) -> tuple[Tensor, Tensor | None]:
    room = EVALUATION_BYTES[images.device.type]
    size = max(1, min(len(images), room // max(1, widest * images.element_size())))
    devices = [images.device] if images.device.type == "cuda" else []
    training = module.training
    module.eval()
    try:
        if is_known(module):
            parts = [compute(images[i : i + size]) for i in range(0, len(images), size)]
        else:  # it may draw numbers: then the same ones each time
            with torch.random.fork_rng(devices):
                torch.manual_seed(0)
                parts = [compute(images[i : i + size]) for i in range(0, len(images), size)]
    finally:
        module.train(training)
    own = [auxiliary for _, auxiliary in parts if auxiliary is not None]
    return torch.cat([logits for logits, _ in parts]), torch.cat(own) if own else None
