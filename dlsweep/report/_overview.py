"""What the runs are, how they came out, and why the metric may mislead, in sentences."""

from __future__ import annotations

from collections import Counter

import numpy as np

from dlsweep.report._data import is_final, logged, other_results
from dlsweep.report._runs import RunsTable
from dlsweep.report._trained_on import data_cautions
from dlsweep.report._words import amount, code, count, listed
from dlsweep.report.findings import find
from dlsweep.report.statistics import settings

MOST_NAMES = 10
"""Of metrics, in a sentence."""


def overview(table: RunsTable) -> list[str]:
    """How many runs there are, what they differ in, and how they came out."""
    if not table.runs:
        return ["There are no runs yet."]
    swept = [run for run in table.runs if not run.beside]
    statuses = Counter(run.status.replace("_", " ") for run in swept)
    told = listed([f"{n:,} {status}" for status, n in statuses.items()])
    if len(statuses) == 1:
        told = f"{'all ' if len(swept) > 1 else ''}{next(iter(statuses))}"
    names = settings(table)
    differ = f" They differ in {listed([code(name) for name in names])}." if names else ""
    colon = "," if len(statuses) == 1 else ":"
    lines = [f"{count(len(swept), 'run')}{colon} {told}.{differ}"] if swept else []
    lines += [*_configurations(table), *_beside(table), *cautions(table)]
    if not table.judged:
        return [*lines, "No metric says which of them is better, so none is ranked."]
    if not find(table).valued:
        return [*lines, f"None of them has a value of {code(table.metric.name)}.{_logged(table)}"]
    return [*lines, _results(table), *chance_level(table)[:1]]


def _configurations(table: RunsTable) -> list[str]:
    """How many configurations the runs are of, where that is another number."""
    runs = sum(not run.beside for run in table.runs)
    found = find(table)
    if found.configurations in (runs, 0):
        return []
    again = "seeds" if table.own else "runs"
    return [
        f"They are {count(found.configurations, 'configuration')}: runs that differ only in their "
        f"seed{', or in settings that had no effect,' if table.own else ''} are taken together, "
        f"and a configuration's value is the mean over its {again}."
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


def _logged(table: RunsTable) -> str:
    """What a program's runs have logged where it is not what they are judged by."""
    names = [] if table.own else list(dict.fromkeys([*logged(table), *other_results(table)]))
    told = [code(name) for name in names[:MOST_NAMES]]
    if len(names) > MOST_NAMES:
        told.append(count(len(names) - MOST_NAMES, "other"))
    return f" They logged {listed(told)}." if names else ""


def _results(table: RunsTable) -> str:
    """The best, the middle and the worst result, as far as there are so many."""
    found = [run.value for run in table.ranked() if run.value is not None]
    of = " of a run's last epoch" if is_final(table) else ""
    best, worst = amount(table, found[0]), amount(table, found[-1])
    if len(found) == 1:
        told = f"the one run with a result has {best}"
    elif len(found) == 2:
        told = f"of the two runs with a result one has {best}, the other {worst}"
    else:
        middle = amount(table, float(np.median(found)))
        told = f"the best single run has {best}, the worst {worst}, and the median is {middle}"
    if not table.own:
        of = f" ({'higher' if table.metric.goal == 'maximize' else 'lower'} is better)"
    return f"By {code(table.metric.name)}{of}, {told}."


def chance_level(table: RunsTable) -> list[str]:
    """The runs at chance; nothing where there are none or nothing is known of them."""
    found = find(table).chance
    if found is None or not found.runs:
        return []
    n, never = len(found.runs), len(found.never)
    one = "one class" if found.level < 0.5 else "the most frequent class"
    verb = "is" if n == 1 else "are"
    line = (
        f"{n:,} of {count(found.of, 'run')} {verb} no better than always answering {one} "
        f"({amount(table, found.level)})"
    )
    if never == n:
        return [f"{line}: {'it' if n == 1 else 'they'} never learned."]
    if not never:
        return [f"{line}, though {'it was' if n == 1 else 'all were'} better in an earlier epoch."]
    return [f"{line}: {never:,} of them never learned, the others were better in an earlier epoch."]
