"""Fill benchmarks/README.md and its figures from the results: ``python -m benchmarks.page``."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.results import RESULTS, read

PAGE = Path(__file__).resolve().parent / "README.md"
NOT_YET = "Not measured yet."


def fill(page: Path = PAGE, figures: Path = RESULTS) -> None:
    """Put what was measured between the page's marks; what is not known yet says so."""
    text = page.read_text()
    for name in re.findall(r"<!-- result (\w+) -->", text):
        text = replaced(text, name, shown(name))
    page.write_text(text)
    draw(figures)


def draw(folder: Path) -> None:
    """The figures; where matplotlib is missing, the last ones stay."""
    from benchmarks.members import figure

    result = read("members")
    if result is not None:
        with contextlib.suppress(ImportError):
            figure(result, str(folder / "members.svg"))


def replaced(text: str, name: str, content: str) -> str:
    begin, end = f"<!-- result {name} -->", f"<!-- /result {name} -->"
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{begin}\n{content}\n{end}{tail}"


def shown(name: str) -> str:
    """A result as the page has it."""
    result = read(name)
    return NOT_YET if result is None else SHOW[name](result)


def _study(result: dict[str, Any]) -> str:
    from benchmarks.studies import table

    return _page_table(table(result))


def _single(result: dict[str, Any]) -> str:
    from benchmarks.single import table

    return _page_table(table(result))


def _members(result: dict[str, Any]) -> str:
    from benchmarks.members import table

    picture = "![Seconds for a member's epoch against the size of the stack](results/members.svg)"
    return f"{_page_table(table(result))}\n\n{picture}"


def _overhead(result: dict[str, Any]) -> str:
    from benchmarks.overhead import table

    return _page_table(table(result))


def _scale(result: dict[str, Any]) -> str:
    from benchmarks.scale import table

    return _page_table(table(result))


def _programs(result: dict[str, Any]) -> str:
    from benchmarks.programs import table

    return _page_table(table(result))


def _search(result: dict[str, Any]) -> str:
    from benchmarks.search.measure import table

    return _page_table(table(result))


def _gpu(result: dict[str, Any]) -> str:
    from benchmarks.gpu import table

    return _page_table(table(result))


def _page_table(text: str) -> str:
    """Lines before a table are paragraphs of their own."""
    lines: list[str] = []
    for line in text.splitlines():
        if line and not line.startswith("|") and lines and lines[-1]:
            lines.append("")
        lines.append(line)
    return "\n".join(lines)


SHOW: dict[str, Callable[[dict[str, Any]], str]] = {
    "s1": _study,
    "s2": _study,
    "single": _single,
    "members": _members,
    "overhead": _overhead,
    "scale": _scale,
    "programs": _programs,
    "search": _search,
    "gpu": _gpu,
}

if __name__ == "__main__":
    fill()
