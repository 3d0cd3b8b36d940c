"""A block: the data that the runs were trained on: an image of each class, how many there are."""

from __future__ import annotations

import base64
from collections.abc import Sequence
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
        title, data = _data(table)
        if data is None:
            return page.missing(title)
        pictured = "class_samples" in self.pictures and not data.is_table
        body = _grid(data, page, _differing(table)) if pictured else ""
        others = [n for n in self.pictures if not (pictured and n in _IN_THE_GRID)]
        body += "".join(
            f'<img class="picture" alt="{page.text(words(name))}" '
            f'src="data:image/png;base64,{base64.b64encode(picture).decode()}">'
            for name, picture in _made(data, others).items()
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
        title, data = _data(table)
        if data is None:
            return f"{plain(title)}\n"
        links = []
        for name, picture in _made(data, self.pictures).items():
            (folder / f"{name}.png").write_bytes(picture)
            links.append(f"![{words(name)}]({name}.png)\n")
        return figure(title, "\n".join(links), _differing(table).strip())


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


def _data(table: RunsTable) -> tuple[str, Dataset | None]:
    """A title and the data; or why there are none to show."""
    names = _names(table)
    if len(names) != 1:
        return "The runs were not all trained on one data set that is known.", None
    name = names.pop()
    try:
        data = load(name, **_split(table))
    except (DataUnavailable, ConfigError) as error:
        return f"No images of {name} are shown: {str(error).splitlines()[0]}", None
    return f"The data: {words(name) if name in DATASETS else Path(name).name}", data


def _made(data: Dataset, names: Sequence[str]) -> dict[str, bytes]:
    """The pictures as PNG; those that there are of such data."""
    made = data_pictures(data) if names else {}
    return {name: _png(made[name]) for name in names if name in made}


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
