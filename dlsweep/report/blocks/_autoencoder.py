"""A block: what an autoencoder makes of images, and its code, coloured by class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._data import index_of, result
from dlsweep.report._markdown import figure
from dlsweep.report._where import Where
from dlsweep.report._words import code
from dlsweep.report.blocks._block import Block
from dlsweep.report.blocks._run_pictures import logged_pictures

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable
    from dlsweep.sweep import Row

_TITLES = {
    "reconstructions": "Test images, and what comes back out of their code",
    "code": "The code of the test images, coloured by class",
    "decoded": "What the decoder makes of codes in rows and columns",
}


@dataclass(frozen=True)
class AutoencoderPictures(Block):
    """What an autoencoder makes of images, its code by class, and the images that codes stand for.

    The pictures are those that the run has logged (``figures: full``), from its folder.

    Attributes:
        where: which run, of several the first; by default the best autoencoder.
    """

    where: Where | None = None

    def fits(self, table: RunsTable) -> bool:
        """Where there is an autoencoder."""
        return self._run(table) is not None

    def html(self, table: RunsTable, page: Page) -> str:
        """The pictures."""
        run = self._run(table)
        pictures = {} if run is None else logged_pictures(run, _TITLES)
        if run is None or not pictures:
            return page.missing(_NONE if run is None else _NOT_LOGGED)
        import numpy as np

        shown = [page.image(np.asarray(p), _TITLES[name]) for name, p in pictures.items()]
        body = page.render("panels.html", panels=shown, legend=[], numbers="")
        return page.figure(f"What {run.name} makes of images", body, _note(table, run))

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The pictures that the run has logged."""
        run = self._run(table)
        if run is None:
            return panels.markdown(f"{_NONE}\n")
        browser = panels.native().MediaBrowser(
            title="What the autoencoder makes of images", media_keys=[*_TITLES], num_columns=2
        )
        return panels.grid(panels.chosen(table, [run], "The autoencoder"), browser) + (
            panels.markdown(f"{_note(table, run)}\n")
        )

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """The pictures as files."""
        run = self._run(table)
        pictures = {} if run is None else logged_pictures(run, _TITLES)
        if run is None or not pictures:
            return f"{_NONE if run is None else _NOT_LOGGED}\n"
        parts = []
        for name, picture in pictures.items():
            file = f"autoencoder-{name}-{index_of(table, run)}.png"
            folder.mkdir(parents=True, exist_ok=True)
            picture.quantize(128).save(folder / file, optimize=True)
            parts.append(figure(_TITLES[name], f"![{_TITLES[name]}]({file})\n"))
        return "\n".join([*parts, f"Run {code(run.name)}. {_note(table, run)}\n"])

    def _run(self, table: RunsTable) -> Row | None:
        chosen = table.ranked() if self.where is None else self.where.of(table)
        found = [run for run in chosen if table.own and run.config.get("model") == "autoencoder"]
        return next(iter(found), None)


_NONE = "No run is an autoencoder, so no reconstructions are shown."
_NOT_LOGGED = "The autoencoder's pictures are not here; train with figures: full to have them."


def _note(table: RunsTable, run: Row) -> str:
    found = {name: run.summary.get(name) for name in ("test_reconstruction", "silhouette")}
    said = [f"{table.words(n)} {result(table, n, v)}" for n, v in found.items() if v is not None]
    silhouette = "1 where classes are far apart in the code, 0 where they overlap"
    more = f" ({silhouette})" if found["silhouette"] is not None else ""
    return f"{'; '.join(said)}{more}." if said else ""
