"""Floor 5: one runs table, and reports of it: blocks with renderings for every face."""

from __future__ import annotations

from dlsweep.report._html import render_html
from dlsweep.report._report import Report
from dlsweep.report._runs import Run, RunsTable

__all__ = ["Report", "Run", "RunsTable", "render_html"]
