"""A headless Chromium for the tests of pages, and what it complained of."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PIXELS = """(chart, layer) => {
    const copy = document.createElement('canvas');
    const layers = [...chart.querySelectorAll(`:scope > ${layer || 'div canvas'}`)];
    [copy.width, copy.height] = [layers[0].width, layers[0].height];
    const context = copy.getContext('2d');
    layers.forEach(canvas => context.drawImage(canvas, 0, 0));
    const {data} = context.getImageData(0, 0, copy.width, copy.height);
    let [inked, hash] = [0, 0];
    for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] > 0) inked += 1;
        hash = (hash * 31 + data[i] + 256 * data[i + 1] + 65536 * data[i + 2] + data[i + 3]) | 0;
    }
    return [inked, hash];
}"""


@dataclass
class Opened:
    """A page in the browser.

    Attributes:
        page: playwright's page.
        complaints: console errors and warnings, uncaught exceptions and dialogs, as text.
        requests: every address asked for, but for the page itself.
    """

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def text(self, selector: str) -> str:
        """The text of an element."""
        return str(self.page.locator(selector).inner_text())

    def column(self, place: int) -> list[str]:
        """The texts of a column of the table of all runs, from 0."""
        cells = f".all_runs tbody tr > :nth-child({place + 1})"
        return [str(text) for text in self.page.locator(cells).all_inner_texts()]

    def drawn(self, *places: str) -> list[tuple[int, int]]:
        """For each chart of these places, how many of its pixels are drawn and a hash of them."""
        return [
            tuple(chart.evaluate(PIXELS))
            for place in places or ("",)
            for chart in self.page.locator(f"{place} .chart").all()
        ]

    def settle(self) -> None:
        """Wait until the page has answered what was last done to it."""
        self.page.wait_for_timeout(700)


class Browser:
    """Opens HTML as a reader would, from a file."""

    def __init__(self, chromium: Any, folder: Path) -> None:
        self._chromium = chromium
        self._folder = folder
        self._pages = 0

    @contextmanager
    def open(
        self, html: str, width: int = 1280, height: int = 900, **context: Any
    ) -> Iterator[Opened]:
        """A page, ready; it must have complained of nothing and asked for nothing in the end."""
        self._pages += 1
        path = self._folder / f"page-{self._pages}.html"
        path.write_text(html, encoding="utf-8")
        place = self._chromium.new_context(viewport={"width": width, "height": height}, **context)
        try:
            opened = Opened(place.new_page())
            page = opened.page
            page.on("console", lambda said: opened.complaints.append(said.text))
            page.on("pageerror", lambda error: opened.complaints.append(str(error)))
            page.on("dialog", lambda dialog: (opened.complaints.append("dialog"), dialog.dismiss()))
            page.on("request", lambda request: opened.requests.append(request.url))
            page.goto(path.as_uri())
            page.wait_for_selector("html[data-ready]", state="attached")
            yield opened
            asked = [url for url in opened.requests if not url.startswith(("data:", "blob:"))]
            assert asked == [path.as_uri()]
            assert opened.complaints == []
        finally:
            place.close()


def start(folder: Path) -> Iterator[Browser]:
    """The browser; skips where there is none, or nothing to drive it with."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = [path for name in NAMES if (path := shutil.which(name))]
    if not found:
        pytest.skip("no chromium is installed")
    with driver.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found[0], args=list(FLAGS))
        try:
            yield Browser(chromium, folder)
        finally:
            chromium.close()
