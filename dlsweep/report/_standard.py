"""The report that ``dlsweep report`` makes of any sweep: what people ask of one, in that order."""

from __future__ import annotations

from functools import partial

from dlsweep.report import text
from dlsweep.report._report import Report
from dlsweep.report.blocks import (
    AllRuns,
    BestRun,
    Block,
    Comparison,
    ConfusionMatrices,
    Curves,
    DataSet,
    Effects,
    Examples,
    Failures,
    Heading,
    Importance,
    ParallelCoordinates,
    PerClass,
    RocCurves,
    Scatter,
    SideBySide,
    Summary,
    Text,
)


def standard_report(title: str = "", threshold: float | None = None) -> Report:
    """Everything that a sweep can show.

    Args:
        title: of the report; the sweep's name if empty.
        threshold: below it a run is a poor one; 0.65 where the metric is an accuracy.
    """
    blocks: tuple[Block, ...] = (
        Text(text.answer),
        Summary(),
        Text(text.overview),
        DataSet(),
        Heading("How did the runs do?", "Runs"),
        Scatter(),
        Curves(),
        ParallelCoordinates(),
        Heading("Which settings matter?", "Settings"),
        Text(text.what_matters),
        Importance(),
        Effects(),
        Heading("What do poor and good runs have in common?", "Poor and good"),
        Text(partial(text.in_common, threshold=threshold), listed=True),
        Heading("Which run is best?", "Best run"),
        Text(text.best_run),
        BestRun(),
        ConfusionMatrices(),
        PerClass(),
        RocCurves(),
        Examples(),
        Heading("Mean squared error or cross-entropy?", "Losses"),
        Comparison(),
        Heading("What to try on other data?", "Suggestions"),
        Text(text.suggestions, listed=True),
        Heading("What to run next?", "Next"),
        Text(text.next_steps, listed=True),
        Heading("Every run", "All runs"),
        SideBySide(),
        AllRuns(),
        Heading("What went wrong?", "Failures"),
        Text(text.diverged_in_common),
        Failures(),
        Heading("How were these numbers made?", "Methods"),
        Text(text.methods),
    )
    return Report(title, blocks)
