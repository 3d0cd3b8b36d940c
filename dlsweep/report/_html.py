"""A report as one HTML file that needs nothing but a browser."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from dlsweep.report._data import as_json, page_data
from dlsweep.report._page import Page
from dlsweep.report._report import Report
from dlsweep.report._runs import RunsTable
from dlsweep.report._words import minute

SCRIPTS = (
    "data",
    "state",
    "page",
    "charts",
    "curves",
    "scatter",
    "parallel",
    "table",
    "matrix",
    "roc",
    "all_runs",
    "side_by_side",
    "main",
)
"""The page's script, in the order in which its parts need each other."""
STYLES = ("colours", "page", "figures", "tables", "media")
"""Its style sheet, in the order in which later parts overrule earlier ones."""


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
    blocks = "\n".join(block.html(table, page) for block in report.shown(table))
    style = "\n".join(asset(f"{name}.css") for name in STYLES)
    library = asset("echarts.min.js")
    script = (
        "(() => {\n'use strict';\n"
        + "\n".join(asset(f"{name}.js") for name in SCRIPTS)
        + "\n})();\n"
    )
    hashes = " ".join(f"'sha256-{_sha256(source)}'" for source in (library, script))
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    contents = "".join(
        f'<li><a href="#{identifier}">{page.text(text)}</a></li>'
        for identifier, text in page.contents
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="dlsweep">
<title>{page.text(report.title or table.title)}</title>
<style>
{style}</style>
</head>
<body>
<header class="top">
<div class="kicker"><span>{page.text(table.title)}</span>
<button type="button" id="toggle-theme" class="quiet" hidden
aria-label="Dark or light">◐</button></div>
<h1>{page.text(report.title or table.title)}</h1>
<p class="byline">{_byline(table, page)}</p>
</header>
<nav class="contents" aria-label="Contents"><ol>{contents}</ol></nav>
<main>
<noscript><p class="missing">The figures of this page are drawn by its own script, which this
browser does not run. Text and numbers are here all the same.</p></noscript>
{blocks}
</main>
<footer>
<p>{_provenance(table, page)}</p>
<p>Charts: Apache ECharts, Apache License 2.0. This file needs no network and sends nothing.</p>
</footer>
<script type="application/json" id="data">{as_json(page_data(table))}</script>
<script>{library}</script>
<script>{script}</script>
</body>
</html>
"""


def asset(name: str) -> str:
    """A file of the page, from the package."""
    # Newlines as they are in the file: the policy holds the script's hash.
    return (files("dlsweep.report") / "_assets" / name).read_bytes().decode("utf-8")


def _sha256(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def _byline(table: RunsTable, page: Page) -> str:
    made = table.made.astimezone()
    shown = f"{made.day} {made:%B %Y, %H:%M}"
    return f'<time datetime="{made.isoformat()}">{shown}</time> · {page.text(table.source)}'


def _provenance(table: RunsTable, page: Page) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in table.versions.items())
    notices = "".join(f" {page.text(notice)}." for notice in table.notices)
    return (
        f"Made {minute(table.made)} from {page.text(table.source)} with "
        f"{page.text(versions)}.{notices}"
    )
