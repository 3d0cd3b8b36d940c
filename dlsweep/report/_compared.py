"""The report of several studies: the best of all, what they agree on, and the best of each."""

from __future__ import annotations

from collections.abc import Callable

from dlsweep.report import _studies_text as text
from dlsweep.report._report import Report
from dlsweep.report._runs import RunsTable
from dlsweep.report._studies import Studies
from dlsweep.report.blocks import (
    AgreementTable,
    AllRuns,
    Curves,
    Heading,
    ParallelCoordinates,
    SideBySide,
    StudyList,
    Text,
)


def studies_report(studies: Studies, title: str = "") -> Report:
    """Several studies, compared on one page.

    It is rendered with the table of ``best_of_each``: the best configuration of each study.

    Args:
        studies: the studies, as ``read_studies`` or ``comparable`` give them.
        title: of the report; how many studies there are if empty.
    """
    return Report(
        title,
        (
            Text(_of(text.answer, studies)),
            Heading("Which study found the best?", "Studies"),
            StudyList(studies),
            Heading("On which settings do they agree?", "Settings"),
            AgreementTable(studies),
            Heading("How did the best of each do?", "Best of each"),
            Curves(),
            ParallelCoordinates(),
            SideBySide(),
            AllRuns(),
            Heading("How was this compared?", "Methods"),
            Text(_of(text.methods, studies)),
        ),
    )


def _of(
    write: Callable[[Studies], list[str]], studies: Studies
) -> Callable[[RunsTable], list[str]]:
    return lambda table: write(studies)
