"""What the blocks of one HTML page share: escaping, headings, figures, places for the script."""

from __future__ import annotations

import html
import json
import re
from typing import Any


class Page:
    """One page while it is made.

    Attributes:
        contents: (id, text) of every heading so far, for the table of contents.
    """

    def __init__(self) -> None:
        self.contents: list[tuple[str, str]] = []
        self._figures = 0

    def text(self, value: object) -> str:
        """A value as text that no browser takes for markup."""
        return html.escape(str(value))

    def prose(self, text: str) -> str:
        """A sentence; `code` between backticks and **strong words** are the only markup."""
        parts = re.split(r"(`[^`]+`|\*\*[^*]+\*\*)", text)
        return "".join(self._part(part) for part in parts)

    def _part(self, part: str) -> str:
        if len(part) > 2 and part[0] == part[-1] == "`":
            return f"<code>{self.text(part[1:-1])}</code>"
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
        caption = f'<figcaption><span class="number">{self._figures}</span> {self.text(title)}'
        below = f'<p class="note">{self.prose(note)}</p>' if note else ""
        return f'<figure class="{kind}">{caption}</figcaption>{body}{below}</figure>'

    def missing(self, sentence: str) -> str:
        """What stands where there is nothing to show."""
        return f'<p class="missing">{self.prose(sentence)}</p>'

    def widget(self, kind: str, **options: Any) -> str:
        """A place that the page's script fills with the widget of this name."""
        chosen = self.text(json.dumps(options))
        return f'<div class="widget {kind}" data-widget="{kind}" data-options="{chosen}"></div>'
