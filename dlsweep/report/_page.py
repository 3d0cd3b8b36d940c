"""What the blocks of one HTML page share: escaping, headings, figures, places for the script."""

from __future__ import annotations

import base64
import html
import json
import re
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

MOST_OF_A_WORD = 30
"""Characters of a word that stays in one line, on a phone too."""


class Page:
    """One page while it is made.

    Attributes:
        contents: (id, text) of every heading so far, for the table of contents.
    """

    def __init__(self) -> None:
        self.contents: list[tuple[str, str]] = []
        self._figures = self._commands = 0

    def text(self, value: object) -> str:
        """A value as text that no browser takes for markup."""
        return html.escape(str(value))

    def breakable(self, value: object) -> str:
        """Text that may go on in the next line after an underscore."""
        return self.text(value).replace("_", "_<wbr>")

    def whole_words(self, line: str) -> str:
        """Text whose words do not go on in the next line after a hyphen, unless they are long."""
        return " ".join(
            f'<span class="whole">{self.text(word)}</span>'
            if "-" in word and len(word) <= MOST_OF_A_WORD
            else self.text(word)
            for word in line.split(" ")
        )

    def prose(self, text: str) -> str:
        """A sentence; `code` between backticks and **strong words** are the only markup."""
        parts = re.split(r"(`[^`]+`|\*\*[^*]+\*\*)", text)
        return "".join(self._part(part) for part in parts)

    def _part(self, part: str) -> str:
        if len(part) > 2 and part[0] == part[-1] == "`":
            return f"<code>{self.whole_words(part[1:-1])}</code>"
        if len(part) > 4 and part.startswith("**") and part.endswith("**"):
            return f"<strong>{self.text(part[2:-2])}</strong>"
        return self.text(part)

    def heading(self, text: str, short: str) -> str:
        """The heading of a section, which the table of contents then names."""
        identifier = f"part-{len(self.contents) + 1}"
        self.contents.append((identifier, short))
        return f'<h2 id="{identifier}">{self.text(text)}</h2>'

    def figure(self, title: str, body: str, note: str = "", kind: str = "") -> str:
        """A numbered figure.

        Args:
            title: what it shows, as a sentence; escaped here.
            body: HTML.
            note: how to read it; text with the markup of ``prose``.
            kind: a CSS class.
        """
        self._figures += 1
        caption = f"<figcaption><span>Figure {self._figures}</span> {self.text(title)}"
        below = f'<p class="note">{self.prose(note)}</p>' if note else ""
        return f'<figure class="{kind}">{caption}</figcaption>{body}{below}</figure>'

    def missing(self, sentence: str) -> str:
        """What stands where there is nothing to show."""
        return f'<p class="missing">{self.prose(sentence)}</p>'

    def scroll(self, label: str, body: str) -> str:
        """What may be wider than a phone: it scrolls inside, by keyboard as well."""
        return (
            f'<div class="scroll" tabindex="0" role="region" aria-label="{self.text(label)}">'
            f"{body}</div>"
        )

    def image(self, pixels: npt.NDArray[np.uint8], said: str) -> str:
        """A small picture, embedded.

        Args:
            pixels: of shape (H, W) or (H, W, 3).
            said: what is in it, for those who cannot see it.
        """
        picture = BytesIO()
        Image.fromarray(pixels).save(picture, format="PNG", optimize=True)
        source = base64.b64encode(picture.getvalue()).decode()
        return f'<img src="data:image/png;base64,{source}" alt="{self.text(said)}">'

    def command(self, line: str) -> str:
        """A command line, with a button that copies it."""
        self._commands += 1
        identifier = f"command-{self._commands}"
        return (
            f'<div class="command"><pre id="{identifier}">{self.whole_words(line)}</pre><button '
            f'type="button" class="quiet" data-copy="{identifier}" hidden>Copy</button></div>'
        )

    def widget(self, kind: str, **options: Any) -> str:
        """A place that the page's script fills with the widget of this name."""
        chosen = self.text(json.dumps(options))
        return f'<div class="widget {kind}" data-widget="{kind}" data-options="{chosen}"></div>'

    def track(
        self,
        zero: float = 0,
        bar: tuple[float, float] | None = None,
        dot: float | None = None,
        whisker: tuple[float, float] | None = None,
    ) -> str:
        """A bar or a dot with its whisker on a line; all places are shares of its width."""
        inner = ""
        if bar is not None:
            inner += f'<i class="fill" style="{_places(bar)}"></i>'
        if whisker is not None:
            inner += f'<i class="whisker" style="{_places(whisker)}"></i>'
        if dot is not None:
            inner += f'<i class="dot" style="--at:{100 * dot:.1f}%"></i>'
        return f'<div class="track" style="--zero:{100 * zero:.1f}%">{inner}</div>'


def _places(ends: tuple[float, float]) -> str:
    return f"--from:{100 * ends[0]:.1f}%;--to:{100 * ends[1]:.1f}%"
