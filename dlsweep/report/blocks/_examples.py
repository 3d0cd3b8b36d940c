"""A block: test images that the best run got right and wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from dlsweep.config import ConfigError
from dlsweep.data import DataSettings, DataUnavailable, load
from dlsweep.report import _panels as panels
from dlsweep.report._classes import rounded
from dlsweep.report._markdown import figure, plain
from dlsweep.report._words import code
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import lead

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable

_ROWS = (("wrong", "Wrong, the surest first"), ("right", "Right, the surest first"))


@dataclass(frozen=True)
class Examples(Block):
    """Test images that the best run got right and wrong."""

    needs = ("own",)

    def html(self, table: RunsTable, page: Page) -> str:
        """Two rows of images, wrong ones first."""
        best = lead(table)
        examples = best.summary.get("test_examples") if best else None
        if best is None or not isinstance(examples, Mapping) or not any(examples.values()):
            return page.missing("The best run has stored no test images, so none are shown.")
        dataset = best.config.get("dataset")
        try:
            images, labels, classes = _pixels(best.config)
        except (DataUnavailable, ConfigError) as error:
            return page.missing(f"No images of {dataset} are shown: {error}")
        rows = ""
        for kind, title in (
            ("wrong", "Wrong, the surest first"),
            ("right", "Right, the surest first"),
        ):
            found = [e for e in examples.get(kind) or [] if _fits(e, labels, len(classes))]
            if found:
                items = "".join(_item(page, e, images[e["index"]], classes, kind) for e in found)
                rows += f'<p class="caption sans">{title}</p><ul class="images">{items}</ul>'
        if not rows:
            return page.missing(f"The stored examples do not fit the test images of {dataset}.")
        return page.figure(f"Test images as {best.name} sees them", rows)

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The pictures that the best run has logged."""
        best = lead(table)
        if best is None:
            return panels.markdown(self.markdown(table, Path()))
        browser = panels.native().MediaBrowser(
            title="Test images, the most confident first",
            media_keys=["test_wrong", "test_right"],
            num_columns=2,
        )
        return panels.grid(panels.chosen(table, [best], "The best run"), browser)

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A picture of the images with what they are and what they were taken for."""
        best = lead(table)
        stored = best.summary.get("test_examples") if best is not None else None
        if best is None or not isinstance(stored, Mapping) or not any(stored.values()):
            return "The best run has stored no test images.\n"
        try:
            images, labels, classes = _pixels(best.config)
        except (DataUnavailable, ConfigError) as error:
            return f"No images are shown: {plain(str(error))}\n"
        rows = {}
        for kind in ("wrong", "right"):
            fitting = [e for e in stored.get(kind) or [] if _fits(e, labels, len(classes))]
            if fitting:
                rows[kind] = [(images[e["index"]], _caption(e, classes)) for e in fitting]
        if not rows:
            return "The stored examples do not fit the test images.\n"
        from dlsweep.report import drawings

        picture = drawings.save(
            drawings.examples(rows), folder, "examples", "Test images right and wrong"
        )
        return figure(f"Test images as {code(best.name)} sees them, the surest first", picture)


def _caption(example: Mapping[str, Any], classes: tuple[str, ...]) -> str:
    """What an image was taken for, how surely, and what it is where that is something else."""
    label, predicted = classes[example["label"]], classes[example["predicted"]]
    sure = rounded(example.get("probability"))
    told = predicted if sure is None else f"{predicted} ({100 * sure:.0f} %)"
    return told if label == predicted else f"{told}\nis {label}"


def _pixels(
    config: Mapping[str, Any],
) -> tuple[npt.NDArray[np.uint8], list[int], tuple[str, ...]]:
    """The test images of a run's data, (N, H, W) or (N, H, W, 3), their labels, and its classes.

    Raises:
        ConfigError: there is no such data set, or it has no pictures.
        DataUnavailable: it could not be had.
    """
    settings = vars(DataSettings.among(config).of_pictures).copy()
    data = load(settings.pop("dataset"), **settings)
    if data.is_table:
        raise ConfigError([f"{data.name} is a table of features, which has no pictures"])
    pixels = (data.test.images * 255).round().clamp(0, 255).to(dtype=torch.uint8).numpy()
    pixels = pixels[:, 0] if pixels.shape[1] == 1 else pixels.transpose(0, 2, 3, 1)
    return pixels, data.test.labels.tolist(), data.classes


def _fits(example: Any, labels: Sequence[int], classes: int) -> bool:
    """Whether a stored example speaks of an image and of classes that there are."""
    return (
        isinstance(example, Mapping)
        and isinstance(example.get("index"), int)
        and 0 <= example["index"] < len(labels)
        and labels[example["index"]] == example.get("label")  # else the data has changed since
        and isinstance(example.get("predicted"), int)
        and 0 <= example["predicted"] < classes
    )


def _item(
    page: Page,
    example: Mapping[str, Any],
    pixels: npt.NDArray[np.uint8],
    classes: tuple[str, ...],
    kind: str,
) -> str:
    """One image with what it is and what it was taken for."""
    label, predicted = classes[example["label"]], classes[example["predicted"]]
    sure = rounded(example.get("probability"))
    share = "" if sure is None else f" ({100 * sure:.1f}\u202f%)"
    truth = "" if kind == "right" else f"<span>is {page.text(label)}</span>"
    said = f"test image {example['index']}: {label}, taken for {predicted}"
    return (
        f'<li class="{kind}">{page.image(pixels, said)}'
        f"<strong>{page.text(predicted)}</strong>{share}{truth}</li>"
    )
