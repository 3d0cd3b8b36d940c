"""Floor 5: one runs table, and reports of it: blocks with renderings for every face."""

from __future__ import annotations

from dlsweep.report._html import render_html
from dlsweep.report._read import read_runs
from dlsweep.report._report import Report
from dlsweep.report._runs import Online, Run, RunsTable

__all__ = ["Online", "Report", "Run", "RunsTable", "read_runs", "render_html"]
