"""A block: what a network has learned, as the pictures that its run has logged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import index_of
from dlsweep.report._markdown import figure
from dlsweep.report._where import Where
from dlsweep.report._words import code
from dlsweep.report.blocks._block import Block
from dlsweep.report.findings import lead

if TYPE_CHECKING:
    from PIL.Image import Image

    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable
    from dlsweep.sweep import Row

_TITLES = {
    "first_layer": "What the first layer looks for",
    "feature_maps": "What the convolutions make of a test image",
    "features": "The last hidden layer's answers to test images, in two dimensions, by class",
}
_NOTHING = "The run's pictures are not here; train with figures: full to have them."


@dataclass(frozen=True)
class RunPictures(Block):
    """What a network has learned: its filters, feature maps and last hidden layer.

    The pictures are those that the run has logged (``figures: full``), from its folder.

    Attributes:
        where: which run, of several the first; by default the best.
        names: which pictures, by the names they are logged under.
    """

    where: Where | None = None
    names: tuple[str, ...] = tuple(_TITLES)

    needs = ("own",)

    def html(self, table: RunsTable, page: Page) -> str:
        """The pictures."""
        run, pictures = self._found(table)
        if run is None or not pictures:
            return page.missing(_NOTHING)
        import numpy as np

        shown = [page.image(np.asarray(p), _title(name)) for name, p in pictures.items()]
        body = page.render("panels.html", panels=shown, legend=[], numbers="")
        return page.figure(f"What {run.name} has learned", body)

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The pictures that the run has logged."""
        run, _ = self._found(table)
        if run is None:
            return panels.markdown(f"{_NOTHING}\n")
        browser = panels.native().MediaBrowser(
            title="What the network has learned", media_keys=[*self.names], num_columns=2
        )
        return panels.grid(panels.chosen(table, [run], "The run"), browser)

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """The pictures as files."""
        run, pictures = self._found(table)
        if run is None or not pictures:
            return f"{_NOTHING}\n"
        folder.mkdir(parents=True, exist_ok=True)
        parts = []
        for name, picture in pictures.items():
            file = f"run-{name}-{index_of(table, run)}.png"
            picture.quantize(128).save(folder / file, optimize=True)
            parts.append(figure(_title(name), f"![{_title(name)}]({file})\n"))
        return "\n".join([*parts, f"Run {code(run.name)}.\n"])

    def _found(self, table: RunsTable) -> tuple[Row | None, dict[str, Image]]:
        run = lead(table) if self.where is None else next(iter(self.where.of(table)), None)
        return run, {} if run is None else logged_pictures(run, self.names)


def logged_pictures(run: Row, names: Iterable[str]) -> dict[str, Image]:
    """The pictures of these names that a run has logged, in this order; the last of each."""
    from PIL import Image

    found = {}
    for name in names if run.folder else ():
        files = sorted(Path(run.folder).glob(f"files/media/images/{name}_[0-9]*.png"))
        if files:
            found[name] = Image.open(files[-1]).convert("RGB")
    return found


def _title(name: str) -> str:
    return _TITLES.get(name, name)
