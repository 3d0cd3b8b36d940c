"""The outcome of a run: computed where it was trained, recorded where W&B is written.

Nothing here imports wandb: workers have no use for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dlsweep.data import DATA_DIGEST, Dataset
from dlsweep.figures import (
    RunAnalysis,
    analyse_run,
    code_scores,
    encode_png,
    examples_picture,
    model_pictures,
)
from dlsweep.models import layers_of, skeleton
from dlsweep.saved import encode_model
from dlsweep.training import RunResult, TrainedModel


@dataclass(frozen=True)
class Picture:
    """A picture of a run.

    Attributes:
        png: the content of its file.
        caption: the text that W&B shows with it.
    """

    png: bytes
    caption: str | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """The outcome of a run, ready to be recorded. It can be pickled, and is small.

    Attributes:
        status: finished, early_stopped, diverged and so on.
        summary: the run's summary by the names under which it is logged.
        classes: the names of the classes.
        analysis: the source of its charts and tables; None to log none.
        pictures: by the names under which they are logged.
        model: the content of its model's file; None to keep no model.
        info: facts about the run beside what W&B records, as where its files are.
    """

    status: str
    summary: Mapping[str, Any]
    classes: tuple[str, ...] = ()
    analysis: RunAnalysis | None = None
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    model: bytes | None = None
    info: Mapping[str, Any] = field(default_factory=dict)


def conclude(result: RunResult, data: Dataset) -> Outcome:
    """Compute the outcome of a run, as its settings ``figures``, ``examples`` and others ask for.

    Args:
        result: of the engine.
        data: what the run was trained on.
    """
    config, summary = result.config, result.summary()
    if data.content:
        summary[DATA_DIGEST] = data.content
    kept = config.save_model and result.best_epoch > 0
    model = encode_model(result, data) if kept else None
    if config.figures == "none":
        return Outcome(result.status, summary, data.classes, model=model)
    analysis = analyse_run(result, config.examples)
    pictures = _pictures(result, analysis, data)
    summary |= analysis.summary()
    summary["layers"] = _layers(result, data)
    if config.model == "autoencoder":
        summary |= code_scores(_trained(result, data), data.test)
    return Outcome(result.status, summary, data.classes, analysis, pictures, model)


def _pictures(result: RunResult, analysis: RunAnalysis, data: Dataset) -> dict[str, Picture]:
    pictures = {}
    images = data.test.images.cpu().numpy()
    for name, examples in (("right", analysis.right), ("wrong", analysis.wrong)):
        grid = examples_picture(examples, images, data.classes)
        if grid is not None and not data.is_table:
            caption = f"test images, {name}, the most confident first"
            pictures[f"test_{name}"] = Picture(encode_png(grid), caption)
    if result.config.figures == "full":
        for name, picture in model_pictures(_trained(result, data), data.test).items():
            pictures[name] = Picture(encode_png(picture))
    return pictures


def _layers(result: RunResult, data: Dataset) -> list[list[Any]]:
    """The layers of the model: name, kind, the shape that each gives, and its parameters."""
    model = skeleton(result.config, data.image_shape, data.num_classes)
    return [
        [n, kind, [*shape], count] for n, kind, shape, count in layers_of(model, data.image_shape)
    ]


def _trained(result: RunResult, data: Dataset) -> TrainedModel:
    return TrainedModel(result.config, result.weights, data.image_shape, data.classes)
