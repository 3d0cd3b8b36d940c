"""What a run shows besides numbers, as the things that W&B draws: charts, tables, images."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import wandb

from dlsweep.data import Dataset, Split
from dlsweep.figures import (
    RunAnalysis,
    SplitAnalysis,
    class_counts,
    data_pictures,
    examples_picture,
    model_pictures,
    per_class,
)
from dlsweep.training import RunResult, TrainedModel

if TYPE_CHECKING:
    from PIL.Image import Image


def run_media(
    result: RunResult, analysis: RunAnalysis, classes: Sequence[str], test: Split | None
) -> dict[str, Any]:
    """What is logged with the last epoch of a run.

    Args:
        result: of the engine.
        analysis: of this result.
        classes: the names of the classes.
        test: the test split, for the pictures that show its images; without it they are left out.
    """
    media: dict[str, Any] = {
        "val_confusion_matrix": confusion_plot(analysis.val.confusion, classes, "Validation"),
        "test_confusion_matrix": confusion_plot(analysis.test.confusion, classes, "Test"),
        "per_class": per_class_table({"val": analysis.val, "test": analysis.test}, classes),
        "test_roc_curve": roc_plot(analysis.test, classes, "Test"),
    }
    if test is not None:
        images = test.images.cpu().numpy()
        for name, chosen in (("right", analysis.right), ("wrong", analysis.wrong)):
            picture = examples_picture(chosen, images, classes)
            if picture is not None:
                caption = f"test images, {name}, the most confident first"
                media[f"test_{name}"] = _image(picture, caption)
        if result.config.figures == "full":
            model = TrainedModel(result.config, result.weights, _shape(test), tuple(classes))
            pictures = model_pictures(model, test)
            media |= {name: _image(picture) for name, picture in pictures.items()}
    return media


def data_media(data: Dataset) -> dict[str, Any]:
    """What is logged of a data set: a table of its classes, and pictures."""
    counts = class_counts(data)
    rows = [list(row) for row in zip(data.classes, *counts.values(), strict=True)]
    media: dict[str, Any] = {
        "class_counts": _table(["class", *counts], [str, *[int] * len(counts)], rows)
    }
    return media | {name: _image(picture) for name, picture in data_pictures(data).items()}


def confusion_plot(confusion: np.ndarray, classes: Sequence[str], split: str) -> Any:
    """What ``wandb.plot.confusion_matrix`` makes, from counts: that one loops over the samples."""
    columns = ["Actual", "Predicted", "nPredictions"]
    rows = [
        [classes[actual], classes[predicted], int(confusion[actual, predicted])]
        for actual, predicted in np.ndindex(confusion.shape)
    ]
    return wandb.plot_table(
        "wandb/confusion_matrix/v1",
        _table(columns, [str, str, int], rows),
        {name: name for name in columns},
        {"title": f"{split} confusion matrix"},
    )


def roc_plot(analysis: SplitAnalysis, classes: Sequence[str], split: str) -> Any:
    """What ``wandb.plot.roc_curve`` makes, from curves that are there already."""
    rows = [
        [name, fpr, tpr]
        for name, curve in zip(classes, analysis.roc, strict=True)
        for fpr, tpr in zip(curve.fpr, curve.tpr, strict=True)
    ]
    return wandb.plot_table(
        "wandb/area-under-curve/v0",
        _table(["class", "fpr", "tpr"], [str, float, float], rows),
        {"x": "fpr", "y": "tpr", "class": "class"},
        {
            "title": f"{split} ROC, each class against the rest",
            "x-axis-title": "False positive rate",
            "y-axis-title": "True positive rate",
        },
    )


def per_class_table(splits: dict[str, SplitAnalysis], classes: Sequence[str]) -> wandb.Table:
    """Precision, recall, F1, support and AUC of every class in every split."""
    columns = ["split", "class", "precision", "recall", "f1", "support", "auc"]
    rows = [
        [split, name, scores.precision, scores.recall, scores.f1, scores.support, auc]
        for split, analysis in splits.items()
        for name, scores, auc in zip(
            classes, per_class(analysis.confusion), analysis.auc, strict=True
        )
    ]
    return _table(columns, [str, str, float, float, float, int, float], rows)


class _Table(wandb.Table):
    """A table of plain words, numbers and None: wandb need not look for others in every cell."""

    def to_json(self, run_or_artifact: Any) -> dict[str, Any]:
        """See ``wandb.Table``; the rows are written as they are."""
        rows, self.data = self.data, []
        try:
            written: dict[str, Any] = super().to_json(run_or_artifact)
        finally:
            self.data = rows
        if "data" in written:
            written["data"] = rows
        return {**written, "nrows": len(rows)}


def _table(columns: list[str], types: list[type], rows: list[list[Any]]) -> wandb.Table:
    """A table whose columns' types are known: wandb infers them anew at every row it is given."""
    table = _Table(columns=[*columns], data=rows[:1], dtype=types, optional=True)
    table.data.extend(rows[1:])
    return table


def _image(picture: Image, caption: str | None = None) -> wandb.Image:
    """A picture as W&B keeps it, packed in a third of the time and nearly as well as by default."""
    picture.save = functools.partial(picture.save, compress_level=1)  # type: ignore[method-assign]
    return wandb.Image(picture, caption=caption)


def _shape(split: Split) -> tuple[int, int, int]:
    channels, height, width = split.images.shape[1:]
    return channels, height, width
