"""A report as one HTML file that needs nothing but a browser."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from dlsweep.report._bundle import asset, bundle
from dlsweep.report._data import as_json, page_data
from dlsweep.report._page import Html, Missing, Page
from dlsweep.report._report import Report
from dlsweep.report._runs import RunsTable
from dlsweep.report._words import minute
from dlsweep.report.blocks import Block, Heading
from dlsweep.report.findings import find
from dlsweep.report.statistics import grouped, training_seconds

STYLES = ("colours", "page", "figures", "effects", "tables", "panels", "media")
"""The page's style sheet, in the order in which later parts overrule earlier ones."""
MOST_MATRICES = 2000
"""Runs of a page that holds the confusion matrices of all; of more, those of the best alone."""


def render_html(report: Report, table: RunsTable) -> str:
    """The report as one HTML file: everything embedded, nothing ever fetched.

    The page's policy lets nothing run but the scripts written here, named by their hashes: a run's
    name cannot become one of them, whatever it says.

    Args:
        report: what to show.
        table: the runs.

    Returns:
        The whole document. About 0.6 MB are the charts' library; 1,000 runs of 10 epochs with
        their matrices add about 1 MB.
    """
    page = Page()
    opening, *sections = _sections(report.shown(table))
    first = Html("\n".join(block.html(table, page) for block in opening))
    rest = Html("\n".join(_section(section, table, page) for section in sections))
    library, script = asset("echarts.min.js"), bundle()
    hashes = " ".join(f"'sha256-{_sha256(source)}'" for source in (library, script))
    return page.render(
        "page.html",
        title=report.title or table.title,
        source=table.source,
        made=table.made.astimezone(),
        opening=first,
        contents=page.contents,
        sections=rest,
        provenance=_provenance(table),
        policy=Html(
            f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
            "base-uri 'none'; form-action 'none'"
        ),
        style=Html("\n".join(asset(f"{name}.css") for name in STYLES)),
        data=Html(as_json(_data(table))),
        library=Html(library),
        script=Html(script),
    )


def _sections(blocks: Sequence[Block]) -> list[list[Block]]:
    """The blocks before the first heading, and then each heading with those below it."""
    found: list[list[Block]] = [[]]
    for block in blocks:
        if isinstance(block, Heading):
            found.append([])
        found[-1].append(block)
    return found


def _section(blocks: Sequence[Block], table: RunsTable, page: Page) -> str:
    """A heading with what stands below it; a line where there is nothing to show."""
    heading, *others = blocks
    assert isinstance(heading, Heading)
    known = len(page.contents)
    title = heading.html(table, page)
    parts = [part for block in others if (part := block.html(table, page))]
    if parts and all(isinstance(part, Missing) for part in parts):
        del page.contents[known:]
        return page.render("nothing.html", heading=heading.text, sentence=parts[0])
    return "\n".join([title, *parts])


def _data(table: RunsTable) -> dict[str, object]:
    """What the page's script knows of the runs.

    Beside ``page_data``: ``configurations``, a number for each run that those of one configuration
    share; ``training``, the seconds that it took; and ``chance``, the accuracy of always answering
    one class.
    """
    data = page_data(table)
    places = {id(run): place for place, run in enumerate(table.runs)}
    numbers = [0] * len(table.runs)
    for number, group in enumerate(grouped(table, table.runs)):
        for run in group:
            numbers[places[id(run)]] = number
    seconds = [training_seconds(table, run) for run in table.runs]
    found = find(table).chance
    if len(table.runs) > MOST_MATRICES:
        kept = {places[id(run)] for run in table.ranked()[:MOST_MATRICES]}
        for matrices in data["matrices"].values():
            matrices[:] = [m if place in kept else None for place, m in enumerate(matrices)]
    return {
        **data,
        "configurations": numbers,
        "training": [None if s is None else float(f"{s:.4g}") for s in seconds],
        "chance": None if found is None else found.level,
    }


def _sha256(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def _provenance(table: RunsTable) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in table.versions.items())
    notices = "".join(f" {notice}." for notice in table.notices)
    return f"Made {minute(table.made)} from {table.source} with {versions}.{notices}"
