"""What a backend offers to the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from dlsweep.models import Objective


class Means(NamedTuple):
    """What all members came to on a split.

    Attributes:
        loss: means over the images, (K,), float64.
        accuracy: likewise.
        auxiliary: likewise, of the modules' own losses; None where they have none.
        batches: the mean loss of each batch, (K, batches); None where no member logs it.
    """

    loss: np.ndarray
    accuracy: np.ndarray
    auxiliary: np.ndarray | None = None
    batches: np.ndarray | None = None


class Recalled(NamedTuple):
    """What a member's best weights say of a split of N images.

    Attributes:
        loss: mean over the split.
        predictions: the classes of the largest logits, of equals the first, int64, (N,).
        probabilities: softmax outputs, float32, (N, classes).
        auxiliary: the mean of the module's own loss; None if it has none.
    """

    loss: float
    predictions: np.ndarray
    probabilities: np.ndarray
    auxiliary: float | None = None


class Learner(Protocol):
    """Trains the members of a stack, an epoch at a time. Rows are members still in the stack.

    It decides nothing: learning rates, stopping and what is best are the ``Stack``'s.

    Attributes:
        auxiliary: the name of the loss that the modules have of their own, or None.
    """

    auxiliary: str | None

    def objective(self, epoch: int) -> Objective:
        """What is trained for in an epoch, from 1; the same of all members."""

    def parameters(self, row: int) -> int:
        """How many numbers are trained in a member."""

    def train_epoch(self, epoch: int, learning_rates: np.ndarray) -> Means:
        """Train all members for one epoch.

        Args:
            epoch: its number, from 1.
            learning_rates: (K,), float64.

        Returns:
            Over the images as they were trained on.
        """

    def validate(self) -> Means:
        """On the validation split."""

    def remember(self, rows: Sequence[int]) -> None:
        """Keep these members' present weights as their best."""

    def recall(self, row: int, split: str) -> Recalled:
        """What a member's best weights say of ``val`` or ``test``."""

    def best_weights(self, row: int) -> dict[str, np.ndarray]:
        """A member's best weights and buffers by their names."""

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these members only, in this order."""

    def state(self) -> dict[str, np.ndarray]:
        """Copies of all arrays that decide how training goes on, by name."""

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from what ``state`` gave for the same members.

        Raises:
            StateError: where the arrays are not those of this stack.
        """
