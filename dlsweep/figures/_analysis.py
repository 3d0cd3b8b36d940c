"""What a model gets right and wrong on a split: counts, scores of each class, ROC curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dlsweep.figures._roc import RocCurve, roc_curves
from dlsweep.training import Evaluation, RunResult


@dataclass(frozen=True)
class ClassScores:
    """How well one class is told from the others; None where a score is not defined.

    Attributes:
        precision: of the images taken for the class, the share that is of it; None where no image
            was taken for it.
        recall: of the class's images, the share that was found; None where it has none.
        f1: their harmonic mean, 2 tp / (2 tp + fp + fn); None where the class neither occurs nor
            was predicted.
        support: how many images the class has.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True, eq=False)
class SplitAnalysis:
    """A model's answers on a split, looked at.

    Images whose probabilities are not finite, as a diverged run has them, are counted nowhere.

    Attributes:
        confusion: counts, int64, (classes, classes): rows are true classes, columns predictions.
        auc: the area under the ROC curve of each class against the rest; None where undefined.
        roc: these curves, thinned.
    """

    confusion: np.ndarray
    auc: tuple[float | None, ...]
    roc: tuple[RocCurve, ...]


@dataclass(frozen=True)
class Example:
    """One image of a split and what the model said.

    Attributes:
        index: its place in the split.
        label: the true class.
        predicted: the most probable class.
        probability: the probability of that class.
    """

    index: int
    label: int
    predicted: int
    probability: float


@dataclass(frozen=True, eq=False)
class RunAnalysis:
    """What a run came to, looked at.

    Attributes:
        val: the validation split.
        test: the test split.
        right: test images that were recognised, the most confident first.
        wrong: test images that were taken for another class, the most confident first.
    """

    val: SplitAnalysis
    test: SplitAnalysis
    right: tuple[Example, ...]
    wrong: tuple[Example, ...]

    def summary(self) -> dict[str, Any]:
        """The analysis as a run's summary keeps it: numbers, lists and dictionaries."""
        return {
            "val_confusion": self.val.confusion.tolist(),
            "test_confusion": self.test.confusion.tolist(),
            "val_auc": list(self.val.auc),
            "test_auc": list(self.test.auc),
            "test_roc": [{"fpr": list(c.fpr), "tpr": list(c.tpr)} for c in self.test.roc],
            "test_examples": {
                "right": [vars(example) for example in self.right],
                "wrong": [vars(example) for example in self.wrong],
            },
        }


def analyse_run(result: RunResult, examples: int = 4) -> RunAnalysis:
    """Look at a run's answers on the validation and the test split.

    Args:
        result: of the engine.
        examples: how many right and how many wrong test images to choose at most.
    """
    predictions = result.test.predictions
    right, wrong = _choose(result.test, predictions, examples)
    return RunAnalysis(analyse(result.val), _analyse(result.test, predictions), right, wrong)


def analyse(evaluation: Evaluation) -> SplitAnalysis:
    """Count and score a model's answers on a split."""
    return _analyse(evaluation, evaluation.predictions)


def _analyse(evaluation: Evaluation, predictions: np.ndarray) -> SplitAnalysis:
    probabilities, labels = evaluation.probabilities, evaluation.labels
    if not np.isfinite(probabilities).all():
        finite = np.isfinite(probabilities).all(axis=1)
        probabilities, labels = probabilities[finite], labels[finite]
        predictions = predictions[finite]
    classes = evaluation.probabilities.shape[1]
    pairs = labels * classes + predictions
    confusion = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    curves = list(roc_curves(probabilities, labels))
    return SplitAnalysis(
        confusion,
        auc=tuple(area for area, _ in curves),
        roc=tuple(curve for _, curve in curves),
    )


def per_class(confusion: np.ndarray) -> list[ClassScores]:
    """Precision, recall, F1 and support of every class.

    Args:
        confusion: counts, (classes, classes): rows are true classes, columns predictions.
    """
    counts = np.asarray(confusion)
    found, support, taken = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    return [
        ClassScores(
            precision=_share(found[i], taken[i]),
            recall=_share(found[i], support[i]),
            f1=_share(2 * found[i], support[i] + taken[i]),
            support=int(support[i]),
        )
        for i in range(len(counts))
    ]


def choose_examples(
    evaluation: Evaluation, count: int
) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """The images that were most confidently right, and those that were most confidently wrong.

    Confidence is the probability of the predicted class; of equals the first in the split goes
    first. Images whose probabilities are not finite are never chosen.

    Args:
        evaluation: the model's answers on the split.
        count: how many of each, at most.

    Returns:
        The right and the wrong ones, the most confident first.
    """
    return _choose(evaluation, evaluation.predictions, count)


def _choose(
    evaluation: Evaluation, predictions: np.ndarray, count: int
) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    confidence = evaluation.probabilities[np.arange(len(predictions)), predictions]
    right = predictions == evaluation.labels
    wrong = ~right
    if not np.isfinite(evaluation.probabilities).all():
        finite = np.isfinite(evaluation.probabilities).all(axis=1)
        right, wrong = right & finite, wrong & finite

    def most_confident(where: np.ndarray) -> tuple[Example, ...]:
        (indices,) = np.nonzero(where)
        if 0 < count < len(indices):  # so that not all of them are sorted
            least = np.partition(confidence[indices], -count)[-count]
            indices = indices[confidence[indices] >= least]
        order = np.argsort(-confidence[indices], kind="stable")[:count]
        return tuple(
            Example(
                index=int(i),
                label=int(evaluation.labels[i]),
                predicted=int(predictions[i]),
                probability=round(float(confidence[i]), 6),
            )
            for i in indices[order]
        )

    return most_confident(right), most_confident(wrong)


def _share(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None
