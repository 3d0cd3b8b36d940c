"""``dlsweep report``: what a sweep found, as a page, as a folder or as a W&B report."""

from __future__ import annotations

import argparse
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.cli._files import replace_file, unusable, writing
from dlsweep.config import ConfigError

if TYPE_CHECKING:
    from dlsweep.report import Report, RunsTable

_PAGE = "README.md"
_MADE = re.compile(r"^Made \d{4}-\d\d-\d\d \d\d:\d\d from ", re.MULTILINE)


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "report",
        help="show what a sweep found",
        description="Write the report of a local study, a W&B sweep or a W&B project: one HTML "
        "file that needs nothing but a browser, a folder of Markdown and pictures, or a W&B "
        "report.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "source",
        nargs="?",
        help="a study's or a sweep's name, a SQLite file, ENTITY/PROJECT/SWEEP_ID or "
        "ENTITY/PROJECT; the newest local study by default",
    )
    parser.add_argument("--storage", help="database URL or SQLite file (default: dlsweep.db)")
    parser.add_argument("--output", help="the HTML file (default: the study's name, .html)")
    parser.add_argument("--markdown", metavar="FOLDER", help="write README.md and pictures here")
    parser.add_argument("--publish", action="store_true", help="save it as a W&B report")
    parser.add_argument("--draft", action="store_true", help="as a draft (implies --publish)")
    parser.add_argument(
        "--project", help="where a local study's runs were synced to: ENTITY/PROJECT or PROJECT"
    )
    parser.add_argument("--title", default="", help="of the report (default: the sweep's name)")
    parser.add_argument(
        "--threshold", help="below this value a run is a poor one (default: 0.65 for accuracies)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Read the runs, then write what was asked for: the HTML file if nothing else was."""
    threshold = _threshold(arguments.threshold, problems)
    publishing = arguments.publish or arguments.draft
    if arguments.project is not None and not publishing:
        problems.append("--project: says where to --publish; give that too")
    for flag, path in (("--output", arguments.output), ("--markdown", arguments.markdown)):
        if path is not None:
            is_folder = flag == "--markdown"
            problems += unusable(flag, path, folder=is_folder, example="report.html")
    if arguments.markdown:
        problems += _someone_elses(Path(arguments.markdown) / _PAGE)
    if str(arguments.source).endswith((".yaml", ".yml")):
        problems.append(f"{arguments.source}: a sweep file; name its study, or none for the newest")
    if problems:
        raise ConfigError(problems)
    from dlsweep.report import read_runs

    table = read_runs(arguments.source, arguments.storage)
    for notice in table.notices:
        print(f"dlsweep: {notice}", file=sys.stderr)
    from dlsweep.report import standard_report  # now that there is something to show

    report = standard_report(arguments.title, threshold)
    if not table.runs:
        print(f"dlsweep: {table.source} has no runs yet", file=sys.stderr)
    if arguments.markdown is not None:
        from dlsweep.report import render_markdown

        with writing("--markdown", Path(arguments.markdown)):
            page = render_markdown(report, table, arguments.markdown)
        print(f"written: {page}")
    if arguments.output is not None or not (publishing or arguments.markdown):
        print(f"written: {_write(report, table, arguments.output)}")
    if publishing:
        print(
            f"{'draft' if arguments.draft else 'published'}: {_publish(report, table, arguments)}"
        )
    return 0


def _write(report: Report, table: RunsTable, output: str | None) -> Path:
    from dlsweep.report import render_html

    name = re.sub(r"[^\w.-]+", "-", table.name or table.title).strip("-.") or "report"
    path = Path(output or f"{name}.html")
    replace_file("--output", path, render_html(report, table).encode())
    return path


def _publish(report: Report, table: RunsTable, arguments: argparse.Namespace) -> str:
    from dlsweep.report import publish, synced

    place = None
    if table.online is None:
        place, found = synced(table, arguments.project)
        if found < len(table.runs):
            told = f"{found} of {len(table.runs)} runs of the study are in {place.project} at W&B"
            print(f"dlsweep: {told}; the panels show those", file=sys.stderr)
    elif arguments.project is not None:
        raise ConfigError(["--project: the runs of a W&B source are where they are"])
    return publish(report, table, place, draft=arguments.draft)


def _threshold(text: str | None, problems: list[str]) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        problems.append(f"--threshold: got {text!r}, expected a number such as 0.65")
    return value


def _someone_elses(page: Path) -> list[str]:
    """Why a page must not be overwritten: a README of another kind, of a whole project perhaps."""
    try:
        text = page.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    if _MADE.search(text):
        return []
    return [f"--markdown: {page} is there, and no report of dlsweep's; name another folder"]
