"""A report as one HTML file that needs nothing but a browser."""

from __future__ import annotations

from dlsweep.report._page import Page
from dlsweep.report._report import Report
from dlsweep.report._runs import RunsTable


def render_html(report: Report, table: RunsTable) -> str:
    """The report as one HTML file: no network, everything embedded.

    Args:
        report: what to show.
        table: the runs.
    """
    page = Page()
    return "\n".join(block.html(table, page) for block in report.blocks)
