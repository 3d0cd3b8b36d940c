"""The report that ``dlsweep report`` makes of any sweep: what people ask of one, in that order."""

from __future__ import annotations

from functools import partial

from dlsweep.report import text
from dlsweep.report._report import Report
from dlsweep.report.blocks import (
    AllRuns,
    Answer,
    BestRun,
    Block,
    Comparison,
    ConfusionMatrices,
    Curves,
    DataSet,
    Effects,
    Examples,
    Failures,
    Front,
    Heading,
    HeatMap,
    Importance,
    ParallelCoordinates,
    PerClass,
    RocCurves,
    SideBySide,
    Text,
)


def standard_report(title: str = "", threshold: float | None = None) -> Report:
    """Everything that a sweep can show.

    Args:
        title: of the report; the sweep's name if empty.
        threshold: below it a run is a poor one; 0.65 where the metric is an accuracy.
    """
    blocks: tuple[Block, ...] = (
        Answer(),
        Heading("Which settings matter?", "Settings"),
        Text(text.what_matters),
        Importance(),
        Effects(),
        HeatMap(),
        ParallelCoordinates(),
        Heading("Which configuration is best?", "Best"),
        Text(text.how_sure),
        BestRun(),
        Front(),
        Heading("How did the runs get there?", "Curves"),
        Curves(),
        Heading("What do poor and good runs have in common?", "Poor and good"),
        Text(partial(text.in_common, threshold=threshold), listed=True),
        Heading("Mean squared error or cross-entropy?", "Losses"),
        Comparison(),
        Heading("What else to run?", "Next"),
        Text(text.more_steps, listed=True),
        Heading("What to try on other data?", "Other data"),
        Text(text.suggestions, listed=True),
        Heading("Every run", "All runs"),
        AllRuns(),
        SideBySide(),
        Heading("What went wrong?", "Failures"),
        Text(text.diverged_in_common),
        Failures(),
        Heading("What does the best run get wrong?", "Classes"),
        ConfusionMatrices(),
        PerClass(),
        RocCurves(),
        Examples(),
        Heading("What do the data look like?", "Data"),
        DataSet(),
        Heading("How were these numbers made?", "Methods"),
        Text(text.overview),
        Text(text.methods),
    )
    return Report(title, blocks)
