"""What training tells: the metrics of an epoch, and the result of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dlsweep.config import RunConfig

FINISHED = "finished"
EARLY_STOPPED = "early_stopped"
DIVERGED = "diverged"
STOPPED = "stopped"
"""Of a run that was told to leave its stack: by early termination, or by a user."""

STEP_LOSS = "step_loss"
"""The name of the loss within epochs."""
_BESIDE = ("more", "steps")


@dataclass(frozen=True)
class EpochMetrics:
    """One row of a run's history. Accuracies are fractions in [0, 1].

    Attributes:
        epoch: from 1.
        train_loss: mean over the training images, each as it was trained on.
        train_accuracy: likewise.
        val_loss: mean over the validation images after the epoch.
        val_accuracy: likewise.
        learning_rate: of this epoch.
        seconds: the run's share of the epoch's wall-clock time: that of the stack, divided by the
            number of its members.
        more: what is logged beside these, by name: train_reconstruction and val_reconstruction of
            an autoencoder, likewise of any module with a loss of its own.
        steps: the loss within the epoch, where ``log_every`` asks for it: pairs of the step, which
            is counted over all epochs from 1, and the mean loss of the batches since the last pair.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    seconds: float
    more: Mapping[str, float] = field(default_factory=dict)
    steps: tuple[tuple[int, float], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The metrics by the names under which they are logged; ``steps`` as step_loss."""
        plain = {name: value for name, value in vars(self).items() if name not in _BESIDE}
        within = {STEP_LOSS: [list(pair) for pair in self.steps]} if self.steps else {}
        return plain | dict(self.more) | within

    @classmethod
    def restore(cls, logged: Mapping[str, Any]) -> EpochMetrics:
        """The metrics that ``as_dict`` gave."""
        names = [f.name for f in dataclasses.fields(cls) if f.name not in _BESIDE]
        more = {n: value for n, value in logged.items() if n not in (*names, STEP_LOSS)}
        steps = tuple((step, loss) for step, loss in logged.get(STEP_LOSS, ()))
        return cls(**{name: logged[name] for name in names}, more=more, steps=steps)

    def is_finite(self) -> bool:
        """Whether all losses are finite."""
        losses = (self.train_loss, self.val_loss, *self.more.values())
        return bool(np.isfinite(losses).all())


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model's answers on a split.

    Attributes:
        loss: mean over the split.
        accuracy: fraction that is right.
        probabilities: softmax outputs, float32, (N, classes).
        labels: the true classes, int64, (N,).
        predictions: the classes of the largest logits, of equals the first, int64, (N,). Of a model
            that hardly tells images apart, probabilities may be equal where logits are not.
        more: the mean of the module's own loss, by its name, if it has one.
    """

    loss: float
    accuracy: float
    probabilities: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray
    more: Mapping[str, float] = field(default_factory=dict)

    def confusion(self) -> np.ndarray:
        """Counts, (classes, classes): rows are true classes, columns predictions."""
        classes = self.probabilities.shape[1]
        counts = np.bincount(self.labels * classes + self.predictions, minlength=classes**2)
        return counts.reshape(classes, classes)

    def macro_scores(self) -> dict[str, float]:
        """Precision, recall and F1, each the mean over the classes, in [0, 1].

        As scikit-learn's ``average="macro"``: over the classes that have images or predictions, a
        share of nothing being 0.
        """
        counts = self.confusion()
        right, true, predicted = counts.diagonal(), counts.sum(1), counts.sum(0)
        there = true + predicted > 0
        shares = {
            "precision": right / np.maximum(predicted, 1),
            "recall": right / np.maximum(true, 1),
            "f1": 2 * right / np.maximum(true + predicted, 1),
        }
        return {name: float(share[there].mean()) for name, share in shares.items()}


@dataclass(frozen=True, eq=False)
class RunResult:
    """What a run came to. The model of a run is that of its best epoch.

    Attributes:
        config: the run's settings.
        status: finished, early_stopped, diverged, or what ``Stack.stop`` was told.
        history: one entry for each epoch trained.
        best_epoch: the (first) epoch with the highest validation accuracy, of those in which the
            classification was trained if it had any; 0 if a run diverged before it had one.
        parameters: how many numbers were trained.
        val: the best epoch's model on the validation split.
        test: and on the test split.
        weights: the best epoch's parameters and buffers by their names in the model.
    """

    config: RunConfig
    status: str
    history: tuple[EpochMetrics, ...]
    best_epoch: int
    parameters: int
    val: Evaluation
    test: Evaluation
    weights: dict[str, np.ndarray]

    def __repr__(self) -> str:
        """One line: what it came to, and what else there is."""
        found = (
            f"status={self.status!r}, best_epoch={self.best_epoch}, epochs={len(self.history)}, "
            f"val.accuracy={self.val.accuracy:.4f}, test.accuracy={self.test.accuracy:.4f}, "
            f"parameters={self.parameters}"
        )
        return f"<RunResult {found}; also config, history, val, test, weights, summary()>"

    def summary(self) -> dict[str, Any]:
        """The run's summary by the names under which it is logged."""
        return {
            "best_val_accuracy": self.val.accuracy,
            "best_epoch": self.best_epoch,
            "test_loss": self.test.loss,
            "test_accuracy": self.test.accuracy,
            **{f"val_{name}": value for name, value in self.val.macro_scores().items()},
            **{f"test_{name}": value for name, value in self.test.macro_scores().items()},
            **{f"test_{name}": value for name, value in self.test.more.items()},
            "parameters": self.parameters,
            "status": self.status,
        }
