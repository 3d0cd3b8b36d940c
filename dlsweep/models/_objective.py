"""What a module is trained for: the run's loss, and one of its own beside it or before it.

Any module may have a loss of its own. It says so by two attributes, and by a third where what is
trained changes from one epoch to the next::

    class Net(nn.Module):
        auxiliary_name = "reconstruction"      # is logged as train_reconstruction and so on

        def with_auxiliary(self, images):      # logits (N, classes), losses (N,)
            ...

        def objective(self, epoch):            # from 1
            return Objective(classification=float(epoch > 5), auxiliary=1.0)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call


@dataclass(frozen=True)
class Objective:
    """What the steps of an epoch make small: the weighted sum of two losses.

    Where it differs from that of the epoch before, the update rule begins anew, as if no step had
    been taken. Epochs before the first one with a classification do not count for a run's best
    epoch, and early stopping does not count them.

    Attributes:
        classification: the weight of the run's loss.
        auxiliary: the weight of the module's own.
        frozen: names of submodules whose parameters are left as they are, by weight decay too.
            These compute as in evaluation.

    Raises:
        ValueError: for a negative weight, or none that is positive.
    """

    classification: float = 1.0
    auxiliary: float = 1.0
    frozen: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        weights = self.classification, self.auxiliary
        if not (min(weights) >= 0 and max(weights) > 0):
            raise ValueError(f"weights of losses: got {weights}, expected one above 0")

    def total(self, loss: Tensor, auxiliary: Tensor | None) -> Tensor:
        """The sum for a batch.

        Args:
            loss: the run's mean loss.
            auxiliary: the module's own losses, (N,); None if it has none.
        """
        if auxiliary is None:
            return loss
        if self.auxiliary == 0:
            return self.classification * loss
        own = self.auxiliary * auxiliary.mean()
        return own if self.classification == 0 else self.classification * loss + own

    def trains(self, names: Iterable[str]) -> list[str]:
        """Those of a module's parameters that are trained."""
        held = tuple(f"{name}." for name in self.frozen)
        return [name for name in names if not f"{name}.".startswith(held)]


def auxiliary_name(module: nn.Module) -> str | None:
    """Under which name a module's own loss is logged; None if it has none."""
    if not hasattr(module, "with_auxiliary"):
        return None
    return str(getattr(module, "auxiliary_name", "auxiliary"))


def objective_of(module: nn.Module, epoch: int) -> Objective:
    """What a module is trained for in an epoch, from 1."""
    found: Any = getattr(module, "objective", None)
    return found(epoch) if callable(found) else Objective()


def answers(
    module: nn.Module, images: Tensor, values: Mapping[str, Tensor] | None = None
) -> tuple[Tensor, Tensor | None]:
    """The logits (N, classes) of images, and the module's own losses (N,) if it has any.

    Args:
        module: with or without a loss of its own.
        images: (N, C, H, W).
        values: parameters and buffers by name to compute with, in place of the module's own.
    """
    own: Any = getattr(module, "with_auxiliary", None)
    if own is None:
        given = dict(values or {})
        return (functional_call(module, given, (images,)) if given else module(images)), None
    if values is None:
        logits, auxiliary = own(images)
    else:
        given = {f"module.{name}": value for name, value in values.items()}
        logits, auxiliary = functional_call(_WithAuxiliary(module), given, (images,))
    return logits, auxiliary


class _WithAuxiliary(nn.Module):
    """``with_auxiliary`` as a module's forward, which alone torch can call with given values."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, images: Tensor) -> Any:
        own: Any = self.module.with_auxiliary
        return own(images)


def evaluate_only(module: nn.Module, parts: Collection[str]) -> None:
    """Bring a module into training, and these submodules of it into evaluation."""
    module.train()
    for name in parts:
        module.get_submodule(name).eval()
