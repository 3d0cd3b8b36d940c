"""A report as a folder: a Markdown page and its pictures, which a code host shows as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dlsweep.report._words import code

if TYPE_CHECKING:  # blocks use this module
    from dlsweep.report._report import Report
    from dlsweep.report._runs import RunsTable

PAGE = "README.md"


def render_markdown(report: Report, table: RunsTable, folder: Path | str) -> Path:
    """Write a report into a folder: README.md and its pictures.

    Args:
        report: what to show.
        table: the runs.
        folder: made where there is none; files of the same names are overwritten.

    Returns:
        The page's path.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    parts = [f"# {plain(report.title or table.title)}\n", f"{provenance(table)}\n"]
    parts += [block.markdown(table, folder).strip("\n") + "\n" for block in report.blocks]
    page = folder / PAGE
    page.write_text("\n".join(part for part in parts if part.strip()), encoding="utf-8")
    return page


def provenance(table: RunsTable) -> str:
    """When the report was made, from which data and with which versions."""
    made_with = ", ".join(f"{name} {version}" for name, version in table.versions.items())
    return (
        f"Made {table.made:%Y-%m-%d %H:%M} from {plain(table.source)}, with {plain(made_with)}."
        + "".join(f" {plain(notice)}." for notice in table.notices)
    )


def plain(text: object) -> str:
    """Text in which nothing is markup."""
    return re.sub(r"([\\`*_{}\[\]<>#+!|~&$])", r"\\\1", " ".join(str(text).split()))


def cell(text: object) -> str:
    """A name in a table's cell, shown as it is."""
    return code(text).replace("|", "\\|") if str(text).strip() else ""


def grid(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    """A table.

    Args:
        header: the columns' names, Markdown.
        rows: their cells, Markdown.
        numbers: the columns that are aligned right.
    """
    right = set(numbers)
    rules = ["---:" if i in right else "---" for i in range(len(header))]
    lines = [header, rules, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def figure(title: str, picture: str, note: str = "") -> str:
    """A picture with its title and how to read it."""
    return f"**{title}**\n\n{picture}\n" + (f"{note}\n" if note else "")
