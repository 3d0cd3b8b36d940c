"""``dlsweep report``: what one sweep or several found, as a page, a folder or a W&B report."""

from __future__ import annotations

import argparse
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.cli._files import replace_file, unusable, writing
from dlsweep.cli._steps import Steps
from dlsweep.config import ConfigError

if TYPE_CHECKING:
    from dlsweep.report import Report, RunsTable, Studies

_PAGE = "README.md"
_MADE = re.compile(r"^Made \d{4}-\d\d-\d\d \d\d:\d\d from ", re.MULTILINE)


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "report",
        help="show what a sweep found, or compare several",
        description="Write the report of a local study, a W&B sweep or a W&B project: one HTML "
        "file that needs nothing but a browser, a folder of Markdown and pictures, or a W&B "
        "report. Several of them are compared on one page.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="source",
        help="a study's or a sweep's name, a SQLite file, FILE#STUDY, ENTITY/PROJECT/SWEEP_ID or "
        "ENTITY/PROJECT; the newest local study by default",
    )
    parser.add_argument("--storage", help="database URL or SQLite file (default: dlsweep.db)")
    parser.add_argument("--output", help="the HTML file (default: the study's name, .html)")
    parser.add_argument("--markdown", metavar="FOLDER", help="write README.md and pictures here")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="save it as a W&B report, the one that was published before if there is one",
    )
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
    for source in arguments.sources:
        if source.endswith((".yaml", ".yml")):
            problems.append(f"{source}: a sweep file; name its study, or none for the newest")
    if _several(arguments.sources) and threshold is not None:
        problems.append("--threshold: belongs to the report of one study, not of several")
    if problems:
        raise ConfigError(problems)
    with Steps() as step:
        report, table, studies = _read(arguments, threshold, step)
        written = _made(report, table, studies, arguments, step)
    for line in written:
        print(line)
    return 0


def _several(sources: list[str]) -> bool:
    """Whether studies are compared; FILE#PATTERN stands for several."""
    return len(sources) > 1 or any(mark in s.rpartition("#")[2] for s in sources for mark in "*?[")


def _read(
    arguments: argparse.Namespace, threshold: float | None, step: Steps
) -> tuple[Report, RunsTable, Studies | None]:
    """What to show, of which runs, and of several studies these; notices of them are printed."""
    from dlsweep.report import read_runs, read_studies

    sources = arguments.sources
    if not _several(sources):
        step("reading the runs")
        table = read_runs(sources[0] if sources else None, arguments.storage)
        _say(table)
        if not table.runs:
            print(f"dlsweep: {table.source} has no runs yet", file=sys.stderr)
        step("looking for what matters")
        from dlsweep.report import standard_report  # now that there is something to show

        return standard_report(arguments.title, threshold), table, None
    studies = read_studies(
        sources,
        arguments.storage,
        lambda done, of: step(f"reading the runs: {done:,} of {of:,} studies"),
    )
    from dlsweep.report import best_of_each, studies_report
    from dlsweep.report.findings import find

    for done, one in enumerate(studies.tables):
        step(f"looking for what matters: {done:,} of {len(studies.tables):,} studies")
        find(one)  # which is remembered
    table = best_of_each(studies)
    _say(table)
    return studies_report(studies, arguments.title), table, studies


def _say(table: RunsTable) -> None:
    for notice in table.notices:
        print(f"dlsweep: {notice}", file=sys.stderr)


def _made(
    report: Report,
    table: RunsTable,
    studies: Studies | None,
    arguments: argparse.Namespace,
    step: Steps,
) -> list[str]:
    """Write and publish what was asked for; a line for each."""
    publishing = arguments.publish or arguments.draft
    written = []
    if arguments.markdown is not None:
        step("drawing the pictures")
        from dlsweep.report import render_markdown

        with writing("--markdown", Path(arguments.markdown)):
            written.append(f"written: {render_markdown(report, table, arguments.markdown)}")
    if arguments.output is not None or not (publishing or arguments.markdown):
        step("writing the page")
        written.append(f"written: {_write(report, table, arguments.output)}")
    if publishing:
        step("publishing")
        kind = "draft" if arguments.draft else "published"
        written.append(f"{kind}: {_publish(report, table, studies, arguments)}")
    return written


def _write(report: Report, table: RunsTable, output: str | None) -> Path:
    from dlsweep.report import render_html

    name = re.sub(r"[^\w.-]+", "-", table.name or table.title).strip("-.") or "report"
    path = Path(output or f"{name}.html")
    replace_file("--output", path, render_html(report, table).encode())
    return path


def _publish(
    report: Report, table: RunsTable, studies: Studies | None, arguments: argparse.Namespace
) -> str:
    from dlsweep.report import publish, synced, synced_best

    place = None
    if table.online is None:
        if studies is None:
            place, found = synced(table, arguments.project)
        else:
            place, found = synced_best(studies, arguments.project)
        if found < len(table.runs):
            whose = "runs of the study" if studies is None else "best runs"
            told = f"{found} of {len(table.runs)} {whose} are in {place.project} at W&B"
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
