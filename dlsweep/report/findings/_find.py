"""All findings of a table, computed once."""

from __future__ import annotations

from dlsweep.report._runs import RunsTable
from dlsweep.report.findings._best import best
from dlsweep.report.findings._chance import chance
from dlsweep.report.findings._effects import effects
from dlsweep.report.findings._ruins import ruins
from dlsweep.report.findings._types import Findings
from dlsweep.report.statistics import configurations, count_of_configurations, remembered


@remembered
def find(table: RunsTable) -> Findings:
    """What the runs show: values that ruin runs first, then the settings, then the best."""
    found = effects(table)
    return Findings(
        configurations=count_of_configurations(table),
        valued=configurations(table),
        chance=chance(table),
        ruins=ruins(table).ruins,
        judged=found.judged,
        effects=found.effects,
        interactions=found.interactions,
        explained=found.explained,
        best=best(table),
    )
