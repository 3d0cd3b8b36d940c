"""Floor 5: one runs table, and reports of it: blocks with renderings for every face."""

from __future__ import annotations

from dlsweep.report._html import render_html
from dlsweep.report._markdown import render_markdown
from dlsweep.report._publish import publish, synced
from dlsweep.report._read import read_runs
from dlsweep.report._report import Report
from dlsweep.report._runs import Online, Run, RunsTable, joined
from dlsweep.report._standard import standard_report

__all__ = [
    "Online",
    "Report",
    "Run",
    "RunsTable",
    "joined",
    "publish",
    "read_runs",
    "render_html",
    "render_markdown",
    "standard_report",
    "synced",
]
