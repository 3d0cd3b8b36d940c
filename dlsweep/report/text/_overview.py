"""What the runs are, how they came out, and why the metric may mislead, in sentences."""

from __future__ import annotations

from collections import Counter

import numpy as np

from dlsweep.report._data import logged, other_results
from dlsweep.report._runs import RunsTable
from dlsweep.report._trained_on import data_cautions
from dlsweep.report._words import amount, code, count, listed
from dlsweep.report.findings import find
from dlsweep.report.statistics import settings
from dlsweep.report.text._names import better, measured, named

MOST_NAMES = 10
"""Of metrics, in a sentence."""


def overview(table: RunsTable) -> list[str]:
    """How many runs there are, what they differ in, and how they came out."""
    if not table.runs:
        return ["There are no runs yet."]
    names = settings(table)
    differ = f" They differ in {listed([named(table, name) for name in names])}." if names else ""
    lines = [f"{statuses(table)}{differ}", *_configurations(table), *_beside(table)]
    if not table.judged:
        return [*lines, "No metric says which of them is better, so none is ranked."]
    if not find(table).valued:
        return [*lines, f"None of them has a value of {measured(table)}.{logged_instead(table)}"]
    return [*lines, _results(table)]


def statuses(table: RunsTable) -> str:
    """How many runs the sweep has, and how they ended."""
    swept = [run for run in table.runs if not run.beside]
    found = Counter(run.status.replace("_", " ") for run in swept)
    if len(found) == 1:
        status = next(iter(found))
        return f"{count(len(swept), 'run')}, {'all ' if len(swept) > 1 else ''}{status}."
    told = listed([f"{n:,} {status}" for status, n in found.items()])
    return f"{count(len(swept), 'run')}: {told}."


def _configurations(table: RunsTable) -> list[str]:
    """How many configurations the runs are of, where that is another number."""
    runs = sum(not run.beside for run in table.runs)
    found = find(table)
    if found.configurations in (runs, 0):
        return []
    again = "seeds" if table.own else "runs"
    return [
        f"That is {count(found.configurations, 'configuration')}: runs that differ only in their "
        f"seed{', or in settings that had no effect,' if table.own else ''} count as one, with the "
        f"mean of its {again}."
    ]


def _beside(table: RunsTable) -> list[str]:
    beside = sum(run.beside for run in table.runs)
    stopped = sum(run.status == "stopped" for run in table.runs)
    lines = []
    if beside:
        lines.append(
            f"{count(beside, 'more run was', 'more runs were')} trained beside the sweep, to "
            "repeat or to compare some of its configurations; they do not count in what is said "
            "of the settings."
        )
    if stopped:
        lines.append(
            f"{count(stopped, 'run was', 'runs were')} stopped before the "
            f"{'last epoch' if table.own else 'end'} and {'does' if stopped == 1 else 'do'} not "
            "count in what is said of the settings."
        )
    return lines


def cautions(table: RunsTable) -> list[str]:
    """Why the metric may mislead: numbers that cannot be compared, or test data that chose."""
    lines = []
    if table.replaced:
        instead = (
            f"This report judges them by {code(table.metric.name)} instead."
            if table.judged
            else "They logged no accuracy to judge them by instead."
        )
        lines.append(
            f"The sweep is judged by {code(table.replaced)}, **but its runs were trained with "
            f"different losses,** whose values cannot be compared. {instead}"
        )
    name = table.metric.name
    if table.own and name.startswith("test_"):
        lines.append(
            f"**The test data chose:** the runs are judged by {code(name)}, and whatever is chosen "
            "by the test data looks better on them than it will on new data. Judge by "
            f"{code('val_' + name[5:])}, and look at the test data once, at the end."
        )
    if table.own and table.judged and "dataset" in table.parameters:
        lines.append(
            f"The runs were trained on different data sets: {code(name)} on one cannot be compared "
            f"with {code(name)} on another."
        )
    return [*lines, *data_cautions(table)]


def logged_instead(table: RunsTable) -> str:
    """What a program's runs have logged where it is not what they are judged by."""
    names = [] if table.own else list(dict.fromkeys([*logged(table), *other_results(table)]))
    told = [code(name) for name in names[:MOST_NAMES]]
    if len(names) > MOST_NAMES:
        told.append(count(len(names) - MOST_NAMES, "other"))
    return f" They logged {listed(told)}." if names else ""


def _results(table: RunsTable) -> str:
    """The best, the middle and the worst result, as far as there are so many."""
    found = [run.value for run in table.ranked() if run.value is not None]
    best, worst = amount(table, found[0]), amount(table, found[-1])
    if len(found) == 1:
        told = f"the one run with a result has {best}"
    elif len(found) == 2:
        told = f"of the two runs with a result one has {best}, the other {worst}"
    else:
        middle = amount(table, float(np.median(found)))
        told = f"the best single run has {best}, the median is {middle} and the worst {worst}"
    way = "" if table.own else f" ({better(table)})"
    return f"In {measured(table)}{way}, {told}."
