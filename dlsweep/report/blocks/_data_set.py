"""A block: the data that the runs were trained on: an image of each class, how many there are."""

from __future__ import annotations

import base64
import functools
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.config import ConfigError
from dlsweep.data import Dataset, DataUnavailable, load
from dlsweep.figures import class_counts, data_pictures
from dlsweep.parts import DATASETS
from dlsweep.report import _panels as panels
from dlsweep.report._markdown import figure, plain
from dlsweep.report._runs import words
from dlsweep.report.blocks._block import Block

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable

_IN_THE_GRID = {"class_samples", "class_distribution"}


@dataclass(frozen=True)
class DataSet(Block):
    """The data that the runs were trained on.

    Attributes:
        pictures: which of those that ``dlsweep.figures.data_pictures`` makes.
    """

    pictures: tuple[str, ...] = ("class_samples", "class_distribution")

    needs = ("own",)

    def html(self, table: RunsTable, page: Page) -> str:
        """An image of each class with its counts, and the other pictures as they are."""
        title, found = self._pictures(table)
        if not found:
            return page.missing(title)
        body = ""
        if "class_samples" in found:  # which a table of features has none of
            data = load(next(iter(_names(table))), **_split(table))
            body = _grid(data, page, _differing(table))
        body += "".join(
            f'<img class="picture" alt="{page.text(words(name))}" '
            f'src="data:image/png;base64,{base64.b64encode(picture).decode()}">'
            for name, picture in found.items()
            if not body or name not in _IN_THE_GRID
        )
        return page.figure(title, body)

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The same pictures, from the run that shows the data."""
        browser = panels.native().MediaBrowser(
            title="The data", media_keys=list(self.pictures), num_columns=2
        )
        return panels.grid(panels.data_runs(table), browser)

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """The pictures, as files."""
        title, found = self._pictures(table)
        if not found:
            return f"{plain(title)}\n"
        links = []
        for name, picture in found.items():
            (folder / f"{name}.png").write_bytes(picture)
            links.append(f"![{words(name)}]({name}.png)\n")
        return figure(title, "\n".join(links), _differing(table).strip())

    def _pictures(self, table: RunsTable) -> tuple[str, dict[str, bytes]]:
        """A title and the pictures as PNG; or why there are none."""
        names = _names(table)
        if len(names) != 1:
            return "The runs were not all trained on one data set that is known.", {}
        name = names.pop()
        try:
            made = _made(name, **_split(table))
        except (DataUnavailable, ConfigError) as error:
            return f"No images of {name} are shown: {str(error).splitlines()[0]}", {}
        title = f"The data: {words(name) if name in DATASETS else Path(name).name}"
        return title, {n: made[n] for n in self.pictures if n in made}


_SPLIT = ("val_fraction", "train_size")
_IMAGES = ("image_size", "color", "classes", "skip_bad")


def _names(table: RunsTable) -> set[str]:
    """The data sets of the runs."""
    return {str(run.config["dataset"]) for run in table.runs if run.config.get("dataset")}


def _values(table: RunsTable, name: str) -> set[Any]:
    found = [run.config[name] for run in table.runs if name in run.config]
    return {value for value in found if value is None or isinstance(value, int | float | str)}


def _split(table: RunsTable) -> dict[str, Any]:
    """What all runs agree on of how the images were split."""
    found = {name: _values(table, name) for name in (*_SPLIT, *_IMAGES)}
    return {name: next(iter(values)) for name, values in found.items() if len(values) == 1}


def _differing(table: RunsTable) -> str:
    """That runs had other numbers of images than those that are shown; empty where none had."""
    names = [name for name in _SPLIT if len(_values(table, name)) > 1]
    told = " and ".join(map(words, names))
    return (
        f" Runs differ in {told}: the numbers are those of the data set as a whole."
        if names
        else ""
    )


@functools.lru_cache(maxsize=1)  # a report is often rendered to more than one face
def _made(name: str, **split: Any) -> dict[str, bytes]:
    return {title: _png(picture) for title, picture in data_pictures(load(name, **split)).items()}


def _png(picture: Any) -> bytes:
    stream = BytesIO()
    picture.quantize(128).save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def _grid(data: Dataset, page: Page, note: str) -> str:
    """The first training image of each class; below it how many each split has, and a note."""
    counts = class_counts(data)
    items = []
    for label, name in enumerate(data.classes):
        places = (data.train.labels == label).nonzero()
        if len(places):
            image = (data.train.images[int(places[0])] * 255).round().byte().numpy()
            pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
            numbers = " · ".join(f"{count[label]:,}" for count in counts.values())
            items.append(
                f"<li>{page.image(pixels, name)}<strong>{page.text(name)}</strong>"
                f"<span>{numbers.replace(',', chr(0x202F))}</span></li>"
            )
    totals = " · ".join(f"{sum(count):,}".replace(",", "\u202f") for count in counts.values())
    return (
        f'<ul class="images classes">{"".join(items)}</ul><p class="note">How many images each '
        f"class has: training · validation · test, {totals} in all.{note}</p>"
    )
