"""Floor 6: one runs table, and reports of it: blocks with renderings for every face.

What draws and what computes is imported with its first use, so that a source that is not there is
refused at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep._lazy import lazily
from dlsweep.report._read import read_runs, read_studies
from dlsweep.report._runs import Online, RunsTable, joined
from dlsweep.report._studies import Studies, comparable
from dlsweep.report._where import Where, where

if TYPE_CHECKING:
    from dlsweep.report._compared import studies_report
    from dlsweep.report._html import render_html
    from dlsweep.report._publish import publish, synced, synced_best
    from dlsweep.report._render_markdown import render_markdown
    from dlsweep.report._report import Report
    from dlsweep.report._standard import standard_report
    from dlsweep.report.findings import best_of_each

__all__ = [
    "Online",
    "Report",
    "RunsTable",
    "Studies",
    "Where",
    "best_of_each",
    "comparable",
    "joined",
    "publish",
    "read_runs",
    "read_studies",
    "render_html",
    "render_markdown",
    "standard_report",
    "studies_report",
    "synced",
    "synced_best",
    "where",
]

__getattr__ = lazily(__name__, __file__)
