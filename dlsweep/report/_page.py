"""What the blocks of one HTML page share: escaping, headings, figures, places for the script."""

from __future__ import annotations

import base64
import functools
import json
import re
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import escape
from PIL import Image

MOST_OF_A_WORD = 30
"""Characters of a word that stays in one line, on a phone too."""


class Html(str):
    """HTML, which templates do not escape; put together with other text it is text again."""

    def __html__(self) -> str:
        return self


class Missing(Html):
    """A sentence in place of a figure: a section of nothing else needs no heading."""


@functools.cache
def templates() -> Environment:
    """The page's templates; they escape whatever is no markup already."""
    return Environment(
        loader=PackageLoader("dlsweep.report", "_templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


class Page:
    """One page while it is made.

    Attributes:
        contents: (id, text) of every heading so far, for the table of contents.
    """

    def __init__(self) -> None:
        self.contents: list[tuple[str, str]] = []
        self._figures = self._commands = 0

    def render(self, template: str, **more: Any) -> Html:
        """A template of the page, which may use the page itself."""
        return Html(templates().get_template(template).render(page=self, **more))

    def _macro(self, name: str, *values: Any) -> Html:
        module: Any = templates().get_template("macros.html").module
        return Html(str.strip(getattr(module, name)(*values)))

    def text(self, value: object) -> Html:
        """A value as text that no browser takes for markup."""
        return Html("".join(escape(str(value))))

    def breakable(self, value: object) -> Html:
        """Text that may go on in the next line after an underscore."""
        return Html(self.text(value).replace("_", "_<wbr>"))

    def whole_words(self, line: str) -> Html:
        """Text whose words do not go on in the next line after a hyphen, unless they are long."""
        words = (
            f'<span class="whole">{self.text(word)}</span>'
            if "-" in word and len(word) <= MOST_OF_A_WORD
            else self.text(word)
            for word in line.split(" ")
        )
        return Html(" ".join(words))

    def prose(self, text: str) -> Html:
        """A sentence; `code` between backticks and **strong words** are the only markup."""
        parts = re.split(r"(`[^`]+`|\*\*[^*]+\*\*)", text)
        return Html("".join(self._part(part) for part in parts))

    def _part(self, part: str) -> str:
        if len(part) > 2 and part[0] == part[-1] == "`":
            return f"<code>{self.whole_words(part[1:-1])}</code>"
        if len(part) > 4 and part.startswith("**") and part.endswith("**"):
            return f"<strong>{self._part(part[2:-2])}</strong>"
        return self.text(re.sub(r"(?<=\d) %", "\u202f%", part))

    def heading(self, text: str, short: str) -> Html:
        """The heading of a section, which the table of contents then names."""
        identifier = f"part-{len(self.contents) + 1}"
        self.contents.append((identifier, short))
        return Html(f'<h2 id="{identifier}">{self.text(text)}</h2>')

    def figure(self, title: str, body: str, note: str = "", kind: str = "") -> Html:
        """A numbered figure.

        Args:
            title: what it shows, as a sentence; escaped here.
            body: HTML.
            note: how to read it; text with the markup of ``prose``.
            kind: a CSS class.
        """
        self._figures += 1
        return self._macro("figure", self._figures, title, Html(body), self.prose(note), kind)

    def missing(self, sentence: str) -> Missing:
        """What stands where there is nothing to show: a line."""
        return Missing(self._macro("missing", self.prose(sentence)))

    def scroll(self, label: str, body: str) -> Html:
        """What may be wider than a phone: it scrolls inside, by keyboard as well."""
        return self._macro("scroll", label, Html(body))

    def image(self, pixels: npt.NDArray[np.uint8], said: str) -> Html:
        """A small picture, embedded.

        Args:
            pixels: of shape (H, W) or (H, W, 3).
            said: what is in it, for those who cannot see it.
        """
        picture = BytesIO()
        Image.fromarray(pixels).save(picture, format="PNG", optimize=True)
        source = base64.b64encode(picture.getvalue()).decode()
        return Html(f'<img src="data:image/png;base64,{source}" alt="{self.text(said)}">')

    def command(self, line: str) -> Html:
        """A command line, with a button that copies it."""
        self._commands += 1
        return self._macro("command", f"command-{self._commands}", self.whole_words(line))

    def widget(self, kind: str, **options: Any) -> Html:
        """A place that the page's script fills with the widget of this name."""
        return self._macro("widget", kind, json.dumps(options))

    def track(
        self,
        zero: float = 0,
        bar: tuple[float, float] | None = None,
        dot: float | None = None,
        whisker: tuple[float, float] | None = None,
    ) -> Html:
        """A bar or a dot with its whisker on a line; all places are shares of its width."""
        ends = [None if pair is None else [_share(end) for end in pair] for pair in (bar, whisker)]
        place = None if dot is None else _share(dot)
        return self._macro("track", _share(zero), ends[0], place, ends[1])


def _share(of: float) -> str:
    return f"{100 * of:.1f}%"
