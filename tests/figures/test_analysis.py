"""Scores, curves and examples, held against scikit-learn; and what is not defined stays empty."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import auc, precision_recall_fscore_support, roc_curve

from dlsweep.config import RunConfig
from dlsweep.figures import (
    ClassScores,
    Example,
    RocCurve,
    analyse,
    analyse_run,
    choose_examples,
    per_class,
)
from dlsweep.training import DIVERGED, Evaluation, RunResult


def evaluation(probabilities: np.ndarray, labels: np.ndarray) -> Evaluation:
    predictions = probabilities.argmax(1)
    accuracy = float((predictions == labels).mean())
    return Evaluation(0.5, accuracy, probabilities.astype(np.float32), labels, predictions)


def answers(images: int = 500, classes: int = 5, seed: int = 0) -> Evaluation:
    """A model that is often right."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(images) % classes)
    scores = np.exp(rng.normal(size=(images, classes)) + 2 * np.eye(classes)[labels])
    return evaluation(scores / scores.sum(1, keepdims=True), labels)


def result(val: Evaluation, test: Evaluation) -> RunResult:
    return RunResult(RunConfig(), DIVERGED, (), 0, 1, val, test, {})


def test_the_scores_are_scikit_learns():
    given = answers()
    found = analyse(given)
    assert found.confusion.tolist() == given.confusion().tolist()
    expected = precision_recall_fscore_support(given.labels, given.predictions)
    for i, scores in enumerate(per_class(found.confusion)):
        got = (scores.precision, scores.recall, scores.f1, scores.support)
        assert got == pytest.approx([column[i] for column in expected])


@pytest.mark.parametrize("decimals", [None, 2, 0], ids=["apart", "some equal", "most equal"])
@pytest.mark.parametrize("images", [7, 60, 900])
def test_the_curves_are_scikit_learns(images: int, decimals: int | None):
    given = answers(images, classes=3, seed=images)
    if decimals is not None:
        given.probabilities[:] = given.probabilities.round(decimals)
    found = analyse(given)
    for label in range(3):
        positive, score = given.labels == label, given.probabilities[:, label]
        fpr, tpr, _ = roc_curve(positive, score, drop_intermediate=False)
        assert found.auc[label] == pytest.approx(auc(fpr, tpr), abs=1e-6)
        if len(fpr) <= 8:  # so few points are all kept
            curve = list(zip(found.roc[label].fpr, found.roc[label].tpr, strict=True))
            assert curve == list(zip(fpr.round(4), tpr.round(4), strict=True))


def test_a_thinned_curve_lies_on_the_whole_one():
    given = answers(images=4000)
    for label, curve in enumerate(analyse(given).roc):
        positive, score = given.labels == label, given.probabilities[:, label]
        fpr, tpr, _ = roc_curve(positive, score, drop_intermediate=False)
        assert 10 < len(curve.fpr) == len(curve.tpr) <= 33
        assert (curve.fpr[0], curve.tpr[0]) == (0, 0)
        assert (curve.fpr[-1], curve.tpr[-1]) == (1, 1)
        points = set(zip(fpr.round(4), tpr.round(4), strict=True))
        assert set(zip(curve.fpr, curve.tpr, strict=True)) <= points
        # What is left out is hardly seen: the area under the thinned curve is the whole one's.
        assert auc(curve.fpr, curve.tpr) == pytest.approx(auc(fpr, tpr), abs=0.005)


def test_a_class_that_is_never_predicted_and_one_that_never_occurs():
    probabilities = np.array([[0.6, 0.1, 0.3], [0.2, 0.1, 0.7], [0.9, 0.1, 0.0]])
    found = analyse(evaluation(probabilities, np.array([0, 1, 1])))
    assert per_class(found.confusion) == [
        ClassScores(precision=0.5, recall=1.0, f1=pytest.approx(2 / 3), support=1),
        ClassScores(precision=None, recall=0.0, f1=0.0, support=2),
        ClassScores(precision=0.0, recall=None, f1=0.0, support=0),
    ]
    assert found.auc[2] is None
    assert found.roc[2] == RocCurve()
    assert per_class(np.zeros((1, 1), int)) == [ClassScores(None, None, None, 0)]


def test_a_model_that_says_the_same_of_every_image():
    found = analyse(evaluation(np.full((6, 2), 0.5), np.array([0, 0, 0, 1, 1, 1])))
    assert found.auc == (0.5, 0.5)
    assert found.roc[0] == RocCurve((0.0, 1.0), (0.0, 1.0))


def test_a_run_whose_probabilities_are_no_numbers():
    nothing = evaluation(np.full((8, 3), np.nan), np.arange(8) % 3)
    half = answers(images=8, classes=3)
    half.probabilities[::2] = np.nan
    summary = analyse_run(result(nothing, half)).summary()
    assert summary["val_confusion"] == [[0, 0, 0]] * 3
    assert summary["val_auc"] == [None] * 3
    assert np.sum(summary["test_confusion"]) == 4
    chosen = summary["test_examples"]["right"] + summary["test_examples"]["wrong"]
    assert sorted(example["index"] for example in chosen) == [1, 3, 5, 7]

    summary = analyse_run(result(nothing, nothing)).summary()
    assert summary["test_roc"] == [{"fpr": [], "tpr": []}] * 3
    assert summary["test_examples"] == {"right": [], "wrong": []}


# Examples


def test_the_most_confident_come_first_and_of_equals_the_first():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.1, 0.9]])
    given = evaluation(probabilities, np.array([0, 0, 0, 0, 0]))
    right, wrong = choose_examples(given, 2)
    assert right == (Example(0, 0, 0, 0.9), Example(1, 0, 0, 0.8))
    assert wrong == (Example(2, 0, 1, 0.9), Example(4, 0, 1, 0.9))


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_as_many_as_asked_or_as_there_are(count: int):
    given = answers()
    right, wrong = choose_examples(given, count)
    hits = int((given.predictions == given.labels).sum())
    assert len(right) == min(count, hits)
    assert len(wrong) == min(count, len(given.labels) - hits)


def test_the_summary_is_json_of_the_agreed_names():
    given = answers()
    summary = analyse_run(result(answers(seed=1), given), examples=3).summary()
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert list(summary) == [
        "val_confusion",
        "test_confusion",
        "val_auc",
        "test_auc",
        "test_roc",
        "test_examples",
    ]
    for name in ("right", "wrong"):
        for example in summary["test_examples"][name]:
            i = example["index"]
            assert example["label"] == given.labels[i]
            assert example["predicted"] == given.predictions[i]
            assert example["probability"] == pytest.approx(given.probabilities[i].max(), abs=1e-6)
            assert (example["label"] == example["predicted"]) == (name == "right")
