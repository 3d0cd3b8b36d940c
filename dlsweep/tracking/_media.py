"""The charts, tables and images that W&B shows of a run or a data set."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import wandb

from dlsweep.data import Dataset
from dlsweep.figures import SplitAnalysis, class_counts, data_pictures, encode_png, per_class
from dlsweep.tracking._outcome import Outcome, Picture


def run_media(outcome: Outcome) -> dict[str, Any]:
    """The media logged with the last epoch of a run; none if its outcome has no figures."""
    media = {name: _image(picture) for name, picture in outcome.pictures.items()}
    if outcome.analysis is None:
        return media
    val, test, classes = outcome.analysis.val, outcome.analysis.test, outcome.classes
    return {
        "val_confusion_matrix": confusion_plot(val.confusion, classes, "Validation"),
        "test_confusion_matrix": confusion_plot(test.confusion, classes, "Test"),
        "per_class": per_class_table({"val": val, "test": test}, classes),
        "test_roc_curve": roc_plot(test, classes, "Test"),
        "model_layers": layers_table(outcome.summary.get("layers", [])),
        **media,
    }


def data_media(data: Dataset) -> dict[str, Any]:
    """The media logged of a data set: a table of its classes, and pictures."""
    counts = class_counts(data)
    rows = [list(row) for row in zip(data.classes, *counts.values(), strict=True)]
    table = _table(["class", *counts], [str, *[int] * len(counts)], rows)
    pictures = data_pictures(data).items()
    return {
        "class_counts": table,
        **{name: _image(Picture(encode_png(picture))) for name, picture in pictures},
    }


def layers_table(layers: Sequence[Sequence[Any]]) -> wandb.Table:
    """The layers of a model: what each is, the shape that it gives, and its parameters."""
    rows = [[name, kind, "×".join(map(str, shape)), count] for name, kind, shape, count in layers]
    return _table(["layer", "kind", "output", "parameters"], [str, str, str, int], rows)


def confusion_plot(confusion: np.ndarray, classes: Sequence[str], split: str) -> Any:
    """A chart as of ``wandb.plot.confusion_matrix``, but from counts instead of samples."""
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
    """A chart as of ``wandb.plot.roc_curve``, but from curves that were computed before."""
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
    """A table of strings, numbers and None: wandb need not look for media in every cell."""

    def to_json(self, run_or_artifact: Any) -> dict[str, Any]:
        """The JSON of the table, with the rows written as they are."""
        rows, self.data = self.data, []
        try:
            written: dict[str, Any] = super().to_json(run_or_artifact)
        finally:
            self.data = rows
        if "data" in written:
            written["data"] = rows
        return {**written, "nrows": len(rows)}


def _table(columns: list[str], types: list[type], rows: list[list[Any]]) -> wandb.Table:
    """A table with the types of its columns, which wandb would infer anew with every row."""
    table = _Table(columns=[*columns], data=rows[:1], dtype=types, optional=True)
    table.data.extend(rows[1:])
    return table


def _image(picture: Picture) -> wandb.Image:
    """An image whose file W&B keeps as it is, neither decoded nor encoded again."""
    from PIL import Image

    def save(path: str, **_: Any) -> None:
        Path(path).write_bytes(picture.png)

    opened = Image.open(io.BytesIO(picture.png))  # reads the size alone
    opened.save = save  # type: ignore[assignment, method-assign]
    return wandb.Image(opened, caption=picture.caption)
