"""A report as a folder: a Markdown page and its pictures, which a code host shows as it is."""

from __future__ import annotations

from pathlib import Path

from dlsweep.report._markdown import plain, provenance
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
    parts += [block.markdown(table, folder).strip("\n") + "\n" for block in report.shown(table)]
    page = folder / PAGE
    page.write_text("\n".join(part for part in parts if part.strip()), encoding="utf-8")
    return page
