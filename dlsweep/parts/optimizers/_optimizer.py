"""What the file of an update rule brings.

Every rule equals the optimizer of ``torch.optim`` that its file names, step for step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dlsweep.parts._lazy import np, torch
from dlsweep.parts._part import Part

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Hyperparameters:
    """The settings of an update rule: numbers, or tensors that broadcast over the parameters.

    ``rest``, ``rest1`` and ``rest2`` are 1 − beta, 1 − beta1 and 1 − beta2, computed in float64: in
    float32, 1 − 0.999 is wrong in the fifth digit.
    """

    momentum: Any
    beta: Any
    beta1: Any
    beta2: Any
    epsilon: Any
    weight_decay: Any
    rest: Any
    rest1: Any
    rest2: Any

    @classmethod
    def of(cls, config: Any) -> Hyperparameters:
        """The numbers of a run.

        Args:
            config: has the settings as attributes, as a ``RunConfig`` does.
        """
        return cls(
            momentum=config.momentum,
            beta=config.beta,
            beta1=config.beta1,
            beta2=config.beta2,
            epsilon=config.epsilon,
            weight_decay=config.weight_decay,
            rest=1 - config.beta,
            rest1=1 - config.beta1,
            rest2=1 - config.beta2,
        )

    @classmethod
    def stacked(cls, runs: Sequence[Hyperparameters], like: Tensor) -> Hyperparameters:
        """The numbers of K runs as columns (K, 1), with the type and device of ``like``."""
        columns = zip(*(vars(run).values() for run in runs), strict=True)
        return cls(*(like.new_tensor(values).unsqueeze(1) for values in columns))


Updater = Callable[[list["Tensor"], float, Sequence[float]], None]
"""Takes one step of one run, from its gradients (which it may overwrite), the learning rate and
the rule's factors of that step."""


class Optimizer(Part, ABC):
    """An update rule.

    Attributes:
        slots: how many numbers it remembers of each parameter between steps; they start at 0.
        usual_rates: the learning rates that it is usually used with, from and to.
    """

    slots: ClassVar[int] = 0
    usual_rates: ClassVar[tuple[float, float]] = (0.001, 0.1)

    def factors(self, h: Hyperparameters, lr: float, steps: np.ndarray) -> list[np.ndarray]:
        """What depends on the number of the step alone, such as bias corrections.

        Args:
            h: the numbers of one run.
            lr: the learning rate.
            steps: the numbers of the steps, (T,), from 1.

        Returns:
            The T values of each factor, float64; by default the learning rate is the only one.
        """
        return [np.full(len(steps), lr)]

    @abstractmethod
    def update(
        self,
        w: Tensor,
        g: Tensor,
        slots: Sequence[Tensor],
        h: Hyperparameters,
        factors: Sequence[Tensor],
    ) -> None:
        """Change parameters and slots in place; elementwise.

        Args:
            w: parameters, of any shape.
            g: the gradient with the L2 penalty in it; may be overwritten.
            slots: as w.
            h: tensors that broadcast over w.
            factors: those of this step; likewise.
        """

    def penalize(self, w: Tensor, g: Tensor, weight_decay: Tensor, lr: Tensor) -> None:
        """Apply the weight decay, in place, before ``update``: here as an L2 penalty."""
        g.addcmul_(weight_decay, w)

    def updater(
        self, parameters: list[Tensor], slots: Sequence[list[Tensor]], h: Hyperparameters
    ) -> Updater:
        """What updates one run's parameters on a CPU: here by ``update``, tensor by tensor.

        Args:
            parameters: changed in place.
            slots: for each slot a tensor for each parameter.
            h: numbers.
        """
        like = parameters[0]
        settings = Hyperparameters(*(like.new_tensor(value) for value in vars(h).values()))

        def step(gradients: list[Tensor], lr: float, factors: Sequence[float]) -> None:
            numbers = [like.new_tensor(factor) for factor in factors]
            for i, (w, g) in enumerate(zip(parameters, gradients, strict=True)):
                if h.weight_decay:
                    self.penalize(w, g, settings.weight_decay, like.new_tensor(lr))
                self.update(w, g, [slot[i] for slot in slots], settings, numbers)

        return step


def zeros_like(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Zeros in the shapes of some tensors."""
    return [torch.zeros_like(tensor) for tensor in tensors]
