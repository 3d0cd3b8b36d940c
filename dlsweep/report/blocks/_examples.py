"""A block: test images that the best run got right and wrong."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from dlsweep.config import ConfigError
from dlsweep.data import DATASETS, DataUnavailable, load
from dlsweep.report._data import rounded
from dlsweep.report.blocks._block import Block

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable

_ROWS = (("wrong", "Wrong, the surest first"), ("right", "Right, the surest first"))


@dataclass(frozen=True)
class Examples(Block):
    """Test images that the best run got right and wrong."""

    def html(self, table: RunsTable, page: Page) -> str:
        """Two rows of images, wrong ones first."""
        best = table.best()
        examples = best.summary.get("test_examples") if best else None
        if best is None or not isinstance(examples, Mapping) or not any(examples.values()):
            return page.missing("The best run has stored no test images, so none are shown.")
        dataset = best.config.get("dataset")
        try:
            images, classes = _pixels(dataset)
        except (DataUnavailable, ConfigError) as error:
            return page.missing(
                f"The images of {dataset} are not on this machine, so none are shown: {error}"
            )
        rows = ""
        for kind, title in (
            ("wrong", "Wrong, the surest first"),
            ("right", "Right, the surest first"),
        ):
            found = [e for e in examples.get(kind) or [] if _fits(e, len(images), len(classes))]
            if found:
                items = "".join(_item(page, e, images[e["index"]], classes, kind) for e in found)
                rows += f'<p class="caption sans">{title}</p><ul class="images">{items}</ul>'
        if not rows:
            return page.missing(f"The stored examples do not fit the test images of {dataset}.")
        return page.figure(f"Test images as {best.name} sees them", rows)

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """Nothing yet."""
        return []

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """Nothing yet."""
        return ""


def _pixels(dataset: Any) -> tuple[npt.NDArray[np.uint8], tuple[str, ...]]:
    """The test images of a data set, uint8 of shape (N, H, W) or (N, H, W, 3), and its classes.

    Raises:
        ConfigError: there is no such data set.
        DataUnavailable: it could not be had.
    """
    if dataset not in DATASETS:
        raise ConfigError([f"{dataset!r} is no data set of this version"])
    data = load(dataset)
    pixels = (data.test.images * 255).round().to(dtype=torch.uint8).numpy()
    return (pixels[:, 0] if pixels.shape[1] == 1 else pixels.transpose(0, 2, 3, 1)), data.classes


def _fits(example: Any, images: int, classes: int) -> bool:
    """Whether a stored example speaks of an image and of classes that there are."""
    return (
        isinstance(example, Mapping)
        and isinstance(example.get("index"), int)
        and 0 <= example["index"] < images
        and all(
            isinstance(example.get(name), int) and 0 <= example[name] < classes
            for name in ("label", "predicted")
        )
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
    picture = BytesIO()
    Image.fromarray(pixels).save(picture, format="PNG", optimize=True)
    source = base64.b64encode(picture.getvalue()).decode()
    said = f"test image {example['index']}: {label}, taken for {predicted}"
    return (
        f'<li class="{kind}"><img src="data:image/png;base64,{source}" alt="{page.text(said)}">'
        f"<strong>{page.text(predicted)}</strong>{share}{truth}</li>"
    )
